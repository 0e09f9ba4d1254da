"""The HTTP application: routers, errors, limits on requests, and the threads that follow the journal and the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import anyio.to_thread
import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from alerting.errors import DeskError, DeskReason, JournalError
from api.access import FailureLimit
from api.board import Board
from api.errors import ApiError, problem
from api.hub import EventHub
from api.live import LiveValues
from api.middleware import BodyLimit, SecurityHeaders
from api.points import Points
from api.query import refuse_unknown_parameters
from api.reference import reference_page
from api.routers import alarms, health, overview, points, records, rejects, stream
from api.services import Services
from api.state import ApiState
from ingest.errors import IngestError

__all__ = ["OursFirst", "create_app", "end_streams"]

_log = structlog.get_logger("hazmon.api")

MAX_BODY_BYTES = 256 << 10
_ROUTERS = (alarms, points, overview, stream, rejects, records)
_DESK_STATUS = {DeskReason.NOT_FOUND: 404, DeskReason.NOT_ALLOWED: 409, DeskReason.BAD_REQUEST: 422}


def create_app(services: Services) -> FastAPI:
    """The whole application, console included where ``services.session_secret`` is given.

    Its lifespan starts and stops the threads behind it. When the server is to stop, call `end_streams` first: a
    stream of events never ends by itself.
    """
    board = Board()
    state = ApiState(
        services=services,
        points=Points(services.plant, services.log),
        hub=EventHub(services.journal),
        board=board,
        live=LiveValues(services.log),
        started_ms=services.clock_ms(),
    )
    state.hub.on_events(board.take)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # The hub first: what happens while the open alarms are read comes as an event and is taken twice, not never.
        state.hub.start()
        board.load(await anyio.to_thread.run_sync(services.journal.open_alarms))
        state.live.start()
        try:
            yield
        finally:
            state.hub.close()
            await anyio.to_thread.run_sync(state.hub.stop)
            await anyio.to_thread.run_sync(state.live.stop)

    app = FastAPI(
        title="hazmon",
        version=services.version,
        description="Alarms, points and readings of major hazard sources. Lists are {items, next}; times are RFC 3339 "
        "UTC with milliseconds; errors are RFC 9457 problem documents.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.api = state
    app.state.failure_limit = FailureLimit()
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(SecurityHeaders)
    _add_error_handlers(app)

    api = APIRouter(prefix="/api/v1", dependencies=[refuse_unknown_parameters])
    for module in _ROUTERS:
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(health.router)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference_page(app.openapi()))

    if services.session_secret is not None:
        # NiceGUI is slow to import and keeps one application a process, so only those who want the console pay.
        from api.console import mount_console

        mount_console(app, state, services.session_secret, before=OursFirst(app.router.routes))
    return app


def end_streams(app: FastAPI) -> None:
    """Let every event stream end now, so that the server can stop. Call it in the event loop."""
    state: ApiState = app.state.api
    state.hub.close()


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def api_error(_: Request, error: ApiError) -> Response:
        return problem(error.status, error.detail, headers=error.headers, extra=error.extra)

    @app.exception_handler(DeskError)
    async def desk_error(_: Request, error: DeskError) -> Response:
        return problem(_DESK_STATUS[error.reason], str(error), extra={"reason": str(error.reason)})

    @app.exception_handler(JournalError)
    async def journal_error(_: Request, error: JournalError) -> Response:
        if error.reason == "bad_cursor":
            return problem(400, f"cursor: {error}")
        _log.error("the journal did not answer", error=str(error))
        return problem(503, "the journal can't be used now", headers={"Retry-After": "2"})

    @app.exception_handler(IngestError)
    async def ingest_error(_: Request, error: IngestError) -> Response:
        # The text may carry the store's address; that is for the log of this machine, not for a client.
        _log.warning("the log or the store did not answer", error=str(error))
        return problem(503, "the store or the log can't be used now", headers={"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    async def validation_error(_: Request, error: RequestValidationError) -> Response:
        return _validation_problem(error)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 404:
            detail = f"there is nothing at {request.url.path[:100]}"
        elif error.status_code == 405:
            detail = f"{request.method} is not possible here" + (
                f"; there is {headers['Allow']}" if "Allow" in headers else ""
            )
        else:
            detail = str(error.detail)
        return problem(error.status_code, detail, headers=headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # The last line of defence: the client learns that it is our mistake, the log of this machine learns which.
        _log.error("a request failed", path=request.url.path, exc_info=error)
        return problem(500, "a mistake on our side; the service's log has it")


def _validation_problem(error: RequestValidationError) -> JSONResponse:
    found = [
        {"where": ".".join(str(part) for part in e["loc"])[:200], "detail": e["msg"].removeprefix("Value error, ")}
        for e in error.errors()[:20]
    ]
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return problem(400, f"the body is not JSON: {found[0]['detail']}")
    detail = "; ".join(f"{e['where']}: {e['detail']}" for e in found[:5])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=found)


class OursFirst(BaseRoute):
    """Stands between our routes and a mounted application that would take every path.

    It takes requests for our paths with a method that they do not have (405), and all of ``/api/`` that is none of
    ours (404), so that both are answered as problem documents.
    """

    def __init__(self, routes: list[BaseRoute]) -> None:
        self._routes = routes

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this request must not go on to the mounted application."""
        if scope["type"] != "http":
            return Match.NONE, {}
        if scope["path"].startswith("/api/") or self._partial(scope):
            return Match.FULL, {}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """405 from the route whose method it is not, else 404."""
        route = self._partial(scope)
        if route is None:
            raise HTTPException(404)
        await route.handle(scope, receive, send)

    def _partial(self, scope: Scope) -> BaseRoute | None:
        others = (r for r in self._routes if r is not self)
        return next((r for r in others if r.matches(scope)[0] is Match.PARTIAL), None)
