"""Alarms: listed, shown with their history, and dealt with."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from alerting.alarm import Alarm
from api.access import Operator, State, Viewer, scoped
from api.errors import not_found, unprocessable
from api.keys import Identity
from api.paging import Cursor, Limit, Listing, listing
from api.state import ApiState
from api.texts import Text, required
from api.times import Time
from api.views import alarm_json, event_json, guidance_of, name_json
from hazards.condition import Severity
from hazards.durations import parse_duration_ms

__all__ = ["router"]

router = APIRouter(prefix="/alarms", tags=["alarms"])

_LONGEST_SHELF_MS = 7 * 86_400_000


class Comment(BaseModel):
    """A remark, which an acknowledgement may have."""

    model_config = ConfigDict(extra="forbid")
    comment: Text | None = None


class Remark(BaseModel):
    """A remark."""

    model_config = ConfigDict(extra="forbid")
    comment: Text

    _required = field_validator("comment")(required)


class Shelving(BaseModel):
    """Why an alarm is set aside, and until when: a time, or how long from now."""

    model_config = ConfigDict(extra="forbid")
    reason: Text
    until: Time | None = None
    for_: str | None = Field(None, alias="for", max_length=20, examples=["2h"])

    _required = field_validator("reason")(required)

    @model_validator(mode="after")
    def _one_end(self) -> "Shelving":
        if (self.until is None) == (self.for_ is None):
            raise ValueError("give either until (a time) or for (a duration such as 2h): a shelf always has an end")
        return self


@router.get("", summary="Alarms, the last raised first")
def list_alarms(
    who: Viewer,
    at: State,
    state: Annotated[
        Literal["open", "unacknowledged", "acknowledged", "shelved", "closed"] | None,
        Query(description="open: all but closed. unacknowledged: also those that have returned to normal."),
    ] = None,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    severity: Annotated[list[Literal["red", "orange", "yellow", "blue"]] | None, Query()] = None,
    since: Annotated[Time | None, Query(description="Raised at or after.")] = None,
    until: Annotated[Time | None, Query(description="Raised before.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """Shelved alarms are in `open` too. Several severities: repeat the parameter."""
    page = at.services.journal.alarms(
        state=state,
        enterprise=scoped(who, enterprise),
        severity=[Severity[s.upper()] for s in severity] if severity else None,
        since_ms=since,
        until_ms=until,
        limit=limit,
        cursor=cursor,
    )
    return listing([alarm_json(a) for a in page.items], page.next)


@router.get("/{alarm_id}", summary="An alarm with its history")
def show_alarm(alarm_id: str, who: Viewer, at: State) -> dict[str, Any]:
    """The alarm, everything that happened to it in order, and what the catalogue says is to be done."""
    alarm = _visible(at, who, alarm_id)
    guidance = guidance_of(at, alarm)
    return alarm_json(alarm) | {
        "guidance": None if guidance is None else name_json(guidance),
        "history": [event_json(e) for e in at.services.journal.history(alarm.id)],
    }


@router.post("/{alarm_id}/acknowledge", summary="Take an alarm")
def acknowledge(
    alarm_id: str, who: Operator, at: State, body: Annotated[Comment | None, Body()] = None
) -> dict[str, Any]:
    """The key's name is recorded. 409 if somebody was faster."""
    _visible(at, who, alarm_id)
    return alarm_json(at.services.desk.acknowledge(alarm_id, who.name, body.comment if body else None))


@router.post("/{alarm_id}/comment", summary="Write something into an alarm's history")
def comment(alarm_id: str, who: Operator, at: State, body: Remark) -> dict[str, Any]:
    """Its state stays."""
    _visible(at, who, alarm_id)
    return alarm_json(at.services.desk.comment(alarm_id, who.name, body.comment))


@router.post("/{alarm_id}/shelve", summary="Set an alarm aside for a while")
def shelve(alarm_id: str, who: Operator, at: State, body: Shelving) -> dict[str, Any]:
    """Always with a reason and an end, at most seven days ahead."""
    _visible(at, who, alarm_id)
    now_ms = at.services.clock_ms()
    until_ms = body.until
    if until_ms is None:
        try:
            until_ms = now_ms + parse_duration_ms(body.for_ or "")
        except ValueError as error:
            raise unprocessable("body.for", str(error)) from None
    if not now_ms < until_ms <= now_ms + _LONGEST_SHELF_MS:
        raise unprocessable("body.until", "the end of a shelf lies ahead, by seven days at most")
    return alarm_json(at.services.desk.shelve(alarm_id, who.name, body.reason, until_ms))


@router.post("/{alarm_id}/unshelve", summary="Take an alarm off its shelf")
def unshelve(alarm_id: str, who: Operator, at: State, body: Annotated[Comment | None, Body()] = None) -> dict[str, Any]:
    """Unacknowledged again if it still stands."""
    _visible(at, who, alarm_id)
    return alarm_json(at.services.desk.unshelve(alarm_id, who.name, body.comment if body else None))


def _visible(at: ApiState, who: Identity, alarm_id: str) -> Alarm:
    alarm = at.services.journal.alarm(alarm_id) if len(alarm_id) <= 36 else None
    if alarm is None or not who.sees(alarm.enterprise):
        raise not_found(f"there is no alarm {alarm_id[:40]!r}")
    return alarm
