"""Copies the journal's alarm events into the store, for Grafana's annotations: a consumer of the journal."""

import threading

import structlog

from alerting.alarm import AlarmEvent
from alerting.errors import JournalError
from alerting.journal import Journal
from ingest.errors import StoreUnavailable
from ingest.stores.base import AlarmEventRow, Store

__all__ = ["EventWriter"]

log = structlog.get_logger(__name__)

_OFFSET = "store_events"
_WAIT_S = 1.0
_LONGEST_PAUSE_S = 30.0


class EventWriter:
    """Writes each event once the store takes it; remembers in the journal how far it is.

    A crash between the two repeats some events, which changes nothing in the store.

    Parameters
    ----------
    journal : Journal
        Where events come from.
    store : Store
        Where they go.
    """

    def __init__(self, journal: Journal, store: Store) -> None:
        self._journal = journal
        self._store = store

    def run(self, stop: threading.Event) -> None:
        """Write until ``stop`` is set."""
        seq: int | None = None
        failures = 0
        while not stop.is_set():
            try:
                seq = self._journal.number(_OFFSET) if seq is None else seq
                if not self._journal.wait_for_event(seq, _WAIT_S):
                    continue
                if events := self._journal.events_after(seq, 1000):
                    self._store.write_events([_row(e) for e in events])
                    seq = events[-1].seq
                    self._journal.keep_number(_OFFSET, seq)
                if failures:
                    log.info("alarm events are stored again")
                failures = 0
            except (StoreUnavailable, JournalError) as error:
                failures += 1
                if failures == 1:
                    log.warning("alarm events can't be stored now", error=str(error))
                stop.wait(min(_LONGEST_PAUSE_S, 0.5 * 2.0**failures))


def _row(event: AlarmEvent) -> AlarmEventRow:
    alarm = event.alarm
    return AlarmEventRow(
        enterprise=alarm.enterprise,
        source=alarm.source,
        point=alarm.point,
        family=str(alarm.family),
        severity=alarm.severity.word,
        id=alarm.id,
        event=str(event.type),
        condition=alarm.condition.word,
        value=alarm.value,
        limit=alarm.limit,
        time_ms=event.time_ms,
    )
