"""Write a batch around what the store will not take, by halving until the culprit is alone."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hazards.readings import ReadingBatch
from ingest.errors import PointRefused
from ingest.stores.base import Store

__all__ = ["MOST_ATTEMPTS", "Refused", "write_around"]

MOST_ATTEMPTS = 200
"""After so many writes for one batch a part that is refused is set aside whole."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Readings that the store would not take, and its words."""

    batch: ReadingBatch
    reason: str


def write_around(store: Store, batch: ReadingBatch, most_attempts: int = MOST_ATTEMPTS) -> list[Refused]:
    """Write a batch; what is refused comes back, one reading at a time, and all the rest is in the store.

    If very much is refused, parts are given up whole after ``most_attempts`` writes. InfluxDB has then still taken
    the good readings in them, since it refuses points and not requests.

    Raises
    ------
    StoreUnavailable
        The store went away meanwhile; write the whole batch again later.
    """
    refused: list[Refused] = []
    parts = deque([batch])
    attempts = 0
    while parts:
        part = parts.popleft()
        attempts += 1
        try:
            store.write(part)
        except PointRefused as e:
            if len(part) == 1 or attempts >= most_attempts:
                refused.append(Refused(part, e.reason))
                continue
            if part is batch:  # by point, so that a bad point's readings lie together; order within it stays
                part = _take(batch, np.argsort(batch.point, kind="stable"))
            half = _middle(part.point)
            parts += _take(part, np.arange(half)), _take(part, np.arange(half, len(part)))
    return refused


def _middle(point: NDArray[np.int32]) -> int:
    """Where to cut: at the boundary between two points nearest to the middle, else in the middle."""
    boundaries = np.flatnonzero(np.diff(point)) + 1
    if len(boundaries) == 0:
        return len(point) // 2
    return int(boundaries[np.argmin(np.abs(boundaries - len(point) // 2))])


def _take(batch: ReadingBatch, index: NDArray[np.intp]) -> ReadingBatch:
    return ReadingBatch(batch.point[index], batch.time_ms[index], batch.value[index], batch.quality[index])
