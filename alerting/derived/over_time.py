"""Derived points that look back in time, each with a memory of its own.

Each point's readings are taken together; what is done for each of them is done in columns. A reading at the time of
the one before takes its place, so readings are cut where two have one time.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alerting.derived.changes import Change, ChangeSince, TimeSinceChange
from alerting.derived.rank import settle
from alerting.derived.stream import Routes, Stream, by_target
from alerting.derived.windows import Window
from hazards.derivation import Derivation, Function

__all__ = ["MEMORIES", "Memory", "OverTime"]


class Memory(Protocol):
    """What a derived point keeps of the past."""

    @property
    def last_ms(self) -> int | None:
        """Time of the latest reading."""

    def feed(
        self, time_ms: NDArray[np.int64], value: NDArray[np.float64], rank: NDArray[np.uint8], /
    ) -> tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.bool_]]:
        """Value, rank and whether there is a result, at readings whose times ascend; the first may replace one."""

    def save(self) -> list[bytes]:
        """What is needed to go on."""

    def load(self, state: list[bytes], /) -> None:
        """Go on from what `save` gave."""


MEMORIES: Mapping[Function, Callable[[Derivation], Memory]] = MappingProxyType({
    Function.RATE: Change,
    Function.CHANGE: Change,
    Function.CHANGE_SINCE: ChangeSince,
    Function.TIME_SINCE_CHANGE: TimeSinceChange,
    Function.WINDOW_SUM: Window,
    Function.WINDOW_MEAN: Window,
    Function.WINDOW_MIN: Window,
    Function.WINDOW_MAX: Window,
    Function.WINDOW_COUNT: Window,
})  # fmt: skip
"""By function: what makes the memory of a derived point."""


class OverTime:
    """Derivations that look back, one input each.

    Parameters
    ----------
    derivations : sequence of Derivation
    channels : sequence of int
        The channel of each one's input.
    own : sequence of int
        Each one's own channel.
    n_channels : int
        How many channels there are.
    """

    def __init__(
        self, derivations: Sequence[Derivation], channels: Sequence[int], own: Sequence[int], n_channels: int
    ) -> None:
        self.derivations = tuple(derivations)
        self.memories = [MEMORIES[d.function](d) for d in derivations]
        self._own = np.asarray(own, np.int64)
        self._routes = Routes(channels, n_channels)

    def feed(self, stream: Stream) -> Stream:
        """Results of the readings that concern these points: each point's together, in the order of the stream."""
        rows, slot = self._routes.of(stream)
        if not len(slot):
            return stream.take(slot)
        order, _ = by_target(slot)
        if order is not None:
            slot = slot[order]
            rows = order if rows is None else rows[order]
        if rows is not None:
            stream = stream.take(rows)
        n = len(slot)
        value, rank, valid = np.empty(n), np.empty(n, np.uint8), np.empty(n, np.bool_)
        time_ms = stream.time_ms
        first = np.ones(n, np.bool_)
        first[1:] = (slot[1:] != slot[:-1]) | (time_ms[1:] == time_ms[:-1])
        cuts = [*np.flatnonzero(first).tolist(), n]
        for start, stop in pairwise(cuts):
            part = slice(start, stop)
            number = int(slot[start])
            derivation = self.derivations[number]
            y, rank[part], valid[part] = self.memories[number].feed(
                time_ms[part], stream.value[part], stream.rank[part]
            )
            with np.errstate(all="ignore"):
                value[part] = y * derivation.factor + derivation.constant
        value, rank = settle(value, rank)
        return Stream(stream.place, self._own[slot], time_ms, value, rank).where(valid)
