"""Puts the console onto the application: login forms, then NiceGUI for everything that is not the API's."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from nicegui import ui
from starlette.routing import BaseRoute

from api.console.login import login_router
from api.console.page import Console
from api.console.pages import add_pages
from api.console.pulse import Pulse
from api.console.sessions import Sessions
from api.state import ApiState

__all__ = ["mount_console"]

_MESSAGES_KEPT = 50
"""For a browser that comes back after a moment; each may be a whole list of alarms."""


def mount_console(app: FastAPI, state: ApiState, secret: bytes, before: BaseRoute) -> None:
    """Add the console, with the route ``before`` in front of NiceGUI, which would take every path.

    NiceGUI has one application a process, so this can be done for one application only.
    """
    services = state.services
    sessions = Sessions(secret, services.keys, services.clock_ms)
    app.include_router(login_router(services, sessions))
    app.router.routes.append(before)
    logging.getLogger("nicegui").setLevel(logging.ERROR)  # it warns of every address that a browser mistypes
    pulse = Pulse(state)
    add_pages(Console(state, sessions, pulse))
    style = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    ui.add_head_html(f"<style>{style}</style>", shared=True)
    ui.run_with(
        app,
        title="hazmon",
        favicon="🛑",
        dark=True,
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=5.0,
        message_history_length=_MESSAGES_KEPT,
    )
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(a: FastAPI) -> AsyncIterator[object]:
        async with inner(a) as made:
            pulse.start()
            try:
                yield made
            finally:
                await pulse.stop()

    app.router.lifespan_context = lifespan  # type: ignore[assignment]  # FastAPI's own is as loosely typed
