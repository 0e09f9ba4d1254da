"""Ids that follow from what they name, so that a retry, a replay or a takeover yields the same ones.

All are UUIDs of version 5 (RFC 9562) in one namespace. `docs/alarms.md` has the recipe for outsiders.
"""

import uuid

from alerting.times import rfc3339

__all__ = ["NAMESPACE", "alarm_id", "delivery_id", "event_id"]

NAMESPACE = uuid.UUID("b84d4ae9-ed7b-59f2-82f3-966febc50db8")
"""``uuid5(NAMESPACE_URL, "tag:hazmon,2026:alarms")``, fixed for ever."""


def alarm_id(enterprise: str, point: str, family: str, raised_at_ms: int) -> str:
    """Id of the alarm of a point and family that was raised at this time.

    >>> alarm_id("M001", "CH4-01", "limit-high", 1_795_446_245_123)
    '7de50a87-2ee8-580d-bda5-5b3ac13760c0'
    """
    return str(uuid.uuid5(NAMESPACE, f"{enterprise}/{point}/{family}/{rfc3339(raised_at_ms)}"))


def event_id(alarm: str, type_: str, time_ms: int, ordinal: int = 0) -> str:
    """Id of an event in an alarm's life; ``ordinal`` counts those of one type at one time, from 0."""
    return str(uuid.uuid5(NAMESPACE, f"{alarm}/{type_}/{rfc3339(time_ms)}/{ordinal}"))


def delivery_id(alarm: str, event: str, channel: str) -> str:
    """Id of telling one channel of one event: the ``webhook-id``, the same on every retry."""
    return str(uuid.uuid5(NAMESPACE, f"{alarm}/{event}/{channel}"))
