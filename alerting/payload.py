"""Alarms as JSON for outsiders: webhooks, the MQTT alarm topics, the API. `docs/webhook.md` shows every field."""

from typing import Any

from alerting.alarm import Alarm, AlarmEvent
from alerting.times import rfc3339

__all__ = ["alarm_json", "event_json", "wide_alarm_json"]


def _time(time_ms: int | None) -> str | None:
    return None if time_ms is None else rfc3339(time_ms)


def alarm_json(alarm: Alarm) -> dict[str, Any]:
    """An alarm as webhooks and the MQTT topics carry it (``data``)."""
    return {
        "id": alarm.id,
        "enterprise": alarm.enterprise,
        "source": alarm.source,
        "point": alarm.point,
        "kind": alarm.kind,
        "condition": alarm.condition.word,
        "severity": alarm.severity.word,
        "state": str(alarm.state),
        "value": alarm.value,
        "limit": alarm.limit,
        "unit": alarm.unit,
        "raised_at": rfc3339(alarm.raised_at_ms),
        "cleared_at": _time(alarm.cleared_at_ms),
        "standard": alarm.standard,
        "message": {"zh": alarm.message.zh, "en": alarm.message.en},
    }


def wide_alarm_json(alarm: Alarm) -> dict[str, Any]:
    """An alarm as the API carries it: the webhook's ``data`` and more."""
    return alarm_json(alarm) | {
        "worst": alarm.worst.word,
        "late": alarm.late,
        "acknowledged_at": _time(alarm.acknowledged_at_ms),
        "acknowledged_by": alarm.acknowledged_by,
        "shelved_until": _time(alarm.shelved_until_ms),
        "detected_at": rfc3339(alarm.detected_at_ms),
    }


def event_json(event: AlarmEvent) -> dict[str, Any]:
    """An event as a webhook's body."""
    return {"type": str(event.type), "timestamp": rfc3339(event.time_ms), "data": alarm_json(event.alarm)}
