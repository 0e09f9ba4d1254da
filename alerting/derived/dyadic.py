"""Sums, least and greatest over any stretch of a growing row, many stretches at once.

Beside the row itself stand the sums of its blocks of 2, 4, 8 ..., counted from the row's very beginning. A stretch is
made of a few whole blocks, always the same ones, so that its sum does not depend on how the row came in or on what
has been forgotten, and no error builds up as it would in a running sum::

    row      0 1 2 3 4 5 6 7         stretch 1..6 = 1 + (2 3) + (4 5) + 6
    by 2     (0 1)(2 3)(4 5)(6 7)
    by 4     (0 1 2 3) (4 5 6 7)
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerting.derived.row import Row

__all__ = ["Dyadic"]


class Dyadic:
    """Aggregates of stretches.

    Parameters
    ----------
    combine : numpy.ufunc
        `numpy.add`, `numpy.minimum` or `numpy.maximum`.
    identity : float
        Of ``combine``; what stands for a number that does not count.
    start : int
        Number of the first element to come.

    Examples
    --------
    >>> sums = Dyadic(np.add, 0.0)
    >>> sums.append(np.arange(8.0))
    >>> sums.over(np.array([1, 0]), np.array([7, 8])).tolist()
    [21.0, 28.0]
    """

    def __init__(self, combine: np.ufunc, identity: float, start: int = 0) -> None:
        self._combine = combine
        self._identity = identity
        self._levels = [Row(np.float64)]
        self._starts = [start]

    @property
    def stop(self) -> int:
        """Number of the next element."""
        return self._starts[0] + len(self._levels[0])

    @property
    def row(self) -> NDArray[Any]:
        """The elements that are kept, as a view."""
        return self._levels[0].array

    def append(self, values: NDArray[np.float64]) -> None:
        """Put elements at the end."""
        self._levels[0].append(values)
        level = 0
        while True:
            below, start_below = self._levels[level], self._starts[level]
            if level + 1 == len(self._levels):
                if len(below) < 2:
                    return
                self._levels.append(Row(np.float64))
                self._starts.append((start_below + 1) // 2)
            level += 1
            here, start = self._levels[level], self._starts[level]
            first, last = start + len(here), (start_below + len(below)) // 2
            if last <= first:
                return
            pairs = below.array[2 * first - start_below : 2 * last - start_below].reshape(-1, 2)
            here.append(self._combine(pairs[:, 0], pairs[:, 1]))

    def truncate(self, stop: int) -> None:
        """Take back the elements from number ``stop`` on."""
        for level, (row, start) in enumerate(zip(self._levels, self._starts, strict=True)):
            row.truncate(max(min(len(row), (stop >> level) - start), 0))

    def drop(self, before: int) -> None:
        """Forget the elements before number ``before``; no stretch may begin there any more."""
        first = before
        for level, row in enumerate(self._levels):
            n = min(max(first - self._starts[level], 0), len(row))
            row.drop(n)
            self._starts[level] = max(first, self._starts[level])
            first = (first + 1) // 2

    def over(self, begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Aggregates of the elements ``begin`` to before ``end``, shape (n,); the identity of an empty stretch."""
        if len(begin) == 1:
            return np.array([self._one(int(begin[0]), int(end[0]))])
        front = np.full(len(begin), self._identity)
        back = front.copy()
        begin, end = begin.copy(), end.copy()
        for row, start in zip(self._levels, self._starts, strict=True):
            if not (begin < end).any():
                break
            array = row.array
            at = np.flatnonzero((begin < end) & (begin & 1 == 1))
            if len(at):
                front[at] = self._combine(front[at], array[begin[at] - start])
                begin[at] += 1
            at = np.flatnonzero((begin < end) & (end & 1 == 1))
            if len(at):
                end[at] -= 1
                back[at] = self._combine(array[end[at] - start], back[at])
            begin >>= 1
            end >>= 1
        return np.asarray(self._combine(front, back), np.float64)

    def _one(self, begin: int, end: int) -> float:
        """The same for one stretch, without a detour over arrays."""
        front = back = self._identity
        for row, start in zip(self._levels, self._starts, strict=True):
            if begin >= end:
                break
            array = row.array
            if begin & 1:
                front = self._combine(front, array[begin - start])
                begin += 1
            if begin < end and end & 1:
                end -= 1
                back = self._combine(array[end - start], back)
            begin >>= 1
            end >>= 1
        return float(self._combine(front, back))
