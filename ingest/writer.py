"""From the log to the store, at the store's own pace: a store that is away or slow delays nothing before it."""

import json
import math
import random
import threading
import time
from collections.abc import Callable

import structlog

from hazards.log import Damaged, Entry, Log, Readings
from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.decode.reject import RejectReason
from ingest.directory import NATIVE_PREFIX
from ingest.errors import LogUnavailable, StoreUnavailable
from ingest.rejects import Rejected, Rejects, RejectsUnavailable
from ingest.stats import IngestStats
from ingest.stores.around import Refused, write_around
from ingest.stores.base import Store

__all__ = ["CONSUMER", "LATE_MS", "StoreWriter"]

log = structlog.get_logger(__name__)

CONSUMER = "store"
"""Its name in the log."""
LATE_MS = 60_000
"""A reading older than this when it was received counts as late. [ms]"""

_BATCH_ENTRIES = 4096
_BATCH_BYTES = 512 << 10
"""About 20,000 readings in one write."""
_GATHER_S = 0.1
"""Once caught up, so long is waited for more, since one larger write costs the store less than many small ones."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_ASK_AFTER_S = 10.0
"""With nothing to write for so long, the store is asked whether it is there."""
_STALLED_S = 120.0
"""Longer than any one write may take."""


class StoreWriter:
    """The log's consumer ``store``.

    Its offset is committed after the write, so that a crash repeats a batch, which is harmless, and never skips one.

    Parameters
    ----------
    source : Log
        Where readings come from.
    store : Store
        Where they go.
    rejects : Rejects
        Where those go that the store refuses.
    clock_ms : callable
        The wall clock. [ms since 1970 UTC]
    stats : IngestStats
        Counters to add to.
    """

    def __init__(
        self, source: Log, store: Store, rejects: Rejects, clock_ms: Callable[[], int], stats: IngestStats
    ) -> None:
        self._log = source
        self._store = store
        self._rejects = rejects
        self._clock_ms = clock_ms
        self._stats = stats
        self._offset = source.consumer_offset(CONSUMER)
        source.commit(CONSUMER, self._offset)  # known from now on, so that retention waits for it
        self._problem = ""
        self._answered = False
        self._heard_s = -math.inf
        self._beat_s = time.monotonic()

    @property
    def offset(self) -> int:
        """Everything up to here is in the store."""
        return self._offset

    def ready(self) -> tuple[bool, str]:
        """Whether the store takes what it is given, and if not, why."""
        if self._problem:
            return False, f"the store is away, readings wait in the log: {self._problem}"
        if time.monotonic() - self._beat_s > _STALLED_S:
            return False, "the store writer is not running"
        if not self._answered:
            return False, "the store has not answered yet"
        return True, "writing to the store"

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set; then write what is in the log, if the store takes it at once."""
        pause_s = _FIRST_PAUSE_S
        while True:
            self._beat_s = time.monotonic()
            stopping = stop.is_set()
            try:
                if time.monotonic() - self._heard_s > _ASK_AFTER_S:
                    self._store.ping()
                    self._well()
                if not self.step():
                    if stopping:
                        return
                    if self._log.wait(self._offset, 0.5):
                        stop.wait(_GATHER_S)
                pause_s = _FIRST_PAUSE_S
                continue
            except (StoreUnavailable, LogUnavailable) as e:
                self._ill(str(e))
            except Exception as e:  # a store's client may raise anything; the log keeps the readings meanwhile
                if f"{type(e).__name__}: {e}" != self._problem:
                    log.exception("store writer failed; trying again")
                self._ill(f"{type(e).__name__}: {e}")
            if stopping:
                return
            self._lag()
            stop.wait(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  -- jitter
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def step(self) -> bool:
        """Write the next entries. False if there are none.

        Raises
        ------
        StoreUnavailable, LogUnavailable
            Nothing is committed; call again later.
        """
        entries = self._log.read(self._offset, _BATCH_ENTRIES, _BATCH_BYTES)
        if not entries:
            self._stats.set(store_lag_entries=0, store_lag_seconds=0)
            return False
        readings = [(entry, entry.body) for entry in entries if isinstance(entry.body, Readings)]
        for entry in entries:
            if isinstance(entry.body, Damaged):
                log.error("log entry is damaged: it is not stored", offset=entry.offset, problem=entry.body.detail)
                self._stats.add(corrupt_entries=1)
        batch = ReadingBatch.concatenate([body.batch for _, body in readings])
        if len(batch):
            self._write(batch)
            late = sum(int((body.batch.time_ms < body.received_ms - LATE_MS).sum()) for _, body in readings)
            self._stats.add(late_readings=late)
        self._commit(entries[-1].offset)
        self._lag(entries[-1])
        return True

    def _write(self, batch: ReadingBatch) -> None:
        began = time.monotonic()
        refused = write_around(self._store, batch)
        self._well()
        self._stats.set(store_write_seconds=time.monotonic() - began)
        lost = sum(len(part.batch) for part in refused)
        self._stats.add(stored_readings=len(batch) - lost, store_batches=1, store_refused_readings=lost)
        if refused:
            log.warning("store refused readings", readings=lost, reason=refused[0].reason)
            self._set_aside(refused)

    def _set_aside(self, refused: list[Refused]) -> None:
        keys = self._log.point_keys()
        now_ms = self._clock_ms()
        rows: dict[tuple[PointKey, str], list[tuple[int, float | None, int]]] = {}
        for part in refused:
            batch = part.batch
            columns = (batch.point.tolist(), batch.time_ms.tolist(), batch.value.tolist(), batch.quality.tolist())
            for number, t, v, q in zip(*columns, strict=True):
                rows.setdefault((keys[number], part.reason), []).append((t, v if math.isfinite(v) else None, q))
        rejected = []
        for (key, reason), readings in rows.items():
            t, v, q = zip(*readings, strict=True)
            payload = json.dumps({"p": [key.point] * len(t), "t": t, "v": v, "q": q}).encode()
            topic = f"{NATIVE_PREFIX}{key.enterprise}/{key.point}"
            rejected.append(Rejected(0, now_ms, topic, RejectReason.STORE_REFUSED, reason, payload, len(payload)))
        try:
            self._rejects.keep(rejected)
        except RejectsUnavailable as e:  # the readings are in the log still; a broken list must not stop the store
            self._stats.add(rejects_lost=len(rejected))
            log.error("refused readings cannot be listed", problem=str(e))

    def _commit(self, offset: int) -> None:
        self._log.commit(CONSUMER, offset)
        self._offset = offset

    def _lag(self, newest: Entry | None = None) -> None:
        """Measure how far behind the log's end we are; the last known age stays where nothing was read."""
        try:
            self._stats.set(store_lag_entries=self._log.last_offset - self._offset)
        except LogUnavailable:
            return
        if newest is not None:
            self._stats.set(store_lag_seconds=max(self._clock_ms() - newest.appended_ms, 0) / 1000)

    def _well(self) -> None:
        if self._problem:
            log.info("store takes readings again")
        self._problem = ""
        self._answered = True
        self._heard_s = time.monotonic()

    def _ill(self, problem: str) -> None:
        self._stats.add(store_failures=1)
        if problem != self._problem:
            log.warning("store is away; readings wait in the log", problem=problem)
        self._problem = problem
