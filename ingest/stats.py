"""Counters of this folder, read by `/metrics` and the demo's report. No metrics library here."""

import threading
from collections import Counter

from ingest.decode.reject import RejectReason

__all__ = ["IngestStats"]

_COUNTERS = (
    "received_messages",
    "received_bytes",
    "received_readings",
    "logged_readings",
    "commits",
    "log_failures",
    "rejects_lost",
    "unknown_readings",
    "future_readings",
    "stored_readings",
    "store_batches",
    "store_failures",
    "store_refused_readings",
    "late_readings",
    "corrupt_entries",
)
_GAUGES = (
    "queued_messages",
    "queued_bytes",
    "commit_seconds",
    "store_lag_entries",
    "store_lag_seconds",
    "store_write_seconds",
)


class IngestStats:
    """Counts since the start. Every name exists at zero from then on; safe from several threads.

    Examples
    --------
    >>> stats = IngestStats()
    >>> stats.add(commits=1, logged_readings=20)
    >>> stats.snapshot()["logged_readings"]
    20
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(_COUNTERS, 0)
        self._gauges = dict.fromkeys(_GAUGES, 0.0)
        self._rejected = dict.fromkeys(RejectReason, 0)

    def add(self, **counts: int) -> None:
        """Add to counters by name; KeyError for a name that is not one."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] = self._counts[name] + count

    def set(self, **gauges: float) -> None:
        """Set gauges by name; KeyError for a name that is not one."""
        with self._lock:
            for name, value in gauges.items():
                self._gauges[name]
                self._gauges[name] = value

    def add_rejected(self, counts: Counter[RejectReason]) -> None:
        """Add to the rejects by reason."""
        with self._lock:
            for reason, count in counts.items():
                self._rejected[reason] += count

    def snapshot(self) -> dict[str, float]:
        """All counters and gauges by name."""
        with self._lock:
            return {**self._counts, **self._gauges}

    def rejected(self) -> dict[RejectReason, int]:
        """Rejected messages by reason, every reason listed."""
        with self._lock:
            return dict(self._rejected)
