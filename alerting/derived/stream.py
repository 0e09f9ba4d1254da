"""Readings on their way through the derivations, and who takes which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerting.derived.sorting import order_by

__all__ = ["Routes", "Stream", "by_target"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Readings in the order of the log, one array per column, all of one length.

    Attributes
    ----------
    place : int64
        Position in the batch of the reading itself, or of the one that a derived reading was made at.
    channel : int64
        Which point: measured inputs first, then derived points.
    time_ms : int64
    value : float64
    rank : uint8
        Quality as `rank` orders it.
    """

    place: NDArray[np.int64]
    channel: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    rank: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.place)

    def take(self, rows: NDArray[np.int64]) -> "Stream":
        """Some of the readings."""
        return Stream(
            self.place.take(rows),
            self.channel.take(rows),
            self.time_ms.take(rows),
            self.value.take(rows),
            self.rank.take(rows),
        )

    def where(self, kept: NDArray[np.bool_]) -> "Stream":
        """The readings that a mask keeps; this very stream if it keeps all."""
        return self if kept.all() else self.take(np.flatnonzero(kept))

    @classmethod
    def merge(cls, parts: Sequence["Stream"]) -> "Stream":
        """Several streams as one, by place; at one place, in the order given."""
        if len(parts) == 1:
            return parts[0]
        place = np.concatenate([p.place for p in parts])
        rows = np.argsort(place, kind="stable")
        return cls(
            place[rows],
            np.concatenate([p.channel for p in parts])[rows],
            np.concatenate([p.time_ms for p in parts])[rows],
            np.concatenate([p.value for p in parts])[rows],
            np.concatenate([p.rank for p in parts])[rows],
        )


class Routes:
    """For each channel, the slots that take its readings.

    Parameters
    ----------
    channel : sequence of int
        The channel that each slot listens to.
    n_channels : int
        How many channels there are.
    """

    def __init__(self, channel: Sequence[int], n_channels: int) -> None:
        of_slot = np.asarray(channel, np.int64)
        self._slots = np.argsort(of_slot, kind="stable")
        self._count = np.bincount(of_slot, minlength=n_channels)
        self._start = np.cumsum(self._count) - self._count
        self._single = bool((self._count <= 1).all())
        self._only = np.full(n_channels, -1, np.int64)
        self._only[of_slot] = np.arange(len(of_slot))

    def of(self, stream: Stream) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
        """Rows of a stream that somebody takes (None: all, each once), and the slot that takes each."""
        channel = stream.channel
        if self._single:
            slot = self._only[channel]
            if not len(slot) or slot.min() >= 0:
                return None, slot
            rows = np.flatnonzero(slot >= 0)
            return rows, slot[rows]
        count = self._count[channel]
        rows = np.repeat(np.arange(len(channel)), count)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        return rows, self._slots[self._start[channel][rows] + within]


def by_target(target: NDArray[np.int64]) -> tuple[NDArray[np.int64] | None, bool]:
    """Rows so that each target's stand together, in their order; None if they do. And whether any target has two.

    >>> rows, several = by_target(np.array([5, 2, 5]))
    >>> rows.tolist(), several
    ([1, 0, 2], True)
    >>> by_target(np.array([2, 5]))
    (None, False)
    """
    if len(target) < 2 or (target[1:] > target[:-1]).all():
        return None, False
    if (target[1:] >= target[:-1]).all():
        return None, True
    rows = order_by(target)
    targets = target.take(rows)
    return rows, bool((targets[1:] == targets[:-1]).any())
