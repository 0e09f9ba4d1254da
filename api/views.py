"""How alarms, events and points look in JSON, in one place for lists, details, streams and the console."""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from alerting.alarm import Alarm, AlarmEvent
from alerting.payload import wide_alarm_json
from api.live import LastReading
from api.state import ApiState
from api.times import iso, iso_or_none
from hazards.checks import Checks
from hazards.guidance import guidance_for
from hazards.plant import Name, Point, PointKey

__all__ = ["alarm_json", "checks_json", "event_json", "guidance_of", "name_json", "notice_json", "point_json"]


def name_json(name: Name) -> dict[str, str]:
    """A name in both languages."""
    return {"zh": name.zh, "en": name.en}


def alarm_json(alarm: Alarm) -> dict[str, Any]:
    """An alarm as interfaces.md has it for the API, and its family."""
    return wide_alarm_json(alarm) | {"family": str(alarm.family)}


def event_json(event: AlarmEvent) -> dict[str, Any]:
    """A line of an alarm's history."""
    return {
        "seq": event.seq,
        "id": event.id,
        "type": str(event.type),
        "time": iso(event.time_ms),
        "at": iso(event.at_ms),
        "received_at": iso_or_none(event.received_ms),
        "by": event.by,
        "comment": event.comment,
        "cause": None if event.cause is None else str(event.cause),
        "state": str(event.alarm.state),
        "severity": event.alarm.severity.word,
        "condition": event.alarm.condition.word,
        "value": event.alarm.value,
        "limit": event.alarm.limit,
        "message": name_json(event.alarm.message),
    }


def notice_json(event: AlarmEvent) -> dict[str, Any]:
    """An event as webhooks and the stream carry it."""
    return {"type": str(event.type), "timestamp": iso(event.time_ms), "data": alarm_json(event.alarm)}


def checks_json(checks: Checks) -> dict[str, float | None]:
    """The checks by name; null is off (or, for a clearing value, equal to its limit)."""
    values = {f.name: getattr(checks, f.name) for f in fields(checks)}
    return {k: v if math.isfinite(v) else None for k, v in values.items()}


def point_json(point: Point, last: LastReading | None, open_alarms: Mapping[str, Alarm]) -> dict[str, Any]:
    """A point with its checks, its last reading and its open alarms by id."""
    worst = max((a.severity for a in open_alarms.values()), default=None)
    return {
        "enterprise": point.enterprise,
        "source": point.source,
        "point": point.id,
        "kind": point.kind,
        "placement": point.placement or None,
        "name": name_json(point.name),
        "unit": point.unit,
        "lat": point.lat,
        "lon": point.lon,
        "camera_url": point.camera_url or None,
        "calibrated_on": point.calibrated_on or None,
        "limits": checks_json(point.checks),
        "standards": {c.word: text for c, text in sorted(point.standards.items())},
        "severities": {c.word: s.word for c, s in sorted(point.severities.items())},
        "last": None if last is None else {"t": last.t, "v": last.v, "q": last.q},
        "alarms": sorted(open_alarms),
        "severity": None if worst is None else worst.word,
    }


def guidance_of(at: ApiState, alarm: Alarm) -> Name | None:
    """What is to be done about an alarm, in both languages."""
    point = at.points.get(PointKey(alarm.enterprise, alarm.point))
    return guidance_for(at.services.catalogue.kinds, alarm.kind, point, alarm.condition)
