"""Queries over the journal, each on a connection that it is given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from alerting.alarm import Alarm, AlarmEvent, AlarmState
from alerting.journal_rows import alarm_from_row, event_from_row
from alerting.journal_schema import alarm, alarm_event
from alerting.pages import Page, page_of
from hazards.condition import Severity

__all__ = ["AlarmFilter", "alarms", "alarms_by_id", "events", "open_alarms"]

_OPEN = tuple(str(s) for s in AlarmState if s is not AlarmState.CLOSED)
_STATES = {
    "open": _OPEN,
    "unacknowledged": (str(AlarmState.UNACKNOWLEDGED), str(AlarmState.RETURNED_UNACKNOWLEDGED)),
    "acknowledged": (str(AlarmState.ACKNOWLEDGED),),
    "shelved": (str(AlarmState.SHELVED),),
    "closed": (str(AlarmState.CLOSED),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFilter:
    """Which alarms are wanted; None wants all. See `Journal.alarms`."""

    state: str | None
    enterprise: str | Iterable[str] | None
    severity: Severity | Iterable[Severity] | None
    since_ms: int | None
    until_ms: int | None


def alarms(connection: sa.Connection, wanted: AlarmFilter, limit: int, cursor: str | None) -> Page[Alarm]:
    """One page of alarms, the last raised first."""
    query = sa.select(alarm)
    if wanted.state is not None:
        if wanted.state not in _STATES:
            raise ValueError(f"no such state: {wanted.state}; there are {', '.join(_STATES)}")
        query = query.where(alarm.c.state.in_(_STATES[wanted.state]))
    if wanted.enterprise is not None:
        ids = [wanted.enterprise] if isinstance(wanted.enterprise, str) else list(wanted.enterprise)
        query = query.where(alarm.c.enterprise.in_(ids))
    if wanted.severity is not None:
        severities = [wanted.severity] if isinstance(wanted.severity, Severity) else list(wanted.severity)
        query = query.where(alarm.c.severity.in_([int(s) for s in severities]))
    if wanted.since_ms is not None:
        query = query.where(alarm.c.raised_at_ms >= wanted.since_ms)
    if wanted.until_ms is not None:
        query = query.where(alarm.c.raised_at_ms < wanted.until_ms)
    return page_of(connection, query, alarm.c.raised_at_ms, alarm.c.id, alarm_from_row, limit=limit, cursor=cursor)


def alarms_by_id(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Alarm]:
    """Those of these alarms that exist."""
    found = {}
    for k in range(0, len(ids), 500):
        query = sa.select(alarm).where(alarm.c.id.in_(ids[k : k + 500]))
        for row in connection.execute(query).mappings():
            found[row["id"]] = alarm_from_row(row)
    return found


def open_alarms(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Alarm]:
    """Everything that is not closed, in the order raised."""
    query = sa.select(alarm).where(alarm.c.state.in_(_OPEN), *where)
    rows = connection.execute(query.order_by(alarm.c.raised_at_ms, alarm.c.id)).mappings()
    return [alarm_from_row(row) for row in rows]


def events(connection: sa.Connection, where: sa.ColumnElement[bool], limit: int | None = None) -> list[AlarmEvent]:
    """Events in the order of their seq."""
    query: sa.Select[Any] = sa.select(alarm_event).where(where).order_by(alarm_event.c.seq).limit(limit)
    return [event_from_row(row) for row in connection.execute(query).mappings()]
