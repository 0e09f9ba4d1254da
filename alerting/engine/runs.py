"""Many readings of one point in a batch: a replay, a backtest, a gateway's backlog.

The readings are ordered by point, so that each point has its run, in order of time::

    point   3 3 3 3 3 3 3 3 7 7 7 7 7 7 7 7 9 9 9 9 9 9 9 9
            - - - - - x     - - - x         - - - - - - - -
            |         |     |     |         |
            cursor    |     cursor|         cursor: this window passes as a whole
                      first reading that may change something: by the rules, one for each run

From the cursor of every run a window is looked at, all runs side by side in arrays of shape (runs, width). What
passes in front of the first reading that may change something is taken in one go, that reading goes to the
rules, and the next window begins behind it. So the number of steps follows from how often something changes,
not from the number of readings. A backlog may last for hours, so here the ends of rate windows and the
distances between readings are looked at too, which the first pass only knows as ``until``.
"""

import numpy as np
from numpy.typing import NDArray

from alerting.engine.columns import Columns
from alerting.engine.tables import FAR, Index, Rows, Tables
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["Runs"]

_WINDOW = 1 << 15
"""Readings looked at in one go, over all runs."""


class Runs:
    """The readings of a batch in runs, one run a point, each in order of time, without what comes late.

    Parameters
    ----------
    readings : Columns
        The batch, at least one reading.
    tables : Tables
        Tells what is late.

    Attributes
    ----------
    readings : Columns
        Run after run.
    late : int
        How many readings were late.
    cursor : intp, shape (n_runs,)
        Next reading of each run.
    end : intp, shape (n_runs,)
        Behind the last reading of each run.
    """

    __slots__ = ("_clock", "_first_ms", "_run", "_span_ms", "_width", "cursor", "end", "late", "readings")

    def __init__(self, readings: Columns, tables: Tables) -> None:
        readings = readings.take(_order(readings))
        self.late, begin = 0, _begin(readings.point)
        first = readings.point[begin]
        earliest = tables.trail["last"][first] + tables.rest["seen"][first]
        again = readings.point[1:] == readings.point[:-1]
        again &= readings.time_ms[1:] == readings.time_ms[:-1]
        if again.any() or (readings.time_ms[begin] < earliest).any():
            on_time = readings.time_ms >= np.repeat(earliest, np.diff(begin, append=len(readings)))
            on_time[1:] &= ~again  # of two readings of one time the first counts
            self.late = int(np.count_nonzero(~on_time))
            readings = readings[on_time]
            begin = _begin(readings.point)
        self.readings = readings
        self.cursor, self.end = begin, np.append(begin[1:], len(readings))[: len(begin)]
        self._width = _WINDOW  # of the next window; follows from how far the last one has come
        # All runs on one clock, one behind the other, so that one search finds a time in many runs.
        self._run = np.arange(len(begin))
        self._first_ms = int(readings.time_ms.min(initial=FAR))
        self._span_ms = int(readings.time_ms.max(initial=-FAR)) - self._first_ms + 1
        self._clock = readings.time_ms + np.repeat(self._run * self._span_ms - self._first_ms, self.end - begin)

    def __len__(self) -> int:
        """How many readings are left."""
        return int((self.end - self.cursor).sum())

    def drop_finished(self) -> None:
        """Forget the runs that are at their end."""
        live = self.cursor < self.end
        if not live.all():
            self.cursor, self.end, self._run = self.cursor[live], self.end[live], self._run[live]

    def find(self, run: Index, time_ms: NDArray[np.int64]) -> Index:
        """First reading not before a time, for some of the runs; the run's end if there is none."""
        after = np.minimum(time_ms - self._first_ms, self._span_ms)
        return np.searchsorted(self._clock, self._run[run] * self._span_ms + np.maximum(after, 0))

    def pass_window(self, rows: Rows) -> tuple[Index, Index]:
        """Take what passes of the next window of every run.

        Parameters
        ----------
        rows : Rows
            The runs' points, in the order of the runs; changed in place.

        Returns
        -------
        run, reading : intp, shape (n_left,)
            Runs whose window has ended at a reading for the rules, and that reading. The cursor is behind it.
        """
        width = max(1, min(self._width, _WINDOW // len(rows), int((self.end - self.cursor).max())))
        window = _Window(self, width)
        passed = window.passed(rows)
        _renew_rate(rows, self, window, passed)
        some = np.flatnonzero(passed)
        if len(some):
            newest = passed[some] - 1
            rows.trail["last"][some] = window.time_ms[some, newest]
            rows.trail["held"][some] = window.value[some, newest]
            rows.rest["seen"][some] = True
            _move_anchors(rows, window, passed)
        reading = self.cursor + passed
        run = np.flatnonzero((passed < width) & (reading < self.end))
        self.cursor = reading.copy()
        self.cursor[run] += 1
        self._width = max(8, 2 * int(passed.mean()) + 2)
        return run, reading[run]


class _Window:
    """The next readings of every run, side by side: arrays of shape (runs, width)."""

    __slots__ = ("gap", "inside", "quality", "time_ms", "value")

    def __init__(self, runs: Runs, width: int) -> None:
        self.inside: NDArray[np.bool_] | None = None
        n_runs = len(runs.cursor)
        if len(runs.readings) == n_runs * width and (runs.cursor == np.arange(n_runs) * width).all():
            # Whole runs of one length: they lie side by side already.
            self.time_ms = runs.readings.time_ms.reshape(-1, width)
            self.value = runs.readings.value.reshape(-1, width)
            self.quality = runs.readings.quality.reshape(-1, width)
        else:
            index = runs.cursor[:, None] + np.arange(width)
            if (runs.cursor + width > runs.end).any():
                self.inside = index < runs.end[:, None]
            self.time_ms = runs.readings.time_ms.take(index, mode="clip")
            self.value = runs.readings.value.take(index, mode="clip")
            self.quality = runs.readings.quality.take(index, mode="clip")
        self.gap = np.diff(self.time_ms, axis=1)
        """(runs, width - 1)"""

    def passed(self, rows: Rows) -> Index:
        """How many readings of each run may pass, as far as everything but the rate goes."""
        clock, frozen_after = rows.trail["clock"], rows.timed["frozen_after"]
        must_start = clock == FAR
        must_start |= (rows.timed["rate_time"] == -FAR) & (rows.timed["rate_window"] < FAR)
        until = np.where(must_start, -FAR, rows.due.min(axis=0))
        longest = rows.timed["no_data_after"]
        passes = self.value > rows.box["low"][:, None]
        passes &= self.value < rows.box["high"][:, None]
        passes &= self.time_ms < until[:, None]
        passes &= self.quality <= Quality.UNCERTAIN
        passes[:, 0] &= self.time_ms[:, 0] - rows.trail["last"] <= longest
        passes[:, 1:] &= self.gap <= longest[:, None]
        latest = self.time_ms[:, -1] if self.inside is None else self.time_ms.max(axis=1)
        if (latest - clock >= frozen_after).any():
            since = np.repeat(clock[:, None], self.value.shape[1], axis=1)
            np.copyto(since[:, 1:], self.time_ms[:, 1:], where=_surely_moved(self.value, rows.box["band"]))
            np.maximum.accumulate(since, axis=1, out=since)
            passes &= self.time_ms - since < frozen_after[:, None]
        if self.inside is not None:
            passes &= self.inside
        return _first_false(passes)


def _surely_moved(value: NDArray[np.float64], band: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values, but for the first of each run, are certainly new frozen anchors; (runs, width - 1).

    An anchor follows from the one before, but not from all: every value lies within the band of its anchor, so
    one that is more than two bands away from the value before it is outside.
    """
    moved: NDArray[np.bool_] = np.abs(np.diff(value, axis=1)) > band[:, None] * (2 + 1e-9)  # more, for rounding
    return moved


def _move_anchors(rows: Rows, window: _Window, passed: Index) -> None:
    """Find the last frozen anchor among the passing readings.

    From the last that is certain, found from the end backwards, it is rarely far to the last of all.
    """
    band = rows.box["band"][:, None]
    stop = int(passed.max())
    start = stop
    while True:
        start = max(0, start - 2 * (stop - start) - 16)
        value = window.value[:, start:stop]
        column = np.arange(start, stop)
        passing = column < passed[:, None]
        certain = passing.copy()
        certain[:, 1:] &= _surely_moved(value, rows.box["band"])
        certain[:, 0] &= np.abs(value[:, 0] - rows.trail["anchor"]) > band[:, 0] if start == 0 else False
        found = certain.any(axis=1)
        if start == 0 or found.all():
            break
    anchor = np.where(found, stop - 1 - certain[:, ::-1].argmax(axis=1), start - 1)
    while True:
        rows.trail["anchor"][found] = window.value[found, anchor[found]]
        rows.trail["clock"][found] = window.time_ms[found, anchor[found]]
        outside = np.abs(value - rows.trail["anchor"][:, None]) > band
        outside &= passing
        outside &= column > anchor[:, None]
        found = outside.any(axis=1)
        if not found.any():
            return
        anchor = np.where(found, start + outside.argmax(axis=1), anchor)


def _renew_rate(rows: Rows, runs: Runs, window: _Window, passed: Index) -> None:
    """Renew the rate anchors along the passing readings; shorten ``passed`` where RATE would change."""
    time_ms, value, gap = window.time_ms, window.value, window.gap
    length, rate, was = rows.timed["rate_window"], rows.timed["rate_per_s"], rows.is_active(Condition.RATE)
    anchor_time, anchor_value = rows.timed["rate_time"], rows.timed["rate_value"]
    row = np.flatnonzero((passed > 0) & (length < FAR))
    # Where readings are at least a window apart, each is the anchor of the next.
    always = (gap.min(axis=1, initial=FAR) >= length) & (gap.shape[1] > 0)
    while len(row):
        column = runs.find(row, anchor_time[row] + length[row]) - runs.cursor[row]
        due = column < passed[row]
        row, column = row[due], column[due]
        elapsed = time_ms[row, column] - anchor_time[row]
        change = _exceeded(value[row, column] - anchor_value[row], elapsed, rate[row]) ^ was[row]
        passed[row[change]] = column[change]
        row, column = row[~change], column[~change]
        steady = np.flatnonzero(always[row])
        if len(steady):
            some = row[steady]
            changes = _exceeded(np.diff(value[some], axis=1), gap[some], rate[some, None]) ^ was[some, None]
            changes &= np.arange(1, value.shape[1]) > column[steady, None]
            passed[some] = np.minimum(passed[some], _first_false(~changes) + 1)
            column[steady] = passed[some] - 1
        anchor_time[row], anchor_value[row] = time_ms[row, column], value[row, column]
        row = row[~always[row]]


def _exceeded(
    change: NDArray[np.float64], elapsed_ms: NDArray[np.int64], rate_per_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    exceeded: NDArray[np.bool_] = np.abs(change) / (elapsed_ms / 1000) >= rate_per_s
    return exceeded


def _order(readings: Columns) -> Index:
    """Order by point, then time, then as given."""
    point = readings.point
    if not readings.in_order():
        return np.lexsort((readings.time_ms, point))
    # Where the points go round and round, what is one round apart belongs together.
    around = readings.round_length()
    if len(point) % around == 0 and (point[around:] == point[:-around]).all() and _all_different(point[:around]):
        turned: Index = np.arange(len(point)).reshape(-1, around).T.ravel()
        return turned
    # numpy sorts 16 bits by counting, many times as fast as it compares, so points go in two halves.
    order: Index = np.argsort(point.astype(np.uint16), kind="stable")
    if point.max() > 0xFFFF:
        order = order[np.argsort((point >> 16).astype(np.uint16)[order], kind="stable")]
    return order


def _begin(point: NDArray[np.int32]) -> Index:
    """Where the runs begin."""
    return np.flatnonzero(np.append(True, point[1:] != point[:-1])[: len(point)])


def _all_different(point: NDArray[np.int32]) -> bool:
    return len(np.unique(point)) == len(point)


def _first_false(flags: NDArray[np.bool_]) -> Index:
    """Column of the first False in each row; the width where all are True."""
    first: Index = np.where(flags.all(axis=1), flags.shape[1], flags.argmin(axis=1))
    return first
