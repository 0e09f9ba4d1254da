"""What the journal says of deliveries: who was to be told of what, how often it was tried, how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from alerting.alarm import EventType
from alerting.errors import DeliveryReason
from alerting.journal_schema import alarm_event, delivery, delivery_attempt
from alerting.pages import Page, page_of

__all__ = ["Attempt", "Delivery", "DeliveryStatus", "attempts", "deliveries"]


class DeliveryStatus(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; `Delivery.last_reason` says why the last attempt failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Telling one channel of one event. Times are ms since 1970 UTC."""

    id: str
    """The ``webhook-id``."""
    event_seq: int
    event_type: EventType
    alarm_id: str
    channel: str
    status: DeliveryStatus
    attempts: int
    created_ms: int
    due_ms: int
    """When the next attempt is to be made, while pending."""
    finished_ms: int | None
    last_reason: DeliveryReason | None
    last_http_status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt."""

    delivery_id: str
    n: int
    """From 1."""
    at_ms: int
    duration_ms: int
    reason: DeliveryReason | None
    """None: delivered."""
    http_status: int | None


def deliveries(
    connection: sa.Connection,
    *,
    status: str | None,
    channel: str | None,
    alarm_id: str | None,
    limit: int,
    cursor: str | None,
) -> Page[Delivery]:
    """One page of deliveries, newest first; see `Journal.deliveries`."""
    query = sa.select(delivery, alarm_event.c.type).join(alarm_event, alarm_event.c.seq == delivery.c.event_seq)
    for column, wanted in ((delivery.c.status, status), (delivery.c.channel, channel), (delivery.c.alarm_id, alarm_id)):
        if wanted is not None:
            query = query.where(column == wanted)
    return page_of(connection, query, delivery.c.event_seq, delivery.c.id, _delivery, limit=limit, cursor=cursor)


def _delivery(row: sa.RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        event_seq=row["event_seq"],
        event_type=EventType(row["type"]),
        alarm_id=row["alarm_id"],
        channel=row["channel"],
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        created_ms=row["created_ms"],
        due_ms=row["due_ms"],
        finished_ms=row["finished_ms"],
        last_reason=None if row["last_reason"] is None else DeliveryReason(row["last_reason"]),
        last_http_status=row["last_http_status"],
    )


def attempts(connection: sa.Connection, delivery_ids: Sequence[str]) -> list[Attempt]:
    """Every attempt of these deliveries, in order."""
    query = sa.select(delivery_attempt).where(delivery_attempt.c.delivery_id.in_(delivery_ids))
    query = query.order_by(delivery_attempt.c.delivery_id, delivery_attempt.c.n)
    return [
        Attempt(
            delivery_id=row["delivery_id"],
            n=row["n"],
            at_ms=row["at_ms"],
            duration_ms=row["duration_ms"],
            reason=None if row["reason"] is None else DeliveryReason(row["reason"]),
            http_status=row["http_status"],
        )
        for row in connection.execute(query).mappings()
    ]
