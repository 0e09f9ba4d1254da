"""What the application keeps between requests: the services it was given, and what it makes of them."""

from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI, Request

from api.board import Board
from api.hub import EventHub
from api.live import LiveValues
from api.points import Points
from api.services import Services

__all__ = ["ApiState", "state_of"]


@dataclass(frozen=True, slots=True)
class ApiState:
    """One per application."""

    services: Services
    points: Points
    hub: EventHub
    board: Board
    live: LiveValues
    started_ms: int


def state_of(request: Request) -> ApiState:
    """The state of the application that serves this request; a FastAPI dependency."""
    return cast(ApiState, cast(FastAPI, request.app).state.api)
