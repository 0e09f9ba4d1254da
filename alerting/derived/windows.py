"""Derived points over a window of time of one input: sum, mean, least, greatest, count.

The window of a result at time T is ``(T - window, T]`` in event time: half open, so that windows which follow each
other share no reading. Readings that are not GOOD or UNCERTAIN do not count. The result is UNCERTAIN where any of
the window's readings is not GOOD, where more than ``stale_after`` lies between two, or where the first reading ever
came after the window's beginning.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerting.derived.dyadic import Dyadic
from alerting.derived.rank import GOOD, MAINTENANCE, UNCERTAIN
from alerting.derived.row import Row
from hazards.derivation import Derivation, Function

__all__ = ["Window"]

_FORGET_AT_ONCE = 1024
"""Readings that have left the window are kept until there are as many as in it, and at least so many."""

_OF = {
    Function.WINDOW_SUM: (np.add, 0.0),
    Function.WINDOW_MEAN: (np.add, 0.0),
    Function.WINDOW_COUNT: (np.add, 0.0),
    Function.WINDOW_MIN: (np.minimum, np.inf),
    Function.WINDOW_MAX: (np.maximum, -np.inf),
}

_FLAWS = _GAP, _UNUSABLE, _UNCERTAIN = range(3)
"""Of a reading: more than ``stale_after`` lies before it; it does not count; it counts, with doubt."""

Results = tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.bool_]]


class Window:
    """One derived point over a window.

    Parameters
    ----------
    derivation : Derivation
        Its function is one of the window functions.
    """

    def __init__(self, derivation: Derivation) -> None:
        self._function = derivation.function
        self._window_ms = derivation.window_ms
        self._stale_ms = derivation.inputs[0].stale_after_ms
        self._at_least = derivation.at_least
        self._complete_only = derivation.incomplete == "no-value"
        self._begin(0)

    def _begin(self, ordinal: int) -> None:
        combine, self._identity = _OF[self._function]
        self._first = ordinal
        """Number of the oldest reading that is kept."""
        self._values = Dyadic(combine, self._identity, ordinal)
        self._times = Row(np.int64)
        # How many readings before each had each flaw, since some beginning: one place more than readings.
        self._flaws = Row(np.int64, len(_FLAWS))
        self._flaws.append(np.zeros((1, len(_FLAWS)), np.int64))

    @property
    def last_ms(self) -> int | None:
        """Time of the latest reading."""
        return int(self._times.array[-1]) if len(self._times) else None

    def feed(self, time_ms: NDArray[np.int64], value: NDArray[np.float64], rank: NDArray[np.uint8]) -> Results:
        """Results at readings whose times ascend; the first may take the place of one at its time.

        Returns
        -------
        value, rank, valid : float64, uint8, bool, shape (n,)
        """
        if self.last_ms == time_ms[0]:
            self._truncate(len(self._times) - 1)
        before = self._times.array[-1:] if len(self._times) else np.array([np.iinfo(np.int64).min])
        previous = np.concatenate([before, time_ms[:-1]])
        gap = previous < time_ms - self._stale_ms
        self._append(time_ms, value, rank, gap)
        end = self._first + np.arange(len(self._times) - len(time_ms), len(self._times)) + 1
        begin = self._first + np.searchsorted(self._times.array, time_ms - self._window_ms, "right")
        made = self._results(begin, end, rank)
        self._forget(int(begin[-1]))
        return made

    def _results(self, begin: NDArray[np.int64], end: NDArray[np.int64], rank: NDArray[np.uint8]) -> Results:
        flaws = self._flaws.array
        until, since = flaws.take(end - self._first, 0), flaws.take(begin - self._first, 0)
        within = until - since
        # The result's own reading is not missing; what it is, the result's quality says.
        n_missing = within[:, _GAP] + flaws[:, _UNUSABLE].take(end - 1 - self._first) - since[:, _UNUSABLE]
        complete = n_missing == 0
        y = self._values.over(begin, end)
        usable = end - begin - within[:, _UNUSABLE]
        if self._function is Function.WINDOW_MEAN:
            with np.errstate(all="ignore"):
                y = y / usable
        doubt = ~complete | (within[:, _UNCERTAIN] > 0)
        r = np.where(rank >= MAINTENANCE, rank, np.where(doubt, UNCERTAIN, GOOD)).astype(np.uint8)
        y[rank >= MAINTENANCE] = np.nan
        return y, r, complete if self._complete_only else np.ones(len(y), np.bool_)

    def _append(
        self,
        time_ms: NDArray[np.int64],
        value: NDArray[np.float64],
        rank: NDArray[np.uint8],
        gap: NDArray[np.bool_],
    ) -> None:
        usable = rank <= UNCERTAIN
        if self._function is Function.WINDOW_COUNT:
            value = (value >= self._at_least).astype(np.float64)
        self._values.append(np.where(usable, value, self._identity))
        self._times.append(time_ms)
        self._count(np.column_stack([gap, ~usable, rank == UNCERTAIN]))

    def _count(self, flaws: NDArray[Any]) -> None:
        self._flaws.append(self._flaws.array[-1] + np.cumsum(flaws, axis=0))

    def _truncate(self, length: int) -> None:
        self._values.truncate(self._first + length)
        self._times.truncate(length)
        self._flaws.truncate(length + 1)

    def _forget(self, before: int) -> None:
        gone = before - self._first
        if gone < max(_FORGET_AT_ONCE, len(self._times) - gone):
            return
        self._first = before
        self._values.drop(before)
        self._times.drop(gone)
        self._flaws.drop(gone)

    def save(self) -> list[bytes]:
        """What is needed to go on: the readings of the latest window."""
        times = self._times.array
        gone = int(np.searchsorted(times, times[-1] - self._window_ms, "right")) if len(times) else 0
        return [
            np.int64(self._first + gone).tobytes(),
            times[gone:].tobytes(),
            self._values.row[gone:].tobytes(),
            np.diff(self._flaws.array[gone:], axis=0).astype(np.bool_).tobytes(),
        ]

    def load(self, state: list[bytes]) -> None:
        """Go on from what `save` gave."""
        first, times, values, flaws = state
        self._begin(int(np.frombuffer(first, np.int64)[0]))
        self._times.append(np.frombuffer(times, np.int64))
        self._values.append(np.frombuffer(values, np.float64))
        self._count(np.frombuffer(flaws, np.bool_).reshape(-1, len(_FLAWS)))
