"""Alarm events as they happen, as server-sent events (WHATWG HTML, 9.2)."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from alerting.alarm import AlarmEvent
from api.access import State, Viewer, scoped
from api.errors import ApiError, bad_request
from api.hub import EventHub
from api.views import notice_json

__all__ = ["router"]

router = APIRouter(tags=["stream"])

HEARTBEAT_S = 15.0
MAX_LISTENERS = 500


@router.get("/stream", summary="Alarm events as they happen", response_class=StreamingResponse)
async def stream(
    who: Viewer,
    at: State,
    after: Annotated[int | None, Query(ge=0, description="Begin behind this event.")] = None,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    last_event_id: Annotated[str | None, Header(description="As `after`; browsers send it on reconnecting.")] = None,
) -> StreamingResponse:
    """Each event has its number as `id`, its type as `event`, and the webhook's document as `data`.

    Without a place to begin it starts with what happens next. A comment line every 15 s shows that the line stands.
    """
    wanted = scoped(who, enterprise)
    if last_event_id:
        if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
            raise bad_request("Last-Event-ID: not one that this stream gave out")
        after = int(last_event_id)
    if at.hub.listeners >= MAX_LISTENERS:
        raise ApiError(503, f"{MAX_LISTENERS} listen already", headers={"Retry-After": "30"})
    return StreamingResponse(
        _lines(at.hub, after, wanted),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(hub: EventHub, after: int | None, enterprise: str | None) -> AsyncIterator[str]:
    with hub.listen(after) as listener:
        yield "retry: 2000\n\n"
        async for events in listener.batches(HEARTBEAT_S):
            if not events:
                yield ": still here\n\n"
                continue
            text = "".join(_event(e) for e in events if enterprise is None or e.alarm.enterprise == enterprise)
            # Somebody else's events still move this stream's place on, or a reconnect would read them all again.
            yield text or f"id: {events[-1].seq}\n\n"


def _event(event: AlarmEvent) -> str:
    data = json.dumps(notice_json(event), ensure_ascii=False, separators=(",", ":"))
    return f"id: {event.seq}\nevent: {event.type}\ndata: {data}\n\n"
