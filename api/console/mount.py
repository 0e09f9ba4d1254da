"""Puts the console onto the application: login forms, then NiceGUI for everything that is not the API's."""

import logging

from fastapi import FastAPI
from nicegui import ui
from starlette.routing import BaseRoute

from api.console.login import login_router
from api.console.sessions import Sessions
from api.state import ApiState

__all__ = ["mount_console"]


def mount_console(app: FastAPI, state: ApiState, secret: bytes, before: BaseRoute) -> None:
    """Add the console, with the route ``before`` in front of NiceGUI, which would take every path.

    NiceGUI has one application a process, so this can be done for one application only.
    """
    services = state.services
    sessions = Sessions(secret, services.keys, services.clock_ms)
    app.include_router(login_router(services, sessions))
    app.router.routes.append(before)
    logging.getLogger("nicegui").setLevel(logging.ERROR)  # it warns of every address that a browser mistypes
    ui.run_with(app, title="hazmon", dark=True, tailwind=False, show_welcome_message=False)
