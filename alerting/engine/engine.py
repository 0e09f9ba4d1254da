"""The threshold engine: readings and ticks in, transitions out. See `Engine`."""

import numpy as np
from numpy.typing import NDArray

from alerting.engine import snapshot
from alerting.engine.columns import Columns
from alerting.engine.first_pass import CHUNK, FirstPass, close_boxes, next_wake
from alerting.engine.rules import judge, pass_time, switch_off
from alerting.engine.runs import Runs
from alerting.engine.tables import FAR, Rows, Tables, assign, set_limits
from alerting.engine.transitions import Collector, Transitions
from alerting.limits import Limits

__all__ = ["Engine"]

_PIECE = 24576
"""Readings of a batch in order of time that are dealt with before the next."""

_SHORT_RUN = 8
"""Readings a run; below this, looking at one reading of every run costs less than looking at windows."""


class Engine:
    """Evaluates the checks of ``n_points`` points: a deterministic function of limits, readings and ticks.

    The same log of readings and ticks gives the same transitions whatever the batch boundaries, live,
    replayed, or continued from a snapshot. No clock, no input or output, no threads: time comes in as
    an argument.

    Parameters
    ----------
    limits : Limits
        The checks, one entry per point; copied.
    start_ms : int
        From when silence counts. [ms since 1970 UTC]

    Raises
    ------
    ValueError
        If a column of the limits has the wrong type or length, or holds what cannot be a limit.

    Examples
    --------
    A coal face: alarm at 1.0 %CH4, cut at 1.5, re-powered only below 1.0.

    >>> from alerting.engine import Condition
    >>> limits = Limits.unlimited(1)
    >>> limits.high[:], limits.high_high[:], limits.high_high_clear[:] = 1.0, 1.5, 1.0
    >>> engine = Engine(limits, start_ms=0)
    >>> def reading(t, v):
    ...     out = engine.evaluate(np.zeros(1, np.int32), np.array([t]), np.array([v]), np.zeros(1, np.uint8))
    ...     return [(Condition(c).word, bool(a)) for c, a in zip(out.condition, out.active)]
    >>> reading(1000, 1.62)
    [('high', True), ('high_high', True)]
    >>> reading(2000, 1.20)
    []
    >>> reading(3000, 0.95)
    [('high', False), ('high_high', False)]
    """

    __slots__ = ("_first", "_late", "_now_ms", "_slot", "_tables", "_wake")

    def __init__(self, limits: Limits, start_ms: int) -> None:
        limits.check()
        self._begin(Tables(limits, start_ms), 0, start_ms)

    def _begin(self, tables: Tables, late: int, now_ms: int) -> None:
        self._tables = tables
        self._first = FirstPass(tables)
        self._late = late
        self._now_ms = now_ms
        self._slot = np.zeros(len(tables), np.int32)
        self._wake = FAR  # no point's "wake" is before this
        with _any_number():
            for start in range(0, len(tables), CHUNK):
                self._finish(tables.load(np.arange(start, min(start + CHUNK, len(tables)))))

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def late(self) -> int:
        """How many readings have been dropped as late so far."""
        return self._late

    @property
    def now_ms(self) -> int:
        """Latest time that any reading, tick or change of limits has told of. [ms since 1970 UTC]"""
        if not len(self):
            return self._now_ms
        return max(self._now_ms, int(self._tables.trail["last"].max()))

    @property
    def heard(self) -> NDArray[np.bool_]:
        """Which points have ever been heard: bool, shape (n_points,); a copy."""
        return self._tables.rest["seen"].astype(np.bool_)

    @property
    def last_ms(self) -> NDArray[np.int64]:
        """Each point's last reading, or from when its silence counts: int64, shape (n_points,); a copy. [ms]"""
        return self._tables.trail["last"].astype(np.int64)

    @property
    def active(self) -> NDArray[np.bool_]:
        """What stands now: bool, shape (n_points, 8), columns by `Condition`; a copy."""
        return np.unpackbits(self._tables.rest["active"][:, None], axis=1, bitorder="little").view(np.bool_)

    @property
    def nbytes(self) -> int:
        """Memory that the points take, limits and state together. [bytes]"""
        return self._tables.nbytes + self._slot.nbytes

    def evaluate(
        self,
        point: NDArray[np.int32],
        time_ms: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.uint8],
    ) -> Transitions:
        """Take a batch of readings, in order of time, equal times in the order given.

        Parameters
        ----------
        point : int32, shape (n_readings,)
            Index of the point; one point may occur many times.
        time_ms : int64, shape (n_readings,)
            When it was measured, in any order; a reading not after its point's last one is late. [ms since 1970 UTC]
        value : float64, shape (n_readings,)
            [unit of the point]
        quality : uint8, shape (n_readings,)
            `Quality` codes; an unknown code is taken as BAD.

        Returns
        -------
        Transitions
            Ordered by (time, point, condition).

        Raises
        ------
        ValueError
            If a column has another type or length, or a point is not one of the engine's; nothing is changed then.
        """
        batch = Columns(point, time_ms, value, quality)
        batch.check()
        if not len(batch):
            return Transitions.empty()
        in_a_row = batch.in_a_row()
        # Seen as unsigned, a negative index is a large one.
        highest = point[-1] if in_a_row and point[0] >= 0 else np.maximum.reduce(point.view(np.uint32))
        if highest >= len(self):
            raise ValueError(f"a point index is outside 0..{len(self) - 1}")
        out = Collector()
        with _any_number():
            if in_a_row:
                self._different_points(batch, out, in_a_row)
            else:
                for piece in _pieces(batch):
                    if self._each_point_once(piece):
                        self._different_points(piece, out)
                    else:
                        self._runs(piece, out)
        return out.sorted()

    def advance(self, now_ms: int) -> Transitions:
        """Let time pass without readings: fire the timers due by ``now_ms`` and notice lost data.

        Parameters
        ----------
        now_ms : int
            [ms since 1970 UTC]

        Returns
        -------
        Transitions
            Each with the time at which its delay ran out or its data counted as lost, not ``now_ms``.
        """
        self._now_ms = max(self._now_ms, now_ms)
        if now_ms < self._wake:
            return Transitions.empty()
        out = Collector()
        rows = self._tables.load(np.flatnonzero(self._tables.wake <= now_ms))
        wake = next_wake(rows)  # most have had readings since their "wake" was noted, and sleep on
        self._tables.wake[rows.point] = wake
        woken = np.flatnonzero(wake <= now_ms)
        if len(woken):
            rows = rows.take(woken)
            now = np.full(len(rows), now_ms, np.int64)
            with _any_number():
                pass_time(rows, now, now, out)
                self._finish(rows)
        self._wake = int(self._tables.wake.min(initial=FAR))
        return out.sorted()

    def update_limits(self, index: NDArray[np.integer], limits: Limits, now_ms: int) -> Transitions:
        """Give some points other limits.

        Their pending timers are dropped; a condition whose check is now off clears at ``now_ms``, and
        that check remembers nothing when it is switched on again. All else is judged at the next reading or tick.

        Parameters
        ----------
        index : integer, shape (k,)
            The points, each once.
        limits : Limits
            Their limits, of ``k`` points.
        now_ms : int
            [ms since 1970 UTC]

        Raises
        ------
        ValueError
            If lengths differ, a point occurs twice or is not one of the engine's, or a limit cannot be one;
            nothing is changed then.
        """
        limits.check()
        points = np.asarray(index)
        if points.ndim != 1 or len(points) != len(limits) or (len(points) and points.dtype.kind not in "iu"):
            raise ValueError(f"index is {points.dtype}{points.shape}; give integers of shape ({len(limits)},)")
        if len(points) and not (points.min() >= 0 and points.max() < len(self)):
            raise ValueError(f"a point in index is outside 0..{len(self) - 1}")
        points = points.astype(np.intp)
        if len(np.unique(points)) != len(points):
            raise ValueError("a point occurs twice in index; name each once")
        self._now_ms = max(self._now_ms, now_ms)
        rows = self._tables.load(points)
        set_limits(limits, rows.limit, rows.timed, rows.box["band"])
        assign(self._tables.limit, points, rows.limit)
        out = Collector()
        rows.due[:] = FAR
        switch_off(rows, limits, now_ms, out)
        with _any_number():
            self._finish(rows)
        return out.sorted()

    def expect_from(self, point: NDArray[np.integer], time_ms: NDArray[np.int64]) -> None:
        """Let the silence of points that were never heard count from an earlier time, as if they had been added then.

        For a gateway that kept readings from before our start: without this they would all be late.

        Parameters
        ----------
        point : integer, shape (k,)
            The points, each once.
        time_ms : int64, shape (k,)
            From when on to expect them; a later time than now stands changes nothing. [ms since 1970 UTC]

        Raises
        ------
        ValueError
            If a point is not one of the engine's or has been heard; nothing is changed then.
        """
        points = np.asarray(point).astype(np.intp)
        if len(points) and not (points.min() >= 0 and points.max() < len(self)):
            raise ValueError(f"a point is outside 0..{len(self) - 1}")
        rows = self._tables.load(points)
        if rows.rest["seen"].any():
            raise ValueError("a point has been heard already")
        np.minimum(rows.trail["last"], time_ms, out=rows.trail["last"])
        with _any_number():
            self._finish(rows)

    def snapshot(self) -> bytes:
        """The whole state, to go on from later with `restore`; limits are not in it."""
        return snapshot.dump(self._tables, self._late, self.now_ms)

    @classmethod
    def restore(cls, limits: Limits, state: bytes) -> "Engine":
        """Go on from a snapshot as if nothing had happened in between.

        Parameters
        ----------
        limits : Limits
            The limits that held when the snapshot was taken. There may be more points than in the
            snapshot: those added are fresh, and their silence counts from the engine's latest known time.
        state : bytes
            From `snapshot`.

        Raises
        ------
        ValueError
            If the bytes are not a snapshot, damaged, of another version, or of more points than the limits.
        """
        limits.check()
        tables = Tables(limits, 0)
        n, late, now_ms = snapshot.load(state, tables)
        tables.trail["last"][n:] = now_ms
        engine = cls.__new__(cls)
        engine._begin(tables, late, now_ms)
        return engine

    def _different_points(self, readings: Columns, out: Collector, in_a_row: bool = False) -> None:
        """One reading each of different points: first the look, then the rules for what it leaves."""
        for start in range(0, len(readings), CHUNK):
            chunk = readings[start : start + CHUNK]
            where: NDArray[np.intp] | slice
            if in_a_row or chunk.in_a_row():
                first = int(chunk.point[0])
                where = slice(first, first + len(chunk))
            else:
                where = chunk.point.astype(np.intp)
            left = self._first.take(where, chunk)
            if left is not None:
                self._by_the_rules(chunk.take(left), out)

    def _by_the_rules(self, readings: Columns, out: Collector) -> None:
        """One reading each of different points that the first pass has left."""
        rows = self._tables.load(readings.point.astype(np.intp))
        last, time_ms = rows.trail["last"], readings.time_ms
        late = (time_ms < last) | ((time_ms == last) & rows.rest["seen"])
        if late.any():
            self._late += int(np.count_nonzero(late))
            on_time = np.flatnonzero(~late)
            rows, readings = rows.take(on_time), readings.take(on_time)
        judge(rows, readings.time_ms, readings.value, readings.quality, out)
        self._finish(rows)

    def _runs(self, readings: Columns, out: Collector) -> None:
        """Points that occur more than once: run by run, or while most runs are short, one reading of each."""
        runs = Runs(readings, self._tables)
        self._late += runs.late
        while len(runs.cursor):
            first = runs.cursor
            if len(runs) < _SHORT_RUN * len(first):
                self._different_points(runs.readings.take(first), out)
                runs.cursor = first + 1
            else:
                rows = self._tables.load(runs.readings.point[first].astype(np.intp))
                run, reading = runs.pass_window(rows)
                if len(run):
                    these, left = rows.take(run), runs.readings.take(reading)
                    judge(these, left.time_ms, left.value, left.quality, out)
                    rows.put(run, these)
                self._finish(rows)
            runs.drop_finished()

    def _finish(self, rows: Rows) -> None:
        """Close the boxes of rows that have changed and write them back."""
        wake = close_boxes(rows)
        self._tables.store(rows)
        self._tables.wake[rows.point] = wake
        self._wake = min(self._wake, int(wake.min(initial=FAR)))

    def _each_point_once(self, readings: Columns) -> bool:
        if readings.ascend():
            return True
        index, position = readings.point.astype(np.intp), np.arange(len(readings), dtype=np.int32)
        self._slot[index] = position
        return bool((self._slot.take(index, mode="clip") == position).all())


def _pieces(batch: Columns) -> list[Columns]:
    """Cut a batch that is in order of time into pieces that suit the processor's cache, of whole rounds if any."""
    if len(batch) <= _PIECE or not batch.in_order():
        return [batch]
    around = batch.round_length()
    size = _PIECE // around * around or _PIECE
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _any_number() -> np.errstate:
    """NaN, inf and differences beyond the largest number are all meant: no warnings."""
    return np.errstate(all="ignore")
