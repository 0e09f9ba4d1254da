"""What did not become readings: rejected messages, and points that the plant does not know."""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.access import Engineer, State, scoped
from api.errors import bad_request
from api.paging import Cursor, Limit, Listing, listing
from api.times import iso
from ingest.decode.reject import RejectReason
from ingest.rejects import Rejected, UnknownPoint

__all__ = ["router"]

router = APIRouter(tags=["rejects"])


@router.get("/rejects", summary="Messages that could not be decoded, the newest first")
def rejects(
    who: Engineer,
    at: State,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    reason: RejectReason | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """With topic, reason and the head of the payload, as text where it is text and in base64 otherwise.

    A key for one enterprise sees the messages whose topic names it.
    """
    wanted = scoped(who, enterprise)
    found: list[Rejected] = []
    while True:
        try:
            page = at.services.rejects.rejected(limit - len(found), cursor, reason)
        except (ValueError, OverflowError):
            raise bad_request("cursor: not one that this list gave out") from None
        found.extend(r for r in page.items if wanted is None or wanted in r.topic.split("/"))
        cursor = page.next
        if cursor is None or len(found) >= limit:
            return listing([_reject_json(r) for r in found], cursor)


@router.get("/unknown-points", summary="Points that send but are not in the plant")
def unknown_points(
    who: Engineer,
    at: State,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """With their last value, and how often they sent."""
    wanted = scoped(who, enterprise)
    found: list[UnknownPoint] = []
    while True:
        try:
            page = at.services.rejects.unknown_points(limit - len(found), cursor)
        except ValueError:
            raise bad_request("cursor: not one that this list gave out") from None
        found.extend(p for p in page.items if wanted is None or p.key.enterprise == wanted)
        cursor = page.next
        if cursor is None or len(found) >= limit:
            return listing([_unknown_json(p) for p in found], cursor)


def _reject_json(reject: Rejected) -> dict[str, Any]:
    try:
        text, base64 = reject.payload.decode(), None
    except UnicodeDecodeError:
        text, base64 = None, b64encode(reject.payload).decode()
    return {
        "id": reject.id,
        "received_at": iso(reject.received_ms),
        "topic": reject.topic,
        "reason": str(reject.reason),
        "detail": reject.detail,
        "payload": text,
        "payload_base64": base64,
        "payload_bytes": reject.payload_bytes,
    }


def _unknown_json(point: UnknownPoint) -> dict[str, Any]:
    return {
        "enterprise": point.key.enterprise,
        "point": point.key.point,
        "last": {"t": point.time_ms, "v": point.value, "q": point.quality},
        "count": point.count,
        "first_received_at": iso(point.first_received_ms),
        "last_received_at": iso(point.last_received_ms),
    }
