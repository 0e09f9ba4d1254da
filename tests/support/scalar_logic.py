"""Logic across points as a plain loop: the oracle of its tests.

Written from docs/logic.md alone. It shares nothing with `alerting.logic` but the vocabulary, and judges by arithmetic
where that branches: false, unknown and true are 0, 1/2 and 1; not is 1 - x, and is min, or is max.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hazards.checks import Checks
from hazards.condition import Condition
from hazards.logic import And, Expression, LogicPoint, Not, Or, Term, Vote, levels, terms_of
from hazards.plant import PointKey
from tests.support.scalar_engine import ScalarEngine, ScalarPoint, Transition

__all__ = ["ScalarWatch"]


@dataclass
class _Seen:
    """A point as one level's logic knows it."""

    active: set[Condition] = field(default_factory=set)
    heard: bool = False


@dataclass
class _Virtual:
    number: int
    when: Expression
    point: ScalarPoint
    told: tuple[int, float | None, int] | None = None
    """Time, value and quality of the last reading; the value is None where nobody knows."""


@dataclass
class _ScalarLevel:
    points: list[_Virtual]
    seen: dict[int, _Seen]
    happened: list[tuple[int, int, str, Condition | None]] = field(default_factory=list)
    """Time, point, what ("on", "off", "heard", "again") and condition, in the order in which they became known."""


