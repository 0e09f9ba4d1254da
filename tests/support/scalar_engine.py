"""The engine's rules as a plain loop over one point at a time: the oracle of the engine's tests.

Written from the specification alone, one step after the other, with no thought of speed. It shares
nothing with `alerting.engine` but the vocabulary (`hazards`), so that the two can only agree by both
being right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hazards.checks import Checks
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["ScalarEngine", "ScalarPoint", "Transition"]

Transition = tuple[int, int, bool, int, float]
"""point, condition, active, time_ms, value"""

_LIMITS = (Condition.LOW_LOW, Condition.LOW, Condition.HIGH, Condition.HIGH_HIGH)


@dataclass
class ScalarPoint:
    """One point: its state, and the steps of the specification in their order."""

    number: int
    checks: Checks
    last_ms: int
    """Last accepted time; where silence is counted from before the first reading."""
    seen: bool = False
    held: float = math.nan
    late: int = 0
    active: set[Condition] = field(default_factory=set)
    since: dict[Condition, int] = field(default_factory=dict)
    """Start of each pending timer: a raise timer if the limit is inactive, else a clear timer."""
    rate_anchor: tuple[int, float] | None = None
    frozen_value: float | None = None
    frozen_clock: int | None = None
    out: list[Transition] = field(default_factory=list)

    # -- what happens to it --

    def reading(self, t: int, v: float, q: int) -> None:
        # 1. late
        if t < self.last_ms or (t == self.last_ms and self.seen):
            self.late += 1
            return
        # 2. time passes
        self._time_passes(now=t, last_due=t - 1)
        # 3. accepted
        self.last_ms, self.seen = t, True
        if Condition.NO_DATA in self.active:
            self._set(Condition.NO_DATA, False, t, v)
        # 4. maintenance
        if q == Quality.MAINTENANCE:
            self.since.clear()
            self._drop_anchors()
            return
        # 5. fault
        c = self.checks
        if q not in (Quality.GOOD, Quality.UNCERTAIN) or not math.isfinite(v) or v < c.range_low or v > c.range_high:
            if Condition.FAULT not in self.active:
                self._set(Condition.FAULT, True, t, v)
            for condition in _LIMITS:
                if condition in self.active:
                    self.since.pop(condition, None)
            self._drop_anchors()
            return
        # 6. good
        if Condition.FAULT in self.active:
            self._set(Condition.FAULT, False, t, v)
        self.held = v
        for condition in _LIMITS:
            self._limit(condition, t, v)
        if not math.isnan(c.rate_per_s):
            self._rate(t, v)
        if c.frozen_after_ms > 0:
            self._frozen(t, v)

    def advance(self, now: int) -> None:
        self._time_passes(now=now, last_due=now)

    def update_limits(self, checks: Checks, now: int) -> None:
        self.checks = checks
        self.since.clear()
        off = [condition for condition in _LIMITS if math.isnan(self._limit_of(condition)[0])]
        if math.isnan(checks.rate_per_s):
            off.append(Condition.RATE)
            self.rate_anchor = None
        if checks.frozen_after_ms == 0:
            off.append(Condition.FROZEN)
            self.frozen_value = self.frozen_clock = None
        if checks.no_data_after_ms == 0:
            off.append(Condition.NO_DATA)
        for condition in off:
            if condition in self.active:
                self._set(condition, False, now, self.held)

    # -- the rules --

    def _time_passes(self, now: int, last_due: int) -> None:
        lost_at = self.last_ms + self.checks.no_data_after_ms
        lost = self.checks.no_data_after_ms > 0 and lost_at < now
        for condition in _LIMITS:
            if condition not in self.since:
                continue
            due = self._due(condition)
            if lost and condition in self.active and due > lost_at:
                del self.since[condition]  # missing data never clears an alarm
            elif due <= last_due:
                del self.since[condition]
                self._set(condition, condition not in self.active, due, self.held)
        if lost and Condition.NO_DATA not in self.active:
            self._set(Condition.NO_DATA, True, lost_at, self.held)
            self._drop_anchors()

    def _limit(self, condition: Condition, t: int, v: float) -> None:
        limit, clear = self._limit_of(condition)
        high_side = condition in (Condition.HIGH, Condition.HIGH_HIGH)
        if condition in self.active:
            met = v < clear if high_side else v > clear
        else:
            met = v >= limit if high_side else v <= limit
        if not met:
            self.since.pop(condition, None)
            return
        self.since.setdefault(condition, t)
        due = self._due(condition)
        if t >= due:
            del self.since[condition]
            self._set(condition, condition not in self.active, due, v)

    def _rate(self, t: int, v: float) -> None:
        if self.rate_anchor is None:
            self.rate_anchor = (t, v)
            return
        anchor_t, anchor_v = self.rate_anchor
        if t - anchor_t >= self.checks.rate_window_ms:
            exceeded = abs(v - anchor_v) / ((t - anchor_t) / 1000) >= self.checks.rate_per_s
            if exceeded != (Condition.RATE in self.active):
                self._set(Condition.RATE, exceeded, t, v)
            self.rate_anchor = (t, v)

    def _frozen(self, t: int, v: float) -> None:
        if self.frozen_value is None or abs(v - self.frozen_value) > self.checks.frozen_band:
            self.frozen_value, self.frozen_clock = v, t
            if Condition.FROZEN in self.active:
                self._set(Condition.FROZEN, False, t, v)
            return
        if self.frozen_clock is None:
            self.frozen_clock = t
        if t - self.frozen_clock >= self.checks.frozen_after_ms and Condition.FROZEN not in self.active:
            self._set(Condition.FROZEN, True, t, v)

    # -- small things --

    def _limit_of(self, condition: Condition) -> tuple[float, float]:
        c = self.checks
        limit, clear = {
            Condition.LOW_LOW: (c.low_low, c.low_low_clear),
            Condition.LOW: (c.low, c.low_clear),
            Condition.HIGH: (c.high, c.high_clear),
            Condition.HIGH_HIGH: (c.high_high, c.high_high_clear),
        }[condition]
        return limit, limit if math.isnan(clear) else clear

    def _due(self, condition: Condition) -> int:
        c = self.checks
        return self.since[condition] + (c.off_delay_ms if condition in self.active else c.on_delay_ms)

    def _drop_anchors(self) -> None:
        self.rate_anchor = None
        self.frozen_clock = None

    def _set(self, condition: Condition, active: bool, time_ms: int, value: float) -> None:
        (self.active.add if active else self.active.remove)(condition)
        self.out.append((self.number, int(condition), active, time_ms, value))


class ScalarEngine:
    """Many such points behind the engine's interface, with lists in place of arrays."""

    def __init__(self, checks: Sequence[Checks], start_ms: int) -> None:
        self.points = [ScalarPoint(number, c, start_ms) for number, c in enumerate(checks)]
        self.now_ms = start_ms

    @property
    def late(self) -> int:
        return sum(p.late for p in self.points)

    @property
    def active(self) -> list[list[bool]]:
        return [[condition in p.active for condition in Condition] for p in self.points]

    def evaluate(self, readings: Sequence[tuple[int, int, float, int]]) -> list[Transition]:
        """Take readings (point, time_ms, value, quality) in order of time, equal times in the order given."""
        for point, t, v, q in sorted(readings, key=lambda reading: reading[1]):
            self.points[point].reading(t, v, q)
            self.now_ms = max(self.now_ms, self.points[point].last_ms)
        return self._collect()

    def advance(self, now_ms: int) -> list[Transition]:
        for point in self.points:
            point.advance(now_ms)
        self.now_ms = max(self.now_ms, now_ms)
        return self._collect()

    def update_limits(self, index: Sequence[int], checks: Sequence[Checks], now_ms: int) -> list[Transition]:
        for i, c in zip(index, checks, strict=True):
            self.points[i].update_limits(c, now_ms)
        self.now_ms = max(self.now_ms, now_ms)
        return self._collect()

    def add_points(self, checks: Sequence[Checks]) -> None:
        """What restoring with limits for more points does."""
        self.points += [ScalarPoint(len(self.points) + i, c, self.now_ms) for i, c in enumerate(checks)]

    def _collect(self) -> list[Transition]:
        out = [transition for point in self.points for transition in point.out]
        for point in self.points:
            point.out.clear()
        return sorted(out, key=lambda x: (x[3], x[0], x[1]))  # stable: ties stay in the order they happened
