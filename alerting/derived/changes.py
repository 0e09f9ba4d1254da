"""Derived points that compare one input with its own past: change and rate over a window, change since a date, time
since the last change.

All take readings whose times ascend; the first of them may take the place of one that came at its time.
"""

import numpy as np
from numpy.typing import NDArray

from alerting.derived.rank import BAD, GOOD, MAINTENANCE, UNCERTAIN
from alerting.derived.row import Row
from hazards.derivation import Derivation, Function

__all__ = ["Change", "ChangeSince", "TimeSinceChange"]

_FORGET_AT_ONCE = 1024
_NEVER = np.iinfo(np.int64).min

Times = NDArray[np.int64]
Values = NDArray[np.float64]
Ranks = NDArray[np.uint8]
Results = tuple[Values, Ranks, NDArray[np.bool_]]


def _spread(y: Values, rank: Ranks, doubt: NDArray[np.bool_]) -> tuple[Values, Ranks]:
    """Value and rank of results: of what came with the reading, and of what it is compared with."""
    y[rank >= MAINTENANCE] = np.nan
    return y, np.where(rank >= MAINTENANCE, rank, np.where(doubt, UNCERTAIN, GOOD)).astype(np.uint8)


class Change:
    """Change or rate over a window: against the latest usable reading at or before its beginning.

    That one may be older than the window by at most ``stale_after``; with none, there is no result. A rate divides by
    the time that really lies between.
    """

    def __init__(self, derivation: Derivation) -> None:
        self._per_ms = float(derivation.per_ms) if derivation.function is Function.RATE else None
        self._window_ms = derivation.window_ms
        self._stale_ms = derivation.inputs[0].stale_after_ms
        self.last_ms: int | None = None
        # Usable readings only.
        self._times, self._values, self._ranks = Row(np.int64), Row(np.float64), Row(np.uint8)

    def feed(self, time_ms: Times, value: Values, rank: Ranks) -> Results:
        """Results at these readings: value, rank, and whether there is one."""
        if self.last_ms == time_ms[0] and len(self._times) and self._times.array[-1] == time_ms[0]:
            for row in (self._times, self._values, self._ranks):
                row.truncate(len(row) - 1)
        usable = rank <= UNCERTAIN
        self._times.append(time_ms[usable])
        self._values.append(value[usable])
        self._ranks.append(rank[usable])
        self.last_ms = int(time_ms[-1])
        times = self._times.array
        if not len(times):
            return np.full(len(rank), np.nan), rank.copy(), np.zeros(len(rank), np.bool_)
        begins = time_ms - self._window_ms
        reference = np.searchsorted(times, begins, "right") - 1
        valid = (reference >= 0) & (times[reference] >= begins - self._stale_ms)
        with np.errstate(all="ignore"):
            y = value - self._values.array[reference]
            if self._per_ms is not None:
                y = y / (time_ms - times[reference]) * self._per_ms
        made = *_spread(y, rank, (rank == UNCERTAIN) | (self._ranks.array[reference] == UNCERTAIN)), valid
        gone = self._gone()
        if gone >= max(_FORGET_AT_ONCE, len(times) - gone):
            for row in (self._times, self._values, self._ranks):
                row.drop(gone)
        return made

    def _gone(self) -> int:
        """Readings that no later one will be compared with."""
        if self.last_ms is None:
            return 0
        begin = self.last_ms - self._window_ms
        times = self._times.array
        latest = int(np.searchsorted(times, begin, "right")) - 1
        return max(latest, int(np.searchsorted(times, begin - self._stale_ms, "left")), 0)

    def save(self) -> list[bytes]:
        """What is needed to go on."""
        gone = self._gone()
        last = np.int64(_NEVER if self.last_ms is None else self.last_ms)
        return [last.tobytes(), *(row.array[gone:].tobytes() for row in (self._times, self._values, self._ranks))]

    def load(self, state: list[bytes]) -> None:
        """Go on from what `save` gave."""
        last, times, values, ranks = state
        at = int(np.frombuffer(last, np.int64)[0])
        self.last_ms = None if at == _NEVER else at
        self._times.append(np.frombuffer(times, np.int64))
        self._values.append(np.frombuffer(values, np.float64))
        self._ranks.append(np.frombuffer(ranks, np.uint8))


_REFERENCE = np.dtype([("last", "<i8"), ("time", "<i8"), ("value", "<f8"), ("rank", "u1")])


