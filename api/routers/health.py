"""For machines that watch this machine: no key needed, and nothing about the plant in the answers."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.access import State
from api.metrics import Collector

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Whether the process answers")
async def healthz() -> dict[str, str]:
    """200 as long as this process serves requests at all."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Whether every part works")
def readyz(at: State) -> JSONResponse:
    """200 when all parts work, 503 with the reasons otherwise."""
    parts = at.services.readiness()
    ready = all(ok for ok, _ in parts.values())
    return JSONResponse(
        {
            "status": "ready" if ready else "not ready",
            "parts": {name: {"ok": ok, "detail": detail} for name, (ok, detail) in parts.items()},
        },
        200 if ready else 503,
    )


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
def metrics(at: State) -> Response:
    """In base units; every counter is there, at zero, from the start."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(at))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
