"""Alarms and events as rows of the journal, and back."""

import msgspec
from sqlalchemy import RowMapping

from alerting.alarm import Alarm, AlarmEvent, AlarmState, Cause, EventType
from hazards.condition import Condition, Family, Severity
from hazards.plant import Name

__all__ = ["alarm_from_row", "alarm_row", "event_from_row", "event_row"]

_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Alarm)


def alarm_row(alarm: Alarm) -> dict[str, object]:
    """The columns of table ``alarm``."""
    return {
        "id": alarm.id,
        "point_number": alarm.point_number,
        "enterprise": alarm.enterprise,
        "source": alarm.source,
        "point": alarm.point,
        "kind": alarm.kind,
        "family": str(alarm.family),
        "condition": alarm.condition.word,
        "severity": int(alarm.severity),
        "worst": int(alarm.worst),
        "state": str(alarm.state),
        "value": alarm.value,
        "limit": alarm.limit,
        "unit": alarm.unit,
        "standard": alarm.standard,
        "raised_at_ms": alarm.raised_at_ms,
        "detected_at_ms": alarm.detected_at_ms,
        "late": alarm.late,
        "active": sum(1 << c for c in alarm.active),
        "escalated_from": None if alarm.escalated_from is None else alarm.escalated_from.word,
        "cleared_at_ms": alarm.cleared_at_ms,
        "acknowledged_at_ms": alarm.acknowledged_at_ms,
        "acknowledged_by": alarm.acknowledged_by,
        "shelved_until_ms": alarm.shelved_until_ms,
        "told": " ".join(alarm.told),
        "message_zh": alarm.message.zh,
        "message_en": alarm.message.en,
    }


def alarm_from_row(row: RowMapping) -> Alarm:
    """What `alarm_row` made."""
    return Alarm(
        id=row["id"],
        point_number=row["point_number"],
        enterprise=row["enterprise"],
        source=row["source"],
        point=row["point"],
        kind=row["kind"],
        family=Family(row["family"]),
        condition=Condition[row["condition"].upper()],
        severity=Severity(row["severity"]),
        worst=Severity(row["worst"]),
        state=AlarmState(row["state"]),
        value=row["value"],
        limit=row["limit"],
        unit=row["unit"],
        standard=row["standard"],
        raised_at_ms=row["raised_at_ms"],
        detected_at_ms=row["detected_at_ms"],
        late=row["late"],
        active=frozenset(c for c in Condition if row["active"] >> c & 1),
        escalated_from=None if row["escalated_from"] is None else Condition[row["escalated_from"].upper()],
        cleared_at_ms=row["cleared_at_ms"],
        acknowledged_at_ms=row["acknowledged_at_ms"],
        acknowledged_by=row["acknowledged_by"],
        shelved_until_ms=row["shelved_until_ms"],
        told=tuple(row["told"].split()),
        message=Name(row["message_zh"], row["message_en"]),
    )


def event_row(event: AlarmEvent) -> dict[str, object]:
    """The columns of table ``alarm_event``."""
    return {
        "seq": event.seq,
        "id": event.id,
        "alarm_id": event.alarm_id,
        "type": str(event.type),
        "time_ms": event.time_ms,
        "at_ms": event.at_ms,
        "by": event.by,
        "comment": event.comment,
        "cause": None if event.cause is None else str(event.cause),
        "received_ms": event.received_ms,
        "alarm": _ENCODER.encode(event.alarm).decode(),
    }


def event_from_row(row: RowMapping) -> AlarmEvent:
    """What `event_row` made."""
    return AlarmEvent(
        seq=row["seq"],
        id=row["id"],
        alarm_id=row["alarm_id"],
        type=EventType(row["type"]),
        time_ms=row["time_ms"],
        at_ms=row["at_ms"],
        by=row["by"],
        comment=row["comment"],
        cause=None if row["cause"] is None else Cause(row["cause"]),
        received_ms=row["received_ms"],
        alarm=_DECODER.decode(row["alarm"]),
    )
