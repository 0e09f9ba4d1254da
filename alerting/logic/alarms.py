"""Logic points with the engines that judge them: the engine's transitions in, those of the logic points out.

A level's points have an engine of their own, because their time passes later: at a tick the measured points' timers
run out first, then the lowest level learns what that changes, then its own timers run out, and so on upwards. In one
engine a logic point's on-delay would run out at the tick before the change that ends it is known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.engine import Engine, Transitions
from alerting.limits import Limits
from alerting.logic.inputs import Present
from alerting.logic.level import Logic
from alerting.logic.truth import Known, Verdict
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.logic import Expression, LogicPoint, Term, levels
from hazards.plant import PointKey
from hazards.quality import Quality
from hazards.readings import ReadingBatch

__all__ = ["LogicAlarms"]

_VERSION = 1
_BITS = 1 << np.arange(len(Condition))


@dataclass(frozen=True, slots=True)
class _SavedLevel:
    numbers: tuple[int, ...]
    engine: bytes
    logic: bytes


@dataclass(frozen=True, slots=True)
class _Saved:
    version: int
    levels: list[_SavedLevel]
    left: dict[int, int]


class _Level:
    """Logic points of one level, their engine, and the numbers of its rows."""

    def __init__(self, logic: Logic) -> None:
        self.logic = logic
        self.numbers = np.array(logic.numbers, np.int32)
        self.row = {number: row for row, number in enumerate(logic.numbers)}
        self.engine = Engine(Limits.unlimited(len(self.numbers)), 0)

    def transitions(self, found: Transitions) -> Transitions:
        """The engine's rows as the points' numbers."""
        return Transitions(self.numbers[found.point], found.condition, found.active, found.time_ms, found.value)


class LogicAlarms:
    """All logic points of a plant.

    Parameters
    ----------
    definitions : sequence of LogicPoint
    number_of : mapping of PointKey to int
        Numbers of these points and of all that they name.

    Raises
    ------
    ValueError
        If logic points depend on each other in a circle.
    """

    def __init__(self, definitions: Sequence[LogicPoint], number_of: Mapping[PointKey, int]) -> None:
        self._number_of = number_of
        self._when = {number_of[d.key]: d.when for d in definitions}
        keys = [d.key for d in definitions]
        self._levels = [_Level(Logic(level, number_of, keys)) for level in levels(definitions)]
        self._level_of = {n: level for level in self._levels for n in level.logic.numbers}
        self._left: dict[int, int] = {}
        """What stood at logic points that the plant no longer has, a bit for each condition, until they are told."""

    def __contains__(self, number: int) -> bool:
        """Whether this is the number of a logic point."""
        return number in self._level_of

    @property
    def standing(self) -> set[tuple[int, Condition]]:
        """Every logic point and condition that is active."""
        left = {(number, c) for number, bits in self._left.items() for c in Condition if bits >> c & 1}
        return left | {
            (int(level.numbers[row]), Condition(int(c)))
            for level in self._levels
            for row, c in zip(*np.nonzero(level.engine.active), strict=True)
        }

    def heard(self, number: int) -> bool:
        """Whether a logic point has ever come to anything."""
        level = self._level_of.get(number)
        return level is not None and level.logic.told(number)

    def verdict(self, number: int) -> tuple[Verdict, Expression, Callable[[Term], Known]]:
        """How a logic point stands, its expression, and what is known of its terms: what `words` tells."""
        logic = self._level_of[number].logic
        return logic.verdict(number), self._when[number], logic.known

    # What happens

    def look(self, batch: ReadingBatch) -> None:
        """Readings that the engine takes."""
        for level in self._levels:
            level.logic.look(batch)

    def feed(self, transitions: Transitions) -> None:
        """What the engine made of readings, ticks or changed limits."""
        for level in self._levels:
            level.logic.feed(transitions)

    def limits_changed(self, checks: Mapping[int, Checks], now_ms: int) -> Transitions:
        """Other checks from now on, of measured and of logic points."""
        found = [self._ended(number, now_ms) for number in sorted(checks.keys() & self._left.keys())]
        for position, level in enumerate(self._levels):
            level.logic.limits_changed(checks, now_ms)
            own = [number for number in level.logic.numbers if number in checks]
            if own:
                index = np.array([level.row[number] for number in own], np.int64)
                limits = Limits.of([_trimmed(checks[number]) for number in own])
                found.append(self._told(position, level.transitions(level.engine.update_limits(index, limits, now_ms))))
        return _joined(found)

    def tick(self, now_ms: int) -> Transitions:
        """Judge all that has happened since the last tick, from the lowest level up.

        Parameters
        ----------
        now_ms : int
            [ms since 1970 UTC]

        Returns
        -------
        Transitions
            Of the logic points, ordered by (level, time, point, condition).
        """
        found = []
        for position, level in enumerate(self._levels):
            readings = level.logic.settle(now_ms)
            parts = []
            if len(readings):
                for above in self._levels[position + 1 :]:
                    above.logic.look(readings)
                rows = np.array([level.row[number] for number in readings.point.tolist()], np.int32)
                parts.append(level.engine.evaluate(rows, readings.time_ms, readings.value, readings.quality))
            parts.append(level.engine.advance(now_ms))
            found.append(self._told(position, level.transitions(_in_order(parts))))
        return _joined(found)

    def _ended(self, number: int, now_ms: int) -> Transitions:
        """The end of all that stood at a point which the plant no longer has."""
        bits = self._left.pop(number)
        conditions = [c for c in Condition if bits >> c & 1]
        n = len(conditions)
        return Transitions(
            np.full(n, number, np.int32),
            np.array(conditions, np.uint8),
            np.zeros(n, np.bool_),
            np.full(n, now_ms, np.int64),
            np.full(n, np.nan),
        )

    def _told(self, position: int, transitions: Transitions) -> Transitions:
        """Tell the levels above."""
        for above in self._levels[position + 1 :]:
            above.logic.feed(transitions)
        return transitions

    # Snapshots

    def snapshot(self) -> bytes:
        """The whole state; limits are not in it."""
        saved = [_SavedLevel(v.logic.numbers, v.engine.snapshot(), v.logic.snapshot()) for v in self._levels]
        return msgspec.msgpack.encode(_Saved(_VERSION, saved, self._left))

    def restore(
        self, state: bytes, present: Callable[[int], Present], checks: Mapping[int, Checks], now_ms: int
    ) -> None:
        """Go on from a snapshot, perhaps with other definitions than it was taken with.

        Parameters
        ----------
        state : bytes
            From `snapshot`; empty if there was no logic then.
        present : callable
            How a measured point stands in the engine, by number.
        checks : mapping
            Checks in force, by number.
        now_ms : int
            The time of the snapshot. [ms since 1970 UTC]

        Raises
        ------
        ValueError
            If the bytes are no such snapshot, damaged, or of another version.
        """
        saved = _decoded(state) if state else _Saved(_VERSION, [], {})
        active: dict[int, int] = {}
        for part in saved.levels:
            engine = Engine.restore(Limits.unlimited(len(part.numbers)), part.engine)
            bits = (engine.active * _BITS).sum(axis=1)
            active.update(zip(part.numbers, bits.tolist(), strict=True))
        gone = {**saved.left, **active}
        self._left = {number: bits for number, bits in gone.items() if bits and number not in self._level_of}

        def present_in_all(number: int) -> Present:
            below = self._level_of.get(number)
            return present(number) if below is None else Present(active.get(number, 0), below.logic.told(number))

        for level in self._levels:
            level.logic.restore([part.logic for part in saved.levels], present_in_all, checks, now_ms)
            limits = Limits.of([_trimmed(checks.get(number) or Checks()) for number in level.logic.numbers])
            same = next((part.engine for part in saved.levels if part.numbers == level.logic.numbers), None)
            level.engine = Engine.restore(limits, same) if same is not None else _rebuilt(level.logic, limits, active)


def _rebuilt(logic: Logic, limits: Limits, active: Mapping[int, int]) -> Engine:
    """An engine that stands as another one did, of which some points are here and some are not.

    What holds is raised again out of anybody's sight; then the readings that made each point stand as it
    does are given once more, so that a delay that runs goes on running.
    """
    engine = Engine(Limits.of([Checks(high=1.0)] * len(limits)), 0)
    raised: list[tuple[int, int, float, int]] = []
    last: list[tuple[int, int, float, int]] = []
    for row, number in enumerate(logic.numbers):
        readings = logic.last(number)
        last.extend((row, *reading) for reading in readings)
        if readings and active.get(number, 0) & 1 << Condition.HIGH:
            raised.append((row, readings[0][0] - 1, 1.0, Quality.GOOD))
    _evaluate(engine, raised)
    engine.update_limits(np.arange(len(limits)), limits, 0)
    _evaluate(engine, last)
    return engine


def _evaluate(engine: Engine, readings: Sequence[tuple[int, int, float, int]]) -> None:
    if readings:
        batch = ReadingBatch.of(*zip(*readings, strict=True))
        engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality)


def _decoded(state: bytes) -> _Saved:
    try:
        saved = msgspec.msgpack.decode(state, type=_Saved)
    except msgspec.MsgspecError as error:
        raise ValueError(f"this is no snapshot of logic: {error}") from error
    if saved.version != _VERSION:
        raise ValueError(f"logic snapshot of version {saved.version}; this program reads version {_VERSION}")
    return saved


def _trimmed(checks: Checks) -> Checks:
    """What applies to a logic point: it changes rarely and jumps, so silence, rate and standstill mean nothing."""
    return Checks(high=checks.high, on_delay_ms=checks.on_delay_ms, off_delay_ms=checks.off_delay_ms)


def _joined(parts: Sequence[Transitions]) -> Transitions:
    parts = [part for part in parts if len(part)]
    if not parts:
        return Transitions.empty()
    columns = ("point", "condition", "active", "time_ms", "value")
    return Transitions(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def _in_order(parts: Sequence[Transitions]) -> Transitions:
    """Ordered by (time, point, condition), as one part is."""
    joined = _joined(parts)
    order: NDArray[np.intp] = np.lexsort((joined.condition, joined.point, joined.time_ms))
    return Transitions(
        joined.point[order], joined.condition[order], joined.active[order], joined.time_ms[order], joined.value[order]
    )
