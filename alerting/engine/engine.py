"""The threshold engine: readings and ticks in, transitions out. See `Engine`."""

import numpy as np
from numpy.typing import NDArray

from alerting.engine import snapshot
from alerting.engine.first_pass import Gate, first_pass
from alerting.engine.rules import judge, pass_time
from alerting.engine.tables import FAR, LimitTable, State, bit
from alerting.engine.transitions import Collector, Transitions
from alerting.limits import Limits
from hazards.condition import Condition

__all__ = ["Engine"]

_COLUMNS = (("point", np.int32), ("time_ms", np.int64), ("value", np.float64), ("quality", np.uint8))


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

    __slots__ = ("_gate", "_late", "_limits", "_now_ms", "_slot", "_state", "_wake")

    def __init__(self, limits: Limits, start_ms: int) -> None:
        limits.check()
        self._begin(limits, State.fresh(len(limits), start_ms), 0, start_ms)

    def _begin(self, limits: Limits, state: State, late: int, now_ms: int) -> None:
        n = len(limits)
        self._limits = LimitTable.of(limits)
        self._state = state
        self._late = late
        self._now_ms = now_ms
        self._slot = np.zeros(n, np.int32)
        self._gate = Gate.closed(n)
        self._wake = FAR
        self._renew(np.arange(n))

    def __len__(self) -> int:
        return len(self._slot)

    @property
    def late(self) -> int:
        """How many readings have been dropped as late so far."""
        return self._late

    @property
    def now_ms(self) -> int:
        """Latest time that any reading, tick or change of limits has told of. [ms since 1970 UTC]"""
        if not len(self):
            return self._now_ms
        return max(self._now_ms, int(self._state.last.max()))

    @property
    def active(self) -> NDArray[np.bool_]:
        """What stands now: bool, shape (n_points, 8), columns by `Condition`; a copy."""
        return np.unpackbits(self._state.active[:, None], axis=1, bitorder="little").view(np.bool_)

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
        self._check(point, time_ms, value, quality)
        out = Collector()
        index = point.astype(np.intp)
        if self._each_point_once(index):
            self._different_points(index, time_ms, value, quality, out)
        else:
            # Take the first reading of every point, then the second, and so on.
            order = np.lexsort((time_ms, index))
            ordered = index[order]
            starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
            length = np.diff(np.r_[starts, len(order)])
            for rank in range(int(length.max())):
                some = order[starts[length > rank] + rank]
                self._different_points(index[some], time_ms[some], value[some], quality[some], out)
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
        point = np.flatnonzero(self._gate.wake <= now_ms)
        now = np.full(len(point), now_ms, np.int64)
        pass_time(self._state, self._limits, point, now, now, out)
        self._renew(point)
        self._wake = int(self._gate.wake.min(initial=FAR))
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
        self._limits.replace(points, LimitTable.of(limits))
        self._state.drop_timers(points)
        off = self._limits.off(points)
        self._state.forget_rate(points[off & bit(Condition.RATE) != 0])
        self._state.forget_frozen(points[off & bit(Condition.FROZEN) != 0])
        out = Collector()
        clears = self._state.active[points] & off
        for condition in Condition:
            some = points[clears & bit(condition) != 0]
            out.add(condition, some, False, np.full(len(some), now_ms, np.int64), self._state.held[some])
        self._state.active[points] &= ~off
        self._renew(points)
        return out.sorted()

    def snapshot(self) -> bytes:
        """The whole state, to go on from later with `restore`; limits are not in it."""
        return snapshot.dump(self._state, self._late, self.now_ms)

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
        old, late, now_ms = snapshot.load(state)
        added = len(limits) - len(old.last)
        if added < 0:
            raise ValueError(f"the snapshot has {len(old.last)} points; the limits only {len(limits)}")
        engine = cls.__new__(cls)
        engine._begin(limits, State.concatenate(old, State.fresh(added, now_ms)) if added else old, late, now_ms)
        return engine

    def _different_points(
        self,
        point: NDArray[np.intp],
        time_ms: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.uint8],
        out: Collector,
    ) -> None:
        """One reading each of different points: first the look, then the rules for what it leaves."""
        left = first_pass(self._state, self._limits, self._gate, point, time_ms, value, quality)
        if left is not None:
            point = point[left]
            self._late += judge(self._state, self._limits, point, time_ms[left], value[left], quality[left], out)
            self._renew(point)

    def _renew(self, point: NDArray[np.intp]) -> None:
        self._gate.renew(self._state, self._limits, point)
        if len(point):
            self._wake = min(self._wake, int(self._gate.wake[point].min()))

    def _each_point_once(self, point: NDArray[np.intp]) -> bool:
        if (point[1:] > point[:-1]).all():
            return True
        position = np.arange(len(point), dtype=np.int32)
        self._slot[point] = position
        return bool((self._slot[point] == position).all())

    def _check(self, *columns: NDArray[np.generic]) -> None:
        n = np.size(columns[0])
        for (name, dtype), column in zip(_COLUMNS, columns, strict=True):
            if not isinstance(column, np.ndarray) or column.dtype != dtype or column.shape != (n,):
                raise ValueError(f"{name} must be an array of {np.dtype(dtype)} and shape ({n},)")
        if n and int(columns[0].view(np.uint32).max()) >= len(self):
            raise ValueError(f"a point index is outside 0..{len(self) - 1}")
