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
                # One before the first new one comes along, for `_row` to look at.
                before = max(seq - 1, 0)
                events = self._journal.events_after(before, 1000)
                if events and events[-1].seq > seq:
                    pairs = zip([None, *events], events, strict=False)
                    self._store.write_events([_row(e, previous) for previous, e in pairs if e.seq > seq])
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


def _row(event: AlarmEvent, previous: AlarmEvent | None = None) -> AlarmEventRow:
    """The row of an event; ``previous`` is the one before it in the journal.

    InfluxDB keeps one row per tags and time, so the end of an alarm that is taken back and cleared by one reading would
    overwrite the taking back: it goes in a millisecond later.
    """
    alarm = event.alarm
    moment = (alarm.id, event.time_ms, alarm.severity)
    shared = previous is not None and (previous.alarm_id, previous.time_ms, previous.alarm.severity) == moment
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
        time_ms=event.time_ms + shared,
    )
