"""Metrics, collected at the moment somebody asks, from the plain counters that the parts keep.

Names and meanings are in `docs/api.md`; a test fails when one is missing there.
"""

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector as BaseCollector

from alerting.alarm import AlarmState
from alerting.errors import JournalError
from api.records import delivery_counts
from api.state import ApiState
from hazards.condition import Severity
from ingest.errors import IngestError

__all__ = ["Collector"]

_INGEST_COUNTERS: dict[str, tuple[str, str]] = {
    "received_messages": ("hazmon_ingest_messages", "Messages received."),
    "received_bytes": ("hazmon_ingest_payload_bytes", "Bytes of payload received."),
    "received_readings": ("hazmon_readings_received", "Readings decoded from messages."),
    "logged_readings": ("hazmon_readings_logged", "Readings in the log, on disk."),
    "stored_readings": ("hazmon_readings_stored", "Readings that the store has taken."),
    "unknown_readings": ("hazmon_readings_unknown", "Readings of points that the plant does not know."),
    "future_readings": ("hazmon_readings_future", "Readings whose clock was ahead; kept as UNCERTAIN."),
    "store_refused_readings": ("hazmon_readings_refused", "Readings that the store will never take."),
    "commits": ("hazmon_log_commits", "Durable steps of the log."),
    "log_failures": ("hazmon_log_failures", "Failed attempts to write to the log."),
    "corrupt_entries": ("hazmon_log_corrupt_entries", "Entries of the log that could not be read back."),
    "rejects_lost": ("hazmon_rejects_lost", "Rejects that could not be kept for listing."),
    "store_batches": ("hazmon_store_batches", "Batches that the store has taken."),
    "store_failures": ("hazmon_store_failures", "Failed attempts to write to the store."),
}
_INGEST_GAUGES: dict[str, tuple[str, str]] = {
    "queued_messages": ("hazmon_ingest_queue_messages", "Messages received and not yet in the log."),
    "queued_bytes": ("hazmon_ingest_queue_bytes", "Bytes of them."),
    "commit_seconds": ("hazmon_log_commit_seconds", "Duration of the last durable step of the log."),
    "store_write_seconds": ("hazmon_store_write_seconds", "Duration of the last write to the store."),
    "store_lag_seconds": ("hazmon_store_lag_seconds", "Age of the newest stored entry's successor."),
}


class Collector(BaseCollector):
    """Makes metric families of one application's state."""

    def __init__(self, state: ApiState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Every metric once."""
        services, hub = self._state.services, self._state.hub
        yield from _ingest(services.stats.snapshot())
        rejected = CounterMetricFamily("hazmon_rejects", "Messages set aside.", labels=["reason"])
        for reason, count in services.stats.rejected().items():
            rejected.add_metric([str(reason)], count)
        yield rejected
        yield CounterMetricFamily(
            "hazmon_engine_late_readings",
            "Readings too late for the engine; stored all the same.",
            services.engine_late(),
        )
        events = CounterMetricFamily("hazmon_alarm_events", "What happened to alarms.", labels=["event"])
        for type_, count in sorted(hub.counts.items()):
            events.add_metric([type_.removeprefix("alarm.")], count)
        yield events
        yield from self._alarms()
        yield from self._consumers()
        yield from self._deliveries()
        up = GaugeMetricFamily("hazmon_up", "1 if this part works.", labels=["part"])
        for part, (ok, _) in services.readiness().items():
            up.add_metric([part], float(ok))
        yield up
        yield GaugeMetricFamily("hazmon_points", "Points of the plant.", len(self._state.points))
        yield GaugeMetricFamily("hazmon_stream_listeners", "Clients that listen to /api/v1/stream.", hub.listeners)
        yield GaugeMetricFamily(
            "hazmon_start_time_seconds", "When this process began, since 1970.", self._state.started_ms / 1000
        )

    def _alarms(self) -> Iterator[Metric]:
        open_ = GaugeMetricFamily("hazmon_alarms_open", "Open alarms.", labels=["severity", "state"])
        counts: dict[tuple[Severity, AlarmState], int] = {
            (s, t): 0 for s in Severity for t in AlarmState if t is not AlarmState.CLOSED
        }
        for alarm in self._state.board.all():
            counts[alarm.severity, alarm.state] += 1
        for (severity, state), count in counts.items():
            open_.add_metric([severity.word, str(state)], count)
        yield open_

    def _consumers(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily("hazmon_consumer_lag_entries", "Log entries not yet consumed.", labels=["consumer"])
        services = self._state.services
        try:
            last = services.log.last_offset
            for consumer, offset in services.consumer_offsets().items():
                lag.add_metric([consumer], max(last - offset, 0))
        except IngestError:
            return  # a figure that can't be had is left out; hazmon_up tells why
        yield lag

    def _deliveries(self) -> Iterator[Metric]:
        try:
            counts = delivery_counts(self._state.services.journal)
        except JournalError:
            return
        finished = CounterMetricFamily("hazmon_deliveries", "Deliveries that came to an end.", labels=["outcome"])
        for outcome in ("delivered", "dead"):
            finished.add_metric([outcome], counts[outcome])
        yield finished
        failed = CounterMetricFamily(
            "hazmon_delivery_attempts_failed", "Attempts to deliver that failed.", labels=["channel", "reason"]
        )
        for channel, reasons in self._state.services.delivery_failures().items():
            for reason, count in reasons.items():
                failed.add_metric([channel, str(reason)], count)
        yield failed
        yield GaugeMetricFamily("hazmon_deliveries_pending", "Deliveries still to be made.", counts["pending"])


def _ingest(snapshot: Mapping[str, float]) -> Iterator[Metric]:
    for name, (metric, text) in _INGEST_COUNTERS.items():
        yield CounterMetricFamily(metric, text, snapshot[name])
    for name, (metric, text) in _INGEST_GAUGES.items():
        yield GaugeMetricFamily(metric, text, snapshot[name])
