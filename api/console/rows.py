"""Alarms and points as the page's lists show them: words and numbers ready, nothing left to work out in the browser."""

import math
from typing import Any

from alerting.alarm import Alarm, AlarmState
from alerting.messages import plain_numbers
from api.state import ApiState
from hazards.condition import Condition
from hazards.plant import Point, PointKey

__all__ = ["MOST_ROWS", "alarm_row", "alarm_rows", "figure", "live_values", "point_row"]

MOST_ROWS = 300
"""A list longer than this helps nobody; the number of the rest is shown."""

_TO_TAKE = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED)


def figure(value: float | None, limit: float | None = None) -> str:
    """A value with as many decimals as mean something.

    >>> figure(1.6234, 1.5), figure(None)
    ('1.62', '–')
    """
    return "–" if value is None else plain_numbers(value, limit)[0]


def _state_name(at: ApiState, kind: str, value: float | None, language: str) -> str | None:
    """What a switch calls its value, None for a measurement."""
    known = at.services.catalogue.kinds.get(kind)
    if known is None or value is None or not value.is_integer():
        return None
    name = known.states.get(int(value))
    return name.in_language(language) if name else None


def alarm_row(at: ApiState, alarm: Alarm, language: str) -> dict[str, Any]:
    """One alarm."""
    key = PointKey(alarm.enterprise, alarm.point)
    point = at.points.get(key)
    enterprise = at.points.enterprise(alarm.enterprise)
    source = at.points.source(alarm.enterprise, alarm.source)
    condition = at.services.catalogue.conditions.get(alarm.condition)
    state_name = _state_name(at, alarm.kind, alarm.value, language) if alarm.condition is not Condition.RATE else None
    with_limit = alarm.condition <= Condition.RATE and alarm.limit is not None and state_name is None
    unit = f"{alarm.unit}/s" if alarm.condition is Condition.RATE else alarm.unit
    return {
        "id": alarm.id,
        "severity": alarm.severity.word,
        "state": str(alarm.state),
        "to_take": alarm.state in _TO_TAKE,
        "standing": bool(alarm.active),
        "name": point.name.in_language(language) if point else alarm.point,
        "point": alarm.point,
        "place": " · ".join(
            [
                enterprise.name.in_language(language) if enterprise else alarm.enterprise,
                source.name.in_language(language) if source else alarm.source,
            ]
        ),
        "condition": condition.in_language(language) if condition else alarm.condition.word,
        "value": state_name or figure(alarm.value, alarm.limit),
        "limit": plain_numbers(alarm.value or 0.0, alarm.limit)[1] if with_limit else "",
        "sign": "≤" if alarm.condition <= Condition.LOW else "≥",
        "unit": "" if state_name else unit,
        "raised_ms": alarm.raised_at_ms,
        "cleared_ms": alarm.cleared_at_ms,
        "late": alarm.late,
        "was": alarm.worst.word if alarm.worst > alarm.severity else "",
        "by": alarm.acknowledged_by,
        "shelved_until_ms": alarm.shelved_until_ms,
        "message": alarm.message.in_language(language),
    }


def alarm_rows(at: ApiState, language: str, enterprise: str | None, most: int = MOST_ROWS) -> dict[str, Any]:
    """All that is open, in the order of `board.rank`, and how many there are of each severity."""
    alarms = at.board.all(enterprise)
    counts = dict.fromkeys(("red", "orange", "yellow", "blue"), 0)
    to_take = 0
    for alarm in alarms:
        if alarm.state is not AlarmState.SHELVED:
            counts[alarm.severity.word] += 1
        to_take += alarm.state in _TO_TAKE
    return {
        "rows": [alarm_row(at, a, language) for a in alarms[:most]],
        "more": max(len(alarms) - most, 0),
        "counts": counts,
        "to_take": to_take,
    }


def live_values(at: ApiState, language: str, enterprise: str | None) -> dict[str, str]:
    """What the points of the listed alarms measure now, by alarm; readings that can't be trusted are left out."""
    values = {}
    for alarm in at.board.all(enterprise)[:MOST_ROWS]:
        key = PointKey(alarm.enterprise, alarm.point)
        last = at.live.last(at.points.number(key)) if at.points.get(key) else None
        if last is not None and last.v is not None and last.q < 2 and alarm.condition <= Condition.RATE:
            values[alarm.id] = _state_name(at, alarm.kind, last.v, language) or figure(last.v, alarm.limit)
    return values


def point_row(at: ApiState, point: Point, language: str, now_ms: int) -> dict[str, Any]:
    """One point with its last value and what state it is in."""
    last = at.live.last(at.points.number(point.key))
    worst = max((a.severity for a in at.board.of_point(point.key).values()), default=None)
    kind = at.services.catalogue.kinds.get(point.kind)
    source = at.points.source(point.enterprise, point.source)
    enterprise = at.points.enterprise(point.enterprise)
    checks = point.checks
    silent = last is not None and 0 < checks.no_data_after_ms < now_ms - last.t
    if worst is not None:
        state = worst.word
    elif last is None:
        state = "logic" if point.kind == "logic" else "never"
    elif silent:
        state = "silent"
    else:
        state = "normal" if last.q == 0 else f"q{last.q}"
    state_name = _state_name(at, point.kind, last.v, language) if last else None
    return {
        "enterprise": point.enterprise,
        "point": point.id,
        "name": point.name.in_language(language),
        "kind": kind.name.in_language(language) if kind else point.kind,
        "place": " · ".join(
            [
                enterprise.name.in_language(language) if enterprise else point.enterprise,
                source.name.in_language(language) if source else point.source,
            ]
        ),
        "unit": "" if state_name else point.unit,
        "value": state_name or (figure(last.v) if last else "–"),
        "t": last.t if last else None,
        "state": state,
        "low": _limit(checks.low_low, checks.low),
        "high": _limit(checks.high, checks.high_high),
    }


def _limit(*limits: float) -> str:
    return " / ".join(f"{x:g}" for x in limits if not math.isnan(x))
