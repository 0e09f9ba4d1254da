"""When a derived reading goes out: once nothing can change it any more, or when it has waited long enough.

Inputs of one moment seldom arrive together. The first of them gives a result with what was held of the others; if
that went out at once, the engine would judge a mixture of two scans, and drop the right result as late. So a result
waits until all measured points behind it have reached its time, until a later result of its point comes, or until the
second tick of the log: between one and two seconds.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from alerting.derived.derivations import Derivations
from alerting.derived.pointwise import NEVER
from hazards.readings import ReadingBatch

__all__ = ["Settling"]

_LATEST = np.iinfo(np.int64).max
_WAITING = np.dtype(
    [("point", "<i4"), ("time", "<i8"), ("value", "<f8"), ("quality", "u1"), ("received", "<i8"), ("ticks", "u1")]
)
_TICKS = 2
"""A result that has waited over so many ticks goes out as it is."""


class Settling:
    """Holds the latest result of each derived point back while it can change; a function of readings and ticks.

    Parameters
    ----------
    derivations : Derivations
        What is computed, and how far its inputs have come.
    """

    def __init__(self, derivations: Derivations) -> None:
        self.derivations = derivations
        points = derivations.number[len(derivations.measured) :]
        n = len(points)
        self._row = np.full(int(points.max(initial=-1)) + 1, -1, np.int64)
        self._row[points] = np.arange(n)
        self._waiting = np.zeros(n, _WAITING)
        """What waits, a row for each derived point; its time is `NEVER` where nothing does."""
        self._waiting["point"], self._waiting["time"] = points, NEVER

    def feed(self, batch: ReadingBatch, received_ms: int) -> tuple[ReadingBatch, int]:
        """Take readings; the derived readings that go out, by time and point, and the earliest receipt behind them."""
        made = self.derivations.feed(batch)
        if not len(made):
            return made, received_ms
        row = self._row.take(made.point)
        # Each point's results ascend in time, so the first tells what becomes of the one that waits.
        waiting, n = self._waiting, len(self._waiting)
        first = np.full(n, _LATEST)
        np.minimum.at(first, row, made.time_ms)
        passed = np.flatnonzero((waiting["time"] != NEVER) & (first != _LATEST) & (first > waiting["time"]))
        gone, gone_received_ms = self._take(passed)
        waiting["time"][row] = NEVER  # what was not passed by is replaced
        latest = np.full(n, NEVER)
        np.maximum.at(latest, row, made.time_ms)
        waits = (made.time_ms == latest.take(row)) & (made.time_ms > self.derivations.reached_ms().take(row))
        rows = np.flatnonzero(waits)
        if len(rows):
            into = row.take(rows)
            waiting["time"][into], waiting["value"][into] = made.time_ms.take(rows), made.value.take(rows)
            waiting["quality"][into] = made.quality.take(rows)
            waiting["received"][into], waiting["ticks"][into] = received_ms, 0
            made = _some(made, np.flatnonzero(~waits))
        if not len(passed):
            return made, received_ms
        return _ordered(ReadingBatch.concatenate([gone, made])), min(gone_received_ms, received_ms)

    def tick(self) -> tuple[ReadingBatch, int]:
        """Time passes; what has waited long enough, by time and point, and the earliest receipt behind it."""
        waits = np.flatnonzero(self._waiting["time"] != NEVER)
        self._waiting["ticks"][waits] += 1
        batch, received_ms = self._take(waits[self._waiting["ticks"][waits] >= _TICKS])
        return _ordered(batch), received_ms

    def _take(self, rows: NDArray[np.int64]) -> tuple[ReadingBatch, int]:
        """Let these go; and the earliest of their receipts."""
        gone = self._waiting[rows]
        self._waiting["time"][rows] = NEVER
        batch = ReadingBatch.of(gone["point"], gone["time"], gone["value"], gone["quality"])
        return batch, int(gone["received"].min(initial=_LATEST))

    def snapshot(self) -> bytes:
        """The state, that of the derivations included."""
        waits = self._waiting[self._waiting["time"] != NEVER]
        return b"".join((struct.pack("<I", len(waits)), waits.tobytes(), self.derivations.snapshot()))

    @staticmethod
    def split(snapshot: bytes) -> tuple[bytes, bytes]:
        """What waits, and the snapshot of the derivations, which has to be restored first.

        Raises
        ------
        ValueError
            If the bytes are not what `snapshot` gave.
        """
        if len(snapshot) < 4:
            raise ValueError("this is no snapshot of derived points: it is too short")
        at = 4 + _WAITING.itemsize * int(struct.unpack_from("<I", snapshot)[0])
        return snapshot[4:at], snapshot[at:]

    def wait(self, waiting: bytes) -> None:
        """Go on with what waited, as far as its points are still derived."""
        saved = np.frombuffer(waiting, _WAITING)
        known = saved["point"] < len(self._row)
        saved = saved[known]
        row = self._row[saved["point"]]
        self._waiting[row[row >= 0]] = saved[row >= 0]


def _some(batch: ReadingBatch, rows: NDArray[np.int64]) -> ReadingBatch:
    return ReadingBatch(
        batch.point.take(rows), batch.time_ms.take(rows), batch.value.take(rows), batch.quality.take(rows)
    )


def _ordered(batch: ReadingBatch) -> ReadingBatch:
    return _some(batch, np.lexsort((batch.point, batch.time_ms)))