class ScalarWatch:
    """Measured and logic points over readings, ticks and changed limits, one at a time."""

    def __init__(
        self, checks: Sequence[Checks], definitions: Sequence[LogicPoint], number_of: Mapping[PointKey, int]
    ) -> None:
        self.number_of = number_of
        self.checks = dict(enumerate(checks))
        self.virtual = {number_of[d.key] for d in definitions}
        none = Checks()
        self.engine = ScalarEngine([none if n in self.virtual else c for n, c in enumerate(checks)], 0)
        self.spoken: set[int] = set()
        self.levels = []
        for level in levels(definitions):
            points = [_Virtual(n := number_of[d.key], d.when, ScalarPoint(n, checks[n], 0)) for d in level]
            points.sort(key=lambda p: p.number)
            inside = {number_of[t.point] for p in points for t in terms_of(p.when)}
            made = _ScalarLevel(points, {n: _Seen() for n in inside})
            made.happened = [(0, n, "again", None) for n in sorted(inside)]
            self.levels.append(made)

    def readings(self, readings: Sequence[tuple[int, int, float, int]]) -> list[Transition]:
        out = []
        for reading in readings:
            found = self.engine.evaluate([reading])
            self._tell(self.levels, found)
            self._speak(self.levels, reading)
            out += found
        return sorted(out, key=lambda x: (x[3], x[0], x[1]))

    def limits(self, number: int, checks: Checks, now_ms: int) -> list[Transition]:
        self.checks[number] = checks
        if number not in self.virtual:
            out = self.engine.update_limits([number], [checks], now_ms)
            self._tell(self.levels, out)
        else:
            out = []
        for i, level in enumerate(self.levels):
            if number in level.seen:
                level.happened.append((now_ms, number, "again", None))
            for p in level.points:
                if p.number == number:
                    p.point.update_limits(checks, now_ms)
                    own = _taken(p.point)
                    self._tell(self.levels[i + 1 :], own)
                    out += own
        return out

    def tick(self, now_ms: int) -> list[Transition]:
        out = self.engine.advance(now_ms)
        self._tell(self.levels, out)
        for i, level in enumerate(self.levels):
            above = self.levels[i + 1 :]
            for number, t, value, quality in self._settle(level, now_ms):
                next(p for p in level.points if p.number == number).point.reading(t, value, quality)
                self._speak(above, (number, t, value, quality))
            own = []
            for p in level.points:
                p.point.advance(now_ms)
                own += _taken(p.point)
            own.sort(key=lambda x: (x[3], x[0], x[1]))
            self._tell(above, own)
            out += own
        return out

    def _tell(self, to: "Sequence[_ScalarLevel]", transitions: Sequence[Transition]) -> None:
        for level in to:
            for number, code, active, t, _ in transitions:
                if number in level.seen:
                    before = [h[0] for h in level.happened if h[1] == number and h[2] in ("on", "off")]
                    what = "on" if active else "off"
                    level.happened.append((max([t, *before]), number, what, Condition(code)))

    def _speak(self, to: "Sequence[_ScalarLevel]", reading: tuple[int, int, float, int]) -> None:
        number, t, _, quality = reading
        for level in to:
            known = number not in level.seen or level.seen[number].heard
            if not known and quality != 3 and not any(h[1:3] == (number, "heard") for h in level.happened):
                level.happened.append((t, number, "heard", None))

    def _settle(self, level: _ScalarLevel, now_ms: int) -> list[tuple[int, int, float, int]]:
        happened = [(min(t, now_ms), n, what, c) for t, n, what, c in level.happened]
        level.happened = []
        out = []
        for moment in sorted({h[0] for h in happened}):
            touched = set()
            for t, number, what, condition in happened:
                if t != moment:
                    continue
                touched.add(number)
                seen = level.seen[number]
                if what == "heard":
                    seen.heard = True
                elif what == "on":
                    assert condition is not None
                    seen.active.add(condition)
                elif what == "off":
                    assert condition is not None
                    seen.active.discard(condition)
            for p in level.points:
                terms = list(terms_of(p.when))
                if not touched & {self.number_of[t.point] for t in terms}:
                    continue
                truth, awaited = self._truth(p.when, level)
                doubt = any(self._truth(t, level)[0] == 0.5 for t in terms)
                value = None if truth == 0.5 else truth
                quality = 2 if value is None else 1 if doubt else 0
                if p.told is None:
                    if value is None and awaited:
                        continue
                    at = moment
                elif p.told[1:] == (value, quality):
                    continue
                else:
                    at = max(moment, p.told[0] + 1)
                p.told = (at, value, quality)
                out.append((p.number, at, math.nan if value is None else value, quality))
        return out

    def _truth(self, e: Expression, level: _ScalarLevel) -> tuple[float, bool]:
        """0, 1/2 or 1, and whether any term is awaited."""
        match e:
            case Term():
                return self._term(e, level)
            case Not(part):
                truth, awaited = self._truth(part, level)
                return 1 - truth, awaited
            case And(parts) | Or(parts):
                found = [self._truth(part, level) for part in parts]
                choose = min if isinstance(e, And) else max
                return choose(t for t, _ in found), any(a for _, a in found)
            case Vote(needed, parts):
                found = [self._truth(part, level) for part in parts]
                yes = sum(t == 1 for t, _ in found)
                failed = sum(t == 0.5 and not a for t, a in found)
                to_come = sum(t == 0.5 and a for t, a in found)
                awaited = any(a for _, a in found)
                if yes >= 1 and yes >= needed - failed:
                    return 1.0, awaited
                return (0.5 if yes + failed + to_come >= needed else 0.0), awaited

    def _term(self, term: Term, level: _ScalarLevel) -> tuple[float, bool]:
        number, condition = self.number_of[term.point], term.condition
        seen, checks = level.seen[number], self.checks[number]
        on = {
            Condition.HIGH: not math.isnan(checks.high),
            Condition.LOW: not math.isnan(checks.low),
            Condition.NO_DATA: checks.no_data_after_ms > 0,
            Condition.FAULT: True,
        }[condition]
        if condition is Condition.NO_DATA:
            return (0.5 if not on else float(condition in seen.active)), False
        if Condition.NO_DATA in seen.active:
            return 0.5, False
        if Condition.FAULT in seen.active and condition is not Condition.FAULT:
            return 0.5, False
        if not seen.heard:
            return 0.5, number in self.virtual or checks.no_data_after_ms > 0
        return (float(condition in seen.active) if on else 0.5), False


def _taken(point: ScalarPoint) -> list[Transition]:
    out = list(point.out)
    point.out.clear()
    return out
