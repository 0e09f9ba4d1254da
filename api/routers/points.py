"""Measuring points: listed, shown, their readings, their limits."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, field_validator

from api.access import Engineer, State, Viewer, may_see, scoped
from api.errors import not_found, unprocessable
from api.keys import Identity
from api.limits import merged
from api.paging import Cursor, Limit, Listing, listing
from api.state import ApiState
from api.texts import Text, required
from api.times import Time
from api.views import checks_json, point_json
from hazards.durations import parse_duration_ms
from hazards.plant import Point, PointKey

__all__ = ["router"]

router = APIRouter(prefix="/points", tags=["points"])

MAX_ITEMS = 200_000
"""Readings in one answer, at most."""
_DEFAULT_RANGE_MS = 3_600_000


class LimitsChange(BaseModel):
    """Fields of the point's limits that are to change, null for off, and why."""

    model_config = ConfigDict(extra="forbid")
    limits: dict[Annotated[str, Field(max_length=40)], StrictInt | StrictFloat | str | None] = Field(
        max_length=40, examples=[{"high": 0.8, "high_clear": 0.75, "on_delay": "5s"}]
    )
    reason: Text

    _required = field_validator("reason")(required)


@router.get("", summary="Points in the order of their names")
def list_points(
    who: Viewer,
    at: State,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    source: Annotated[str | None, Query(max_length=64)] = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of the id, or of a name.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """With limits, the last reading, open alarms and the worst severity among them."""
    wanted = scoped(who, enterprise)
    words = (q or "").casefold().split()

    def keep(p: Point) -> bool:
        return (
            (wanted is None or p.enterprise == wanted)
            and (source is None or p.source == source)
            and (kind is None or p.kind == kind)
            and all(w in f"{p.id} {p.name.zh} {p.name.en} {p.kind} {p.source}".casefold() for w in words)
        )

    points, next_ = at.points.page(keep, limit, cursor)
    return listing([_shown(at, p) for p in points], next_)


@router.get("/{enterprise}/{point}", summary="A point")
def show_point(enterprise: str, point: str, who: Viewer, at: State) -> dict[str, Any]:
    """The same as in the list."""
    return _shown(at, _visible(at, who, enterprise, point))


@router.get("/{enterprise}/{point}/readings", summary="What a point measured")
def readings(
    enterprise: str,
    point: str,
    who: Viewer,
    at: State,
    start: Annotated[Time | None, Query(description="From this time; an hour before `end` if absent.")] = None,
    end: Annotated[Time | None, Query(description="Until before this time; now if absent.")] = None,
    every: Annotated[str | None, Query(max_length=20, description="Means over spans of this length, e.g. 10s.")] = None,
) -> Listing:
    """`{"t": ms, "v", "q"}` in order of time; with `every` also `min`, `max` and `n` of each span that has readings."""
    found = _visible(at, who, enterprise, point)
    end_ms = at.services.clock_ms() + 1 if end is None else end
    start_ms = end_ms - _DEFAULT_RANGE_MS if start is None else start
    if start_ms >= end_ms:
        raise unprocessable("query.start", "is not before end")
    every_ms = None
    if every is not None:
        try:
            every_ms = parse_duration_ms(every)
        except ValueError as error:
            raise unprocessable("query.every", str(error)) from None
        if every_ms <= 0:
            raise unprocessable("query.every", "give a duration above 0")
        if (end_ms - start_ms) / every_ms > MAX_ITEMS:
            raise unprocessable("query.every", f"would give more than {MAX_ITEMS} items; give a longer one")
    rows = at.services.store.readings(found.key, start_ms, end_ms, every_ms, limit=MAX_ITEMS + 1)
    if len(rows) > MAX_ITEMS:
        raise unprocessable("query", f"more than {MAX_ITEMS} readings; give a shorter range, or every")
    return listing([dict(row) for row in rows], None)


@router.put("/{enterprise}/{point}/limits", summary="Change a point's limits")
def put_limits(
    enterprise: str, point: str, who: Engineer, at: State, body: Annotated[LimitsChange, Body()]
) -> dict[str, Any]:
    """Takes effect in the engine without a restart, is written down with who and why, and outlives restarts.

    Fields that are not named keep their values. The answer has all of them.
    """
    found = _visible(at, who, enterprise, point)
    _, changes = merged(found.checks, body.limits)
    checks = at.services.set_limits(found.key, changes, who.name, body.reason)
    at.points.set_checks(found.key, checks)
    return {"enterprise": enterprise, "point": point, "limits": checks_json(checks)}


def _visible(at: ApiState, who: Identity, enterprise: str, point: str) -> Point:
    may_see(who, enterprise)
    found = at.points.get(PointKey(enterprise, point))
    if found is None:
        raise not_found(f"the plant has no point {enterprise[:64]}/{point[:64]}")
    return found


def _shown(at: ApiState, point: Point) -> dict[str, Any]:
    return point_json(point, at.live.last(at.points.number(point.key)), at.board.of_point(point.key))