class ChangeSince:
    """Change since a date: against the first usable reading at or after it; no result before there is one.

    Where that one came more than ``stale_after`` after the date, nobody knows what changed until then, and all
    results are UNCERTAIN.
    """

    def __init__(self, derivation: Derivation) -> None:
        self._since_ms = derivation.since_ms
        self._stale_ms = derivation.inputs[0].stale_after_ms
        self.last_ms: int | None = None
        self._reference: tuple[int, float, int] | None = None

    def feed(self, time_ms: Times, value: Values, rank: Ranks) -> Results:
        """Results at these readings: value, rank, and whether there is one."""
        if self._reference is not None and self._reference[0] == time_ms[0]:
            self._reference = None
        valid = np.ones(len(time_ms), np.bool_)
        if self._reference is None:
            usable = np.flatnonzero((rank <= UNCERTAIN) & (time_ms >= self._since_ms))
            if len(usable):
                first = int(usable[0])
                self._reference = int(time_ms[first]), float(value[first]), int(rank[first])
                valid[:first] = False
            else:
                valid[:] = False
        self.last_ms = int(time_ms[-1])
        at, reference, reference_rank = self._reference or (self._since_ms, np.nan, BAD)
        doubt = (rank == UNCERTAIN) | (reference_rank == UNCERTAIN) | (at > self._since_ms + self._stale_ms)
        with np.errstate(all="ignore"):
            return *_spread(value - reference, rank, doubt), valid

    def save(self) -> list[bytes]:
        """What is needed to go on."""
        last = _NEVER if self.last_ms is None else self.last_ms
        return [np.array((last, *(self._reference or (_NEVER, 0.0, BAD))), _REFERENCE).tobytes()]

    def load(self, state: list[bytes]) -> None:
        """Go on from what `save` gave."""
        last, at, value, rank = np.frombuffer(state[0], _REFERENCE)[0].tolist()
        self.last_ms = None if last == _NEVER else last
        self._reference = None if at == _NEVER else (at, value, rank)


_CHANGES = np.dtype(
    [("last", "<i8"), ("changed", "<i8"), ("known", "u1"), ("value", "<f8"), ("usable", "u1"), ("newest", "<f8")]
)


class TimeSinceChange:
    """Time since the input last moved by more than ``band`` from one usable reading to the next.

    Until the first move it is the time since the first usable reading, and UNCERTAIN.
    """

    def __init__(self, derivation: Derivation) -> None:
        self._band = derivation.band
        self._per_ms = float(derivation.per_ms)
        self.last_ms: int | None = None
        # As of before the latest reading, so that another one at its time can take its place.
        self._changed_ms = _NEVER
        self._known = False
        self._value = 0.0
        # The latest reading, if usable.
        self._newest: float | None = None

    def feed(self, time_ms: Times, value: Values, rank: Ranks) -> Results:
        """Results at these readings: value, rank, and whether there is one."""
        if self.last_ms != time_ms[0]:
            self._settle()
        usable = np.flatnonzero(rank <= UNCERTAIN)
        began = np.full(len(time_ms), self._changed_ms)
        known = np.full(len(time_ms), self._known)
        if len(usable):
            values, at = value[usable], time_ms[usable]
            before = np.concatenate([[self._value], values[:-1]])
            with np.errstate(all="ignore"):
                moved = np.abs(values - before) > self._band
            if self._changed_ms == _NEVER:
                moved[0] = True
            since = np.maximum.accumulate(np.where(moved, at, self._changed_ms))
            if self._changed_ms == _NEVER:
                moved[0] = False
            began[usable] = since
            np.maximum.accumulate(began, out=began)
            known[usable] |= moved
            np.logical_or.accumulate(known, out=known)
        valid = began != _NEVER
        with np.errstate(all="ignore"):
            y = (time_ms - np.where(valid, began, time_ms)) / self._per_ms
        made = *_spread(y, rank, (rank == UNCERTAIN) | ~known), valid
        self._remember(time_ms, value, rank)
        return made

    def _settle(self) -> None:
        """The latest reading is not to be replaced any more."""
        if self._newest is None or self.last_ms is None:
            return
        if self._changed_ms == _NEVER:
            self._changed_ms = self.last_ms
        elif abs(self._newest - self._value) > self._band:
            self._changed_ms, self._known = self.last_ms, True
        self._value, self._newest = self._newest, None

    def _remember(self, time_ms: Times, value: Values, rank: Ranks) -> None:
        """Take over the readings: all but the last are settled."""
        settled = np.flatnonzero(rank[:-1] <= UNCERTAIN)
        if len(settled):
            values, at = value[settled], time_ms[settled]
            with np.errstate(all="ignore"):
                moved = np.abs(values - np.concatenate([[self._value], values[:-1]])) > self._band
            if self._changed_ms == _NEVER:
                moved[0] = False
                self._changed_ms = int(at[0])
            if moved.any():
                self._changed_ms, self._known = int(at[np.flatnonzero(moved)[-1]]), True
            self._value = float(values[-1])
        self._newest = float(value[-1]) if rank[-1] <= UNCERTAIN else None
        self.last_ms = int(time_ms[-1])

    def save(self) -> list[bytes]:
        """What is needed to go on."""
        last = _NEVER if self.last_ms is None else self.last_ms
        newest = self._newest
        row = (last, self._changed_ms, self._known, self._value, newest is not None, newest or 0.0)
        return [np.array(row, _CHANGES).tobytes()]

    def load(self, state: list[bytes]) -> None:
        """Go on from what `save` gave."""
        last, self._changed_ms, known, self._value, usable, newest = np.frombuffer(state[0], _CHANGES)[0].tolist()
        self._known = bool(known)
        self.last_ms = None if last == _NEVER else last
        self._newest = newest if usable else None
