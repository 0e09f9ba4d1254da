"""Derived points that take the latest reading of each of their inputs: one function, one number of inputs, any number
of derived points, computed together.

The latest reading of each input is held. At a reading of any of them a result is made, at the latest of the inputs'
times, if all have been heard and none is older than it may be.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alerting.derived.arithmetic import ARITHMETIC
from alerting.derived.rank import BAD, settle
from alerting.derived.stream import Routes, Stream, by_target
from hazards.derivation import Derivation, Function

__all__ = ["NEVER", "Pointwise"]

NEVER = np.iinfo(np.int64).min
"""Time of an input that has not been heard."""

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Ranks = NDArray[np.uint8]


class Pointwise:
    """Derivations of one function with ``k`` inputs each.

    Parameters
    ----------
    derivations : sequence of Derivation
        All of one function and number of inputs.
    channels : sequence of sequence of int
        The channels of each one's inputs.
    own : sequence of int
        Each one's own channel.
    n_channels : int
        How many channels there are.
    """

    def __init__(
        self,
        derivations: Sequence[Derivation],
        channels: Sequence[Sequence[int]],
        own: Sequence[int],
        n_channels: int,
    ) -> None:
        self.derivations = tuple(derivations)
        self.function = derivations[0].function
        self._k = k = len(derivations[0].inputs)
        self._own = np.asarray(own, np.int64)
        self._routes = Routes([c for inputs in channels for c in inputs], n_channels)
        n = len(derivations)
        # State, a row each; slot = row * k + input. Rows are taken by `take`: ten times faster than by an index.
        self.time_ms = np.full((n, k), NEVER, np.int64)
        self.value = np.full((n, k), np.nan)
        self.rank = np.full((n, k), BAD, np.uint8)
        self._flat_time, self._flat_value, self._flat_rank = self.time_ms.ravel(), self.value.ravel(), self.rank.ravel()
        stale = np.array([[i.stale_after_ms for i in d.inputs] for d in derivations], np.int64)
        self._stale = [np.ascontiguousarray(stale[:, j]) for j in range(k)]
        self._same_stale = [int(column[0]) if (column == column[0]).all() else None for column in self._stale]
        coefficients = np.array([d.coefficients or (1.0,) * k for d in derivations])
        self._coefficients = [np.ascontiguousarray(coefficients[:, j]) for j in range(k)]
        self._factor = np.array([d.factor for d in derivations])
        self._constant = np.array([d.constant for d in derivations])
        self._scaled = bool((self._factor != 1).any() or (self._constant != 0).any())
        self._denominator_min = np.array([d.denominator_min for d in derivations])
        self._guarded = self.function is Function.RATIO and not bool(np.isnan(self._denominator_min).all())
        # One reading may reach a derived point by several ways; then it is one event, when all have arrived.
        self._crossing = any(len(set(inputs)) < k for inputs in channels)

    def feed(self, stream: Stream, *, crossing: bool) -> Stream:
        """Results of the readings that concern these points: each point's together, in the order of the stream.

        Parameters
        ----------
        stream : Stream
            Readings by place.
        crossing : bool
            Whether several may have one place.
        """
        rows, slot = self._routes.of(stream)
        if not len(slot):
            return stream.take(slot)
        row = slot // self._k
        order, several = by_target(row)
        if order is not None:
            slot, row = slot.take(order), row.take(order)
            rows = order if rows is None else rows.take(order)
        if rows is not None:
            stream = stream.take(rows)
        held = self._held_along if several else self._held_now
        times, values, ranks = held(slot, row, stream.time_ms, stream.value, stream.rank)
        own, t, y, r, valid = self._results(row, times, values, ranks)
        if several and (crossing or self._crossing):
            valid[:-1] &= (row[1:] != row[:-1]) | (stream.place[1:] != stream.place[:-1])
        return Stream(stream.place, own, t, y, r).where(valid)

    def _held_now(
        self, slot: Times, row: Times, time_ms: Times, value: Values, rank: Ranks
    ) -> tuple[list[Times], list[Values], list[Ranks]]:
        """Take a reading of each row; what its inputs are with it."""
        self._flat_time[slot] = time_ms
        self._flat_value[slot] = value
        self._flat_rank[slot] = rank
        times, values, ranks = self.time_ms.take(row, 0), self.value.take(row, 0), self.rank.take(row, 0)
        inputs = range(self._k)
        return [times[:, j] for j in inputs], [values[:, j] for j in inputs], [ranks[:, j] for j in inputs]

    def _held_along(
        self, slot: Times, row: Times, time_ms: Times, value: Values, rank: Ranks
    ) -> tuple[list[Times], list[Values], list[Ranks]]:
        """Take many readings of a row; what its inputs are with each.

        Before each row's readings stands what was held until then; from there, the place of the latest reading of an
        input is a running maximum::

            row        A  A  A  B  B            held A  r0  r1  r2  held B  r3  r4
            input      0  1  0  1  1     ->          0   1   2   3       4   5   6
            input 0 from                                 1   1   3           4   4
        """
        first = np.empty(len(row), np.bool_)
        first[0] = True
        np.not_equal(row[1:], row[:-1], out=first[1:])
        segment = np.cumsum(first)  # from 1
        at = np.arange(len(row)) + segment
        starts = np.flatnonzero(first)
        held_at, rows = at[starts] - 1, row[starts]
        which = slot - row * self._k
        last = np.append(starts[1:], len(row)) - 1
        times, values, ranks = [], [], []
        source_time, source_value, source_rank = self._sources(at, time_ms, value, rank)
        for j in range(self._k):
            held = rows * self._k + j
            source_time[held_at] = self._flat_time.take(held)
            source_value[held_at] = self._flat_value.take(held)
            source_rank[held_at] = self._flat_rank.take(held)
            latest = np.where(which == j, at, 0)
            latest[starts] = np.maximum(latest.take(starts), held_at)
            np.maximum.accumulate(latest, out=latest)
            times.append(source_time.take(latest))
            values.append(source_value.take(latest))
            ranks.append(source_rank.take(latest))
            self._flat_time[held] = times[j].take(last)
            self._flat_value[held] = values[j].take(last)
            self._flat_rank[held] = ranks[j].take(last)
        return times, values, ranks

    @staticmethod
    def _sources(at: Times, time_ms: Times, value: Values, rank: Ranks) -> tuple[Times, Values, Ranks]:
        """The readings at their places, with room for what was held."""
        size = int(at[-1]) + 1
        times, values, ranks = np.empty(size, np.int64), np.empty(size), np.empty(size, np.uint8)
        times[at], values[at], ranks[at] = time_ms, value, rank
        return times, values, ranks

    def _results(
        self, row: Times, times: list[Times], values: list[Values], ranks: list[Ranks]
    ) -> tuple[Times, Times, Values, Ranks, NDArray[np.bool_]]:
        t, r = times[0].copy(), ranks[0].copy()
        for j in range(1, self._k):
            np.maximum(t, times[j], out=t)
            np.maximum(r, ranks[j], out=r)
        valid = np.ones(len(row), np.bool_)
        for j in range(self._k):
            stale = self._same_stale[j]
            valid &= times[j] >= t - (self._stale[j].take(row) if stale is None else stale)
        with np.errstate(all="ignore"):
            linear = self.function is Function.LINEAR
            coefficients = [c.take(row) for c in self._coefficients] if linear else []
            y = ARITHMETIC[self.function](values, coefficients)
            if self._guarded:
                # Not below: what is no number is not refused but BAD.
                valid &= ~((values[1] < self._denominator_min.take(row)) & (r != BAD))
            if self._scaled:
                y = y * self._factor.take(row) + self._constant.take(row)
        y, r = settle(y, r)
        return self._own.take(row), t, y, r, valid
