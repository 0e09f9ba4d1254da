"""The last reading of every point, kept from the log as it grows; nothing is written and no place is committed."""

import threading
from dataclasses import dataclass

import numpy as np
import structlog

from hazards.log import Log, Readings
from hazards.readings import ReadingBatch
from ingest.errors import IngestError

__all__ = ["LastReading", "LiveValues"]

_log = structlog.get_logger("hazmon.api")


@dataclass(frozen=True, slots=True)
class LastReading:
    """The newest reading of a point."""

    t: int
    """[ms since 1970 UTC]"""
    v: float | None
    q: int


class LiveValues:
    """Last time, value and quality by point number. Readers may be on any thread.

    Parameters
    ----------
    log : Log
        Read, never committed to.
    look_back_entries : int
        So many of the newest entries are read at the start, so that a page has values at once.
    """

    def __init__(self, log: Log, look_back_entries: int = 4000) -> None:
        self._log = log
        self._look_back = look_back_entries
        self._time = np.full(0, -1, np.int64)
        self._value = np.full(0, np.nan, np.float64)
        self._quality = np.full(0, 0, np.uint8)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Read on in a thread of its own."""
        self._thread = threading.Thread(target=self._follow, name="api-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    def last(self, number: int) -> LastReading | None:
        """The newest reading of this point, None if none was seen."""
        with self._lock:
            if number >= len(self._time) or self._time[number] < 0:
                return None
            value = float(self._value[number])
            return LastReading(
                int(self._time[number]), value if np.isfinite(value) else None, int(self._quality[number])
            )

    def take(self, batch: ReadingBatch) -> None:
        """Take in readings; where a point has several, the newest wins, and an old one never replaces a newer."""
        if not len(batch):
            return
        # In order of time a fancy assignment keeps the newest of each point.
        order = np.argsort(batch.time_ms, kind="stable")
        point, time_ms = batch.point[order], batch.time_ms[order]
        with self._lock:
            need = int(point.max()) + 1
            if need > len(self._time):
                more = max(need, 2 * len(self._time)) - len(self._time)
                self._time = np.concatenate([self._time, np.full(more, -1, np.int64)])
                self._value = np.concatenate([self._value, np.full(more, np.nan)])
                self._quality = np.concatenate([self._quality, np.zeros(more, np.uint8)])
            newer = time_ms >= self._time[point]
            point = point[newer]
            self._time[point] = time_ms[newer]
            self._value[point] = batch.value[order][newer]
            self._quality[point] = batch.quality[order][newer]

    def _follow(self) -> None:
        was_lost = False
        offset = -1
        while not self._stop.is_set():
            try:
                if offset < 0:
                    offset = max(self._log.first_offset - 1, self._log.last_offset - self._look_back, 0)
                if not self._log.wait(offset, 0.5):
                    continue
                for entry in self._log.read(offset):
                    if isinstance(entry.body, Readings):
                        self.take(entry.body.batch)
                    offset = entry.offset
                was_lost = False
            except IngestError as error:
                if not was_lost:
                    _log.warning("last values can't be read from the log", error=str(error))
                was_lost = True
                self._stop.wait(1.0)
