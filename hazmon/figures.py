"""What a run has done, in numbers: the demo's report."""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np
import sqlalchemy as sa

from alerting.alarm import EventType
from alerting.deliveries import DeliveryStatus
from alerting.journal import Journal
from alerting.journal_schema import alarm_event, delivery
from ingest.decode.reject import RejectReason

__all__ = ["Alarms", "Figures", "Latency", "Readings", "figures_of"]


class Readings(TypedDict):
    """Readings since the start."""

    received: int
    logged: int
    stored: int
    """Of those received; derived readings are not counted."""
    late: int
    """Older than the last accepted one of their point, so the engine passed them over; stored all the same."""
    rejected: int
    """Messages set aside: not decodable, or of a point that the plant does not know."""


class Alarms(TypedDict):
    """Alarm events in the journal."""

    raised: int
    cleared: int


class Latency(TypedDict):
    """From the receipt of the readings to the receiver's answer. [ms] None before the first delivery."""

    p50: float | None
    p99: float | None


class Figures(TypedDict):
    """All of it, as ``hazmon demo --report`` writes it."""

    readings: Readings
    alarms: Alarms
    webhooks_delivered: int
    latency_ms: Latency


def figures_of(
    counts: Mapping[str, float], rejected: Mapping[RejectReason, int], derived: int, late: int, journal: Journal
) -> Figures:
    """Gather the figures.

    Parameters
    ----------
    counts, rejected : mapping
        `IngestStats.snapshot` and `IngestStats.rejected`.
    derived : int
        Readings that were computed, hence stored and not received.
    late : int
        `AlarmProcessor.late`.
    journal : Journal
        Alarms and deliveries.
    """
    with journal.reading() as connection:
        counted = connection.execute(sa.select(alarm_event.c.type, sa.func.count()).group_by(alarm_event.c.type))
        events = {type_: n for type_, n in counted}  # noqa: C416  -- dict() would take the result for a mapping
        delivered = sa.select(delivery).where(delivery.c.status == str(DeliveryStatus.DELIVERED)).subquery()
        webhooks = connection.scalar(sa.select(sa.func.count()).select_from(delivered)) or 0
        taken_ms = connection.scalars(
            sa.select(delivered.c.finished_ms - alarm_event.c.received_ms)
            .join(alarm_event, alarm_event.c.seq == delivered.c.event_seq)
            .where(alarm_event.c.received_ms.is_not(None))
        ).all()
    p50, p99 = (round(float(p), 1) for p in np.percentile(taken_ms, [50, 99])) if taken_ms else (None, None)
    return {
        "readings": {
            "received": int(counts["received_readings"]),
            "logged": int(counts["logged_readings"]),
            "stored": max(0, int(counts["stored_readings"]) - derived),
            "late": late,
            "rejected": sum(rejected.values()),
        },
        "alarms": {
            "raised": events.get(str(EventType.RAISED), 0),
            "cleared": events.get(str(EventType.CLEARED), 0),
        },
        "webhooks_delivered": webhooks,
        "latency_ms": {"p50": p50, "p99": p99},
    }
