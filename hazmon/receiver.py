"""A webhook receiver for the demo and for trying things out: checks signatures, keeps what came."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

__all__ = ["Received", "WebhookReceiver"]

_MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """One delivery whose signature was right."""

    received_ms: int
    webhook_id: str
    event: dict[str, Any]


class WebhookReceiver:
    """Listens on a free loopback port until `close`; answers 204, or 401 to a wrong signature.

    Parameters
    ----------
    secret : str
        The signing secret, ``whsec_...``.
    on_delivery : callable, optional
        Called with each delivery, in the receiver's threads; a repeated ``webhook-id`` is not reported twice.
    """

    def __init__(self, secret: str, on_delivery: Callable[[Received], None] | None = None) -> None:
        self.deliveries: list[Received] = []
        self.refused = 0
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        webhook = Webhook(secret)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # the sender keeps its connection

            def do_POST(self) -> None:
                size = int(self.headers.get("content-length", 0))
                body = self.rfile.read(size) if size <= _MAX_BODY_BYTES else b""
                try:
                    webhook.verify(body, {k.lower(): v for k, v in self.headers.items()})
                except WebhookVerificationError:
                    receiver.refused += 1
                    self._answer(401)
                    return
                self._answer(204)
                receiver._accept(self.headers["webhook-id"], json.loads(body), on_delivery)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: the demo prints deliveries itself."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook-receiver", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where to send."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def _accept(self, webhook_id: str, event: dict[str, Any], on_delivery: Callable[[Received], None] | None) -> None:
        received = Received(time.time_ns() // 1_000_000, webhook_id, event)
        with self._lock:
            if webhook_id in self._seen:
                return
            self._seen.add(webhook_id)
            self.deliveries.append(received)
        if on_delivery is not None:
            on_delivery(received)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
