"""The outbox: deliveries in the journal, read by the channel that owns them and marked with what came of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from alerting.alarm import AlarmEvent
from alerting.deliveries import DeliveryStatus
from alerting.errors import DeliveryReason
from alerting.journal import Journal
from alerting.journal_reads import events
from alerting.journal_schema import alarm_event, delivery, delivery_attempt
from alerting.notify.backlog import Pending

__all__ = ["Outbox", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one attempt."""

    pending: Pending
    at_ms: int
    duration_ms: int
    reason: DeliveryReason | None
    """None: delivered."""
    http_status: int | None
    next_due_ms: int | None
    """When to try again; None where it is over."""

    @property
    def status(self) -> DeliveryStatus:
        """How the delivery stands now."""
        if self.reason is None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.DEAD if self.next_due_ms is None else DeliveryStatus.PENDING


class Outbox:
    """One channel's part of the outbox.

    Parameters
    ----------
    journal : Journal
    channel : str
        The channel's name.
    """

    def __init__(self, journal: Journal, channel: str) -> None:
        self._journal = journal
        self._channel = channel

    def pending(self, after_seq: int) -> list[Pending]:
        """Deliveries still to be made, of events behind ``after_seq``, in the order of the events."""
        query = (
            sa.select(delivery)
            .where(
                delivery.c.channel == self._channel,
                delivery.c.status == str(DeliveryStatus.PENDING),
                delivery.c.event_seq > after_seq,
            )
            .order_by(delivery.c.event_seq)
        )
        with self._journal.reading() as connection:
            return [
                Pending(
                    id=row["id"],
                    event_seq=row["event_seq"],
                    alarm_id=row["alarm_id"],
                    severity=row["severity"],
                    attempts=row["attempts"],
                    created_ms=row["created_ms"],
                    due_ms=row["due_ms"],
                )
                for row in connection.execute(query).mappings()
            ]

    def events(self, seqs: Sequence[int]) -> dict[int, AlarmEvent]:
        """The events that deliveries are about, by seq."""
        with self._journal.reading() as connection:
            return {e.seq: e for e in events(connection, alarm_event.c.seq.in_(seqs))}

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Keep attempts and what they led to, in one transaction.

        Raises
        ------
        JournalError
            If it can't be written.
        """
        with self._journal.transaction() as connection:
            connection.execute(
                sa.insert(delivery_attempt),
                [
                    {
                        "delivery_id": o.pending.id,
                        "n": o.pending.attempts + 1,
                        "at_ms": o.at_ms,
                        "duration_ms": o.duration_ms,
                        "reason": None if o.reason is None else str(o.reason),
                        "http_status": o.http_status,
                    }
                    for o in outcomes
                ],
            )
            connection.execute(
                sa.update(delivery).where(delivery.c.id == sa.bindparam("id_")),
                [
                    {
                        "id_": o.pending.id,
                        "status": str(o.status),
                        "attempts": o.pending.attempts + 1,
                        "due_ms": o.pending.due_ms if o.next_due_ms is None else o.next_due_ms,
                        "finished_ms": o.at_ms + o.duration_ms if o.next_due_ms is None else None,
                        "last_reason": None if o.reason is None else str(o.reason),
                        "last_http_status": o.http_status,
                    }
                    for o in outcomes
                ],
            )

    @staticmethod
    def bury_others(journal: Journal, channels: Iterable[str], now_ms: int) -> int:
        """Give up what is pending for channels that the configuration has no more. How many there were."""
        query = (
            sa.update(delivery)
            .where(delivery.c.status == str(DeliveryStatus.PENDING), delivery.c.channel.not_in(list(channels)))
            .values(
                status=str(DeliveryStatus.DEAD),
                finished_ms=now_ms,
                last_reason=str(DeliveryReason.CHANNEL_REMOVED),
            )
        )
        with journal.transaction() as connection:
            return connection.execute(query).rowcount
