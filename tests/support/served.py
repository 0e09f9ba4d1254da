"""An ASGI application on a free loopback port, in a thread of this process."""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI

from api.app import end_streams
from tests.support.servers import wait_until

__all__ = ["ServedApp"]


class ServedApp:
    """Serves while the block runs.

    Parameters
    ----------
    app : FastAPI
        From `api.app.create_app`.
    ws : str
        uvicorn's websocket implementation.
    """

    def __init__(self, app: FastAPI, ws: Any = "none") -> None:
        self._app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="warning", ws=ws, lifespan="on", timeout_graceful_shutdown=2)
        self._server = uvicorn.Server(config)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="served-app")

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), "the application to start")
        assert self._server.started
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(end_streams, self._app)
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the application does not stop"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._server.serve(sockets=[self._socket]))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._socket.close()
