"""The engine's rules as one compiled loop: what the engine is measured against.

One pass over the readings with numba, one row of state and one of limits per point, so that a reading
touches few cache lines. It is written to be fast, not to be a straw man, and the tests hold it to the same
scalar model as the engine. numba is needed only here, and only when `CompiledEngine` is made.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerting.engine.transitions import Transitions
from alerting.limits import Limits

__all__ = ["CompiledEngine"]

_NEVER = 1 << 61

_LIMIT_ROW = np.dtype(
    [
        ("level", "f8", 4),
        ("clear", "f8", 4),
        ("on_delay", "i8"),
        ("off_delay", "i8"),
        ("rate", "f8"),
        ("window", "i8"),
        ("frozen_after", "i8"),
        ("band", "f8"),
        ("no_data", "i8"),
        ("low", "f8"),
        ("high", "f8"),
    ]
)
_STATE_ROW = np.dtype(
    [
        ("last", "i8"),
        ("held", "f8"),
        ("due", "i8", 4),
        ("next_due", "i8"),
        ("rate_time", "i8"),
        ("rate_value", "f8"),
        ("clock", "i8"),
        ("anchor", "f8"),
        ("active", "u1"),
        ("seen", "u1"),
        ("has_anchor", "u1"),
    ]
)
_OUT_ROW = np.dtype([("point", "i4"), ("condition", "u1"), ("active", "?"), ("time_ms", "i8"), ("value", "f8")])


class CompiledEngine:
    """`evaluate` and `advance` as the engine has them, with one compiled loop behind each.

    Parameters
    ----------
    limits : Limits
        The checks, one entry per point.
    start_ms : int
        From when silence counts. [ms since 1970 UTC]

    Raises
    ------
    ImportError
        If numba is not installed.
    """

    def __init__(self, limits: Limits, start_ms: int) -> None:
        n = len(limits)
        self._limits = np.zeros(n, _LIMIT_ROW)
        names = ("low_low", "low", "high", "high_high")
        for i, name in enumerate(names):
            level, clear = getattr(limits, name), getattr(limits, f"{name}_clear")
            self._limits["level"][:, i] = level
            self._limits["clear"][:, i] = np.where(np.isnan(clear), level, clear)
        for field, name in (
            ("on_delay", "on_delay_ms"),
            ("off_delay", "off_delay_ms"),
            ("rate", "rate_per_s"),
            ("window", "rate_window_ms"),
            ("frozen_after", "frozen_after_ms"),
            ("band", "frozen_band"),
            ("no_data", "no_data_after_ms"),
            ("low", "range_low"),
            ("high", "range_high"),
        ):
            self._limits[field] = getattr(limits, name)
        self._state = np.zeros(n, _STATE_ROW)
        self._state["last"] = start_ms
        self._state["held"] = np.nan
        for field in ("due", "next_due", "clock"):
            self._state[field] = _NEVER
        self._state["rate_time"] = -_NEVER
        self._out = np.zeros(1024, _OUT_ROW)
        self._evaluate, self._advance = _compile()
        self.late = 0

    def evaluate(
        self,
        point: NDArray[np.int32],
        time_ms: NDArray[np.int64],
        value: NDArray[np.float64],
        quality: NDArray[np.uint8],
    ) -> Transitions:
        """Take a batch of readings, as `Engine.evaluate` does."""
        if len(point) and not 0 <= point.min() <= point.max() < len(self._state):
            raise ValueError("a point index is out of range")
        if not (time_ms[1:] >= time_ms[:-1]).all():
            order = np.argsort(time_ms, kind="stable")
            point, time_ms, value, quality = point[order], time_ms[order], value[order], quality[order]
        start, parts = 0, []
        while start < len(point):
            start, n, late = self._evaluate(start, point, time_ms, value, quality, self._limits, self._state, self._out)
            self.late += late
            if n:
                parts.append(self._out[:n].copy())
        return _sorted(parts)

    def advance(self, now_ms: int) -> Transitions:
        """Let time pass, as `Engine.advance` does."""
        start, parts = 0, []
        while start < len(self._state):
            start, n = self._advance(start, now_ms, self._limits, self._state, self._out)
            if n:
                parts.append(self._out[:n].copy())
        return _sorted(parts)


def _sorted(parts: list[NDArray[np.void]]) -> Transitions:
    if not parts:
        return Transitions.empty()
    rows = np.concatenate(parts)
    rows = rows[np.lexsort((rows["condition"], rows["point"], rows["time_ms"]))]
    return Transitions(rows["point"], rows["condition"], rows["active"], rows["time_ms"], rows["value"])


@cache
def _compile() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compile both loops; kept in numba's cache beside this file's bytecode where that can be written."""
    njit = importlib.import_module("numba").njit  # as a string: the type checker need not have it

    rate_bit, frozen_bit, no_data_bit, fault_bit = np.uint8(16), np.uint8(32), np.uint8(64), np.uint8(128)
    never = _NEVER

    @njit(inline="always")
    def emit(out, n, point, condition, active, time_ms, value):  # type: ignore[no-untyped-def]
        row = out[n]
        row.point = point
        row.condition = condition
        row.active = active
        row.time_ms = time_ms
        row.value = value
        return n + 1

    @njit(inline="always")
    def soonest(s):  # type: ignore[no-untyped-def]
        return min(min(s.due[0], s.due[1]), min(s.due[2], s.due[3]))

    @njit
    def pass_time(p, now, last_due, limit, s, out, n):  # type: ignore[no-untyped-def]
        lost_at = s.last + limit.no_data
        lost = limit.no_data > 0 and lost_at < now
        if lost or s.next_due <= last_due:
            for c in range(4):
                due = s.due[c]
                if due == never:
                    continue
                was = (s.active >> c) & 1
                if lost and was and due > lost_at:
                    s.due[c] = never
                elif due <= last_due:
                    s.due[c] = never
                    s.active ^= np.uint8(1 << c)
                    n = emit(out, n, p, c, not was, due, s.held)
            s.next_due = soonest(s)
        if lost and not s.active & no_data_bit:
            s.active |= no_data_bit
            n = emit(out, n, p, 6, True, lost_at, s.held)
            s.rate_time = -never
            s.clock = never
        return n

    @njit(cache=True)
    def evaluate(start, point, time_ms, value, quality, limits, states, out):  # type: ignore[no-untyped-def]
        n, late = 0, 0
        for i in range(start, len(point)):
            if n + 16 > len(out):
                return i, n, late
            p, t, v, q = point[i], time_ms[i], value[i], quality[i]
            limit, s = limits[p], states[p]
            if t < s.last or (t == s.last and s.seen):
                late += 1
                continue
            if s.next_due < t or (limit.no_data > 0 and s.last + limit.no_data < t):
                n = pass_time(p, t, t - 1, limit, s, out, n)
            s.last = t
            s.seen = 1
            if s.active & no_data_bit:
                s.active &= ~no_data_bit
                n = emit(out, n, p, 6, False, t, v)
            if q == 3:
                for c in range(4):
                    s.due[c] = never
                s.next_due = never
                s.rate_time = -never
                s.clock = never
                continue
            if q > 1 or not np.isfinite(v) or v < limit.low or v > limit.high:
                if not s.active & fault_bit:
                    s.active |= fault_bit
                    n = emit(out, n, p, 7, True, t, v)
                for c in range(4):
                    if (s.active >> c) & 1:
                        s.due[c] = never
                s.next_due = soonest(s)
                s.rate_time = -never
                s.clock = never
                continue
            if s.active & fault_bit:
                s.active &= ~fault_bit
                n = emit(out, n, p, 7, False, t, v)
            s.held = v

            for c in range(4):
                was = (s.active >> c) & 1
                if was:
                    wanted = v < limit.clear[c] if c >= 2 else v > limit.clear[c]
                else:
                    wanted = v >= limit.level[c] if c >= 2 else v <= limit.level[c]
                if wanted:
                    if s.due[c] == never:
                        s.due[c] = t + (limit.off_delay if was else limit.on_delay)
                    if s.due[c] <= t:
                        s.active ^= np.uint8(1 << c)
                        n = emit(out, n, p, c, not was, s.due[c], v)
                        s.due[c] = never
                    s.next_due = soonest(s)
                elif s.due[c] != never:
                    s.due[c] = never
                    s.next_due = soonest(s)

            if not np.isnan(limit.rate):
                if s.rate_time == -never:
                    s.rate_time = t
                    s.rate_value = v
                elif t - s.rate_time >= limit.window:
                    exceeded = abs(v - s.rate_value) / ((t - s.rate_time) / 1000) >= limit.rate
                    if exceeded != ((s.active & rate_bit) != 0):
                        s.active ^= rate_bit
                        n = emit(out, n, p, 4, exceeded, t, v)
                    s.rate_time = t
                    s.rate_value = v

            if limit.frozen_after > 0:
                if not s.has_anchor or abs(v - s.anchor) > limit.band:
                    s.has_anchor = 1
                    s.anchor = v
                    s.clock = t
                    if s.active & frozen_bit:
                        s.active &= ~frozen_bit
                        n = emit(out, n, p, 5, False, t, v)
                else:
                    if s.clock == never:
                        s.clock = t
                    if t - s.clock >= limit.frozen_after and not s.active & frozen_bit:
                        s.active |= frozen_bit
                        n = emit(out, n, p, 5, True, t, v)
        return len(point), n, late

    @njit(cache=True)
    def advance(start, now, limits, states, out):  # type: ignore[no-untyped-def]
        n = 0
        for p in range(start, len(states)):
            if n + 16 > len(out):
                return p, n
            n = pass_time(p, now, now, limits[p], states[p], out, n)
        return len(states), n

    return evaluate, advance
