"""The life of an alarm (ISA-18.2; IEC 62682) as pure functions: what is, what happens, what is then.

Nothing here knows a clock, a database or a network. The functions return the alarm's new self and say which
event that was; `alerting.desk` writes it down and decides who is told.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from alerting.alarm import DEFAULT_SEVERITIES, LATE_AFTER_MS, Alarm, AlarmState, Cause, EventType
from alerting.ids import alarm_id
from hazards.checks import Checks
from hazards.condition import FAMILY_CONDITIONS, Condition, Family, Severity
from hazards.plant import Point

__all__ = [
    "Change",
    "NotAllowedError",
    "Shelf",
    "acknowledge",
    "after_change",
    "in_steps",
    "limit_of",
    "shelve",
    "shelve_allowed",
    "unshelve",
    "worst_of",
]


class NotAllowedError(Exception):
    """The alarm is not in a state for this; the text says which it is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Conditions of one family of one point that began or ended at one moment, folded into one.

    A reading that jumps over both limits at once is one change, hence one event.
    """

    point: Point
    number: int
    """The point's number in the log's directory."""
    family: Family
    flips: tuple[tuple[Condition, bool], ...]
    """Each condition that changed, and whether it holds now, in the order they happened."""
    time_ms: int
    value: float
    checks: Checks
    """In force at that moment."""
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A shelf that stands over a point and family: how long, and up to which severity."""

    until_ms: int
    worst: Severity


def worst_of(family: Family, conditions: Iterable[Condition]) -> Condition | None:
    """The worst of these conditions of a family; None of none.

    >>> worst_of(Family.LIMIT_LOW, {Condition.LOW, Condition.LOW_LOW})
    <Condition.LOW_LOW: 0>
    """
    order = FAMILY_CONDITIONS[family]
    return max(conditions, key=order.index, default=None)


def limit_of(checks: Checks, condition: Condition) -> float | None:
    """The number that a condition's value is held against; None where it is no such number.

    >>> limit_of(Checks(high=1.0), Condition.HIGH)
    1.0
    """
    match condition:
        case Condition.HIGH_HIGH:
            limit = checks.high_high
        case Condition.HIGH:
            limit = checks.high
        case Condition.LOW:
            limit = checks.low
        case Condition.LOW_LOW:
            limit = checks.low_low
        case Condition.RATE:
            limit = checks.rate_per_s
        case _:
            return None
    return limit if math.isfinite(limit) else None


def _severity(point: Point, condition: Condition) -> Severity:
    return point.severities.get(condition, DEFAULT_SEVERITIES[condition])


def in_steps(alarm: Alarm | None, change: Change) -> tuple[Change, ...]:
    """One change as the events that it takes to tell it.

    Whoever heard that an alarm escalated hears that this is over before the alarm is, though one reading ends both: a
    power cut made on the escalation is lifted on the de-escalation. An alarm that began at its worst just clears.
    """
    milder = None if alarm is None else alarm.escalated_from
    if milder is None or (milder, False) not in change.flips or any(active for _, active in change.flips):
        return (change,)
    worse = tuple(flip for flip in change.flips if flip[0] is not milder)
    if not worse:
        return (change,)
    return replace(change, flips=worse), replace(change, flips=((milder, False),))


def after_change(
    alarm: Alarm | None, change: Change, at_ms: int, shelf: Shelf | None = None
) -> tuple[Alarm | None, EventType | None]:
    """Apply what the engine found to the alarm that stands for the point and family.

    Parameters
    ----------
    alarm : Alarm or None
        The one whose conditions have not all cleared yet, if any.
    change : Change
        Conditions that began or ended.
    at_ms : int
        When the log entry behind it was written. [ms since 1970 UTC]
    shelf : Shelf, optional
        A shelf of this point and family, left by an earlier alarm: an alarm that is no worse is born shelved.

    Returns
    -------
    alarm : Alarm or None
        None if there was none and nothing holds.
    event : EventType or None
        None if there is nothing to tell.
    """
    held = set(alarm.active) if alarm is not None else set[Condition]()
    for condition, active in change.flips:
        (held.add if active else held.discard)(condition)
    worst = worst_of(change.family, held)
    if alarm is None:
        if worst is None:
            return None, None
        return _raised(change, worst, frozenset(held), at_ms, shelf), EventType.RAISED
    if worst is None:
        return _cleared(alarm, change), EventType.CLEARED
    order = FAMILY_CONDITIONS[change.family]
    step = order.index(worst) - order.index(alarm.condition)
    if step == 0:
        return replace(alarm, active=frozenset(held)), None
    limit = limit_of(change.checks, worst)
    moved = replace(
        alarm,
        active=frozenset(held),
        condition=worst,
        severity=_severity(change.point, worst),
        value=_number(change.value),
        # Where the check was switched off a moment ago, the limit that raised it is still the true one.
        limit=alarm.limit if limit is None else limit,
        standard=change.point.standards.get(worst, ""),
    )
    if step < 0:
        return replace(moved, escalated_from=None), EventType.DEESCALATED
    # A worsening is never hidden: it ends a shelf and asks for a new acknowledgement.
    return (
        replace(
            moved,
            worst=max(alarm.worst, moved.severity),
            escalated_from=alarm.condition,
            state=AlarmState.UNACKNOWLEDGED,
            acknowledged_at_ms=None,
            acknowledged_by=None,
            shelved_until_ms=None,
        ),
        EventType.ESCALATED,
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _raised(
    change: Change, condition: Condition, active: frozenset[Condition], at_ms: int, shelf: Shelf | None
) -> Alarm:
    point, severity = change.point, _severity(change.point, condition)
    shelved = shelf is not None and severity <= shelf.worst and at_ms < shelf.until_ms
    return Alarm(
        id=alarm_id(point.enterprise, point.id, change.family, change.time_ms),
        point_number=change.number,
        enterprise=point.enterprise,
        source=point.source,
        point=point.id,
        kind=point.kind,
        family=change.family,
        condition=condition,
        severity=severity,
        worst=severity,
        state=AlarmState.SHELVED if shelved else AlarmState.UNACKNOWLEDGED,
        value=_number(change.value),
        limit=limit_of(change.checks, condition),
        unit=point.unit,
        standard=point.standards.get(condition, ""),
        raised_at_ms=change.time_ms,
        detected_at_ms=at_ms,
        late=at_ms - change.time_ms > LATE_AFTER_MS,
        active=active,
        shelved_until_ms=shelf.until_ms if shelf is not None and shelved else None,
    )


_AFTER_CLEARING = {
    AlarmState.UNACKNOWLEDGED: AlarmState.RETURNED_UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED: AlarmState.CLOSED,
    # A shelf stands until its end, so that a chattering point stays shelved.
    AlarmState.SHELVED: AlarmState.SHELVED,
}


def _cleared(alarm: Alarm, change: Change) -> Alarm:
    return replace(
        alarm,
        active=frozenset(),
        escalated_from=None,
        state=_AFTER_CLEARING[alarm.state],
        value=_number(change.value),
        # A backlog can bring a reading from before the raise (NO_DATA): no alarm ends before it began.
        cleared_at_ms=max(change.time_ms, alarm.raised_at_ms),
    )


def acknowledge(alarm: Alarm, by: str, at_ms: int) -> Alarm:
    """Somebody takes the alarm; one that had returned to normal is then closed.

    Raises
    ------
    NotAllowedError
        If it is acknowledged already, shelved or closed.
    """
    if alarm.state is AlarmState.UNACKNOWLEDGED:
        state = AlarmState.ACKNOWLEDGED
    elif alarm.state is AlarmState.RETURNED_UNACKNOWLEDGED:
        state = AlarmState.CLOSED
    elif alarm.acknowledged_by is not None:
        raise NotAllowedError(f"the alarm is {alarm.state} already; {alarm.acknowledged_by} acknowledged it")
    else:
        raise NotAllowedError(f"the alarm is {alarm.state}; only an unacknowledged one can be acknowledged")
    return replace(alarm, state=state, acknowledged_at_ms=at_ms, acknowledged_by=by)


def shelve_allowed(alarm: Alarm) -> bool:
    """Whether `shelve` would take it: every open alarm that is not on a shelf yet."""
    return alarm.is_open and alarm.state is not AlarmState.SHELVED


def shelve(alarm: Alarm, until_ms: int) -> Alarm:
    """Set the alarm aside until a time; the engine goes on judging it.

    Raises
    ------
    NotAllowedError
        If it is shelved already or closed.
    """
    if not shelve_allowed(alarm):
        raise NotAllowedError(f"the alarm is {alarm.state}; only an open one that is not shelved can be shelved")
    return replace(alarm, state=AlarmState.SHELVED, shelved_until_ms=until_ms)


def unshelve(alarm: Alarm) -> Alarm:
    """Take the alarm off its shelf: unacknowledged if it still stands, closed if it has cleared.

    Raises
    ------
    NotAllowedError
        If it is not shelved.
    """
    if alarm.state is not AlarmState.SHELVED:
        raise NotAllowedError(f"the alarm is {alarm.state}, not shelved")
    return replace(
        alarm,
        state=AlarmState.UNACKNOWLEDGED if alarm.active else AlarmState.CLOSED,
        shelved_until_ms=None,
        acknowledged_at_ms=None if alarm.active else alarm.acknowledged_at_ms,
        acknowledged_by=None if alarm.active else alarm.acknowledged_by,
    )
