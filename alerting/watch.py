"""The engine over the log: entries in, folded changes of alarm conditions out.

Holds the engine, the logic across points behind it, the limits in force and the plant's points together, so that live
alarming, recovery and a backtest are the same function of the same entries. Knows no database and no clock.
"""

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import msgspec
import numpy as np

from alerting.alarm import Cause
from alerting.engine import Engine, Limits, Transitions
from alerting.lifecycle import Change
from alerting.logic import LogicAlarms, Present
from hazards.checks import Checks
from hazards.condition import Condition, Family, family_of
from hazards.log import Damaged, Entry, LimitsChanged, Readings, Tick
from hazards.logic import terms_of
from hazards.plant import Name, Plant, Point, PointKey
from hazards.readings import ReadingBatch

__all__ = ["Watch"]


@dataclass(frozen=True, slots=True)
class _SavedLimits:
    n_points: int
    checks: dict[int, Checks]


@dataclass(frozen=True, slots=True)
class _SavedState:
    engine: bytes
    logic: bytes = b""


_STATE_HEAD = struct.Struct("<4sI")
_STATE_MAGIC = b"HAZW"
_LIMITS_DECODER = msgspec.msgpack.Decoder(_SavedLimits)


class Watch:
    """Feeds entries to the engine and folds what comes out.

    Parameters
    ----------
    plant : Plant
        Names and severities of the points.
    point_keys : callable
        The log's directory (`Log.point_keys`): every point that has a number, by number.
    """

    def __init__(self, plant: Plant, point_keys: Callable[[], Sequence[PointKey]]) -> None:
        self._points = {p.key: p for p in plant.points}
        self._definitions = plant.logic
        self._logic: LogicAlarms | None = None
        """None until every point that logic names has a number."""
        self._logic_state = b""
        """From which it begins then."""
        self._virtual = np.zeros(0, np.bool_)
        """Which numbers are those of logic points, up to the last of them."""
        self._point_keys = point_keys
        self._keys: Sequence[PointKey] = ()
        self._engine: Engine | None = None
        self._checks: dict[int, Checks] = {}
        self._limits = Limits.unlimited(0)
        """The same by column, for every point that the engine has."""
        self._heard = np.zeros(0, np.bool_)
        self._since = np.zeros(0, np.int64)
        """From when silence counts, of points not heard yet."""
        self.limits_version = 0
        """Grows with every change of limits or of the number of points."""

    @property
    def now_ms(self) -> int:
        """The latest time that an entry has told of; 0 before the first."""
        return 0 if self._engine is None else self._engine.now_ms

    @property
    def late(self) -> int:
        """Readings dropped as late so far."""
        return 0 if self._engine is None else self._engine.late

    @property
    def checks(self) -> Mapping[int, Checks]:
        """The checks in force, by the point's number; a number that is missing has none."""
        return dict(self._checks)

    def checks_of(self, number: int) -> Checks:
        """The checks in force at one point."""
        return self._checks.get(number) or Checks()

    def heard(self, number: int) -> bool:
        """Whether the point has ever been heard, as far as the engine knows."""
        if self._logic is not None and number in self._logic:
            return self._logic.heard(number)
        return number < len(self._heard) and bool(self._heard[number])

    @property
    def logic(self) -> LogicAlarms | None:
        """The logic points, once they are judged: how each stands, and why."""
        return self._logic

    def standing(self) -> set[tuple[int, Condition]]:
        """Every point and condition that is active."""
        if self._engine is None:
            return set()
        found = {(int(p), Condition(int(c))) for p, c in zip(*np.nonzero(self._engine.active), strict=True)}
        return found if self._logic is None else found | self._logic.standing

    def point(self, number: int) -> Point:
        """The plant's point of this number, or what its key alone says once it has left the plant."""
        if number >= len(self._keys):
            self._keys = self._point_keys()
        key = self._keys[number]
        found = self._points.get(key)
        return found or Point(key.enterprise, "", key.point, "", "", Name(key.point, key.point), "", Checks())

    # Entries

    def feed(self, entry: Entry) -> list[Change]:
        """What one entry changes, in order; one change for all that one reading does to a family."""
        body = entry.body
        if self._engine is None:
            self._since[:] = entry.appended_ms
            self._engine = Engine(self._limits, entry.appended_ms)
        if self._logic is None:
            self._begin_logic()
        logic = self._logic
        match body:
            case Readings(batch, _):
                batch = self._measured(batch)
                found = self._evaluate(batch)
                if logic is not None:
                    logic.feed(found)
                    logic.look(batch)
                return self._fold(found)
            case Tick(now_ms):
                found = self._engine.advance(now_ms)
                if logic is None:
                    return self._fold(found)
                logic.feed(found)
                return self._fold(found) + self._fold(logic.tick(now_ms))
            case LimitsChanged(now_ms, checks):
                found = self._update(checks, now_ms)
                if logic is None:
                    return self._fold(found, limits_changed=True)
                logic.feed(found)
                own = logic.limits_changed(checks, now_ms)
                return self._fold(found, limits_changed=True) + self._fold(own, limits_changed=True)
            case Damaged():
                return []

    def _evaluate(self, batch: ReadingBatch) -> Transitions:
        if not len(batch):
            return Transitions.empty()
        engine = self._grown(int(batch.point.max()) + 1)
        fresh = ~self._heard[batch.point]
        if fresh.any():
            # A point that was never heard has no past that a backlog could contradict: what a gateway kept while
            # we were not there yet is evaluated in full, not dropped as older than our start.
            point, time_ms = batch.point[fresh], batch.time_ms[fresh]
            early = time_ms < self._since[point]
            if early.any():
                np.minimum.at(self._since, point[early], time_ms[early])
                earlier = np.unique(point[early])
                engine.expect_from(earlier, self._since[earlier])
            self._heard[point] = True
        return engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality)

    def _update(self, checks: Mapping[int, Checks], now_ms: int) -> Transitions:
        if not checks:
            return Transitions.empty()
        engine = self._grown(max(checks) + 1)
        self._checks.update(checks)
        self.limits_version += 1
        index = np.array(list(checks), np.int64)
        limits = Limits.of([self._of_engine(number, c) for number, c in checks.items()])
        for column in fields(Limits):
            getattr(self._limits, column.name)[index] = getattr(limits, column.name)
        return engine.update_limits(index, limits, now_ms)

    def _grown(self, n_points: int) -> Engine:
        """The engine, with at least so many points."""
        engine = self._engine
        assert engine is not None
        added = n_points - len(engine)
        if added <= 0:
            return engine
        self._heard = np.concatenate([self._heard, np.zeros(added, np.bool_)])
        self._since = np.concatenate([self._since, np.full(added, engine.now_ms, np.int64)])
        self._limits = Limits.concatenate([self._limits, Limits.unlimited(added)])
        self.limits_version += 1
        return self._restored(engine.snapshot())

    def _restored(self, state: bytes) -> Engine:
        self._engine = Engine.restore(self._limits, state)
        return self._engine

    # Logic

    def _number_logic(self) -> dict[PointKey, int] | None:
        """The numbers of all that logic names, if every point has one."""
        keys = {d.key for d in self._definitions}
        named = keys.union(*({t.point for t in terms_of(d.when)} for d in self._definitions))
        number_of = {key: n for n, key in enumerate(self._point_keys()) if key in named} if named else {}
        own = [n for key, n in number_of.items() if key in keys]
        self._virtual = np.zeros(max(own, default=-1) + 1, np.bool_)
        self._virtual[own] = True
        return number_of if len(number_of) == len(named) else None

    def _begin_logic(self) -> None:
        number_of = self._number_logic()
        if number_of is None:
            return
        engine = self._engine
        assert engine is not None
        active = np.packbits(engine.active, axis=1, bitorder="little")[:, 0] if len(engine) else np.zeros(0, np.uint8)

        def present(number: int) -> Present:
            return Present(int(active[number]) if number < len(active) else 0, self.heard(number))

        logic = LogicAlarms(self._definitions, number_of)
        logic.restore(self._logic_state, present, self._checks, engine.now_ms)
        self._logic = logic

    def _of_engine(self, number: int, checks: Checks) -> Checks:
        """What the engine checks: a logic point's readings are not its own."""
        return Checks() if number < len(self._virtual) and self._virtual[number] else checks

    def _measured(self, batch: ReadingBatch) -> ReadingBatch:
        """Without readings of logic points, which are nobody's to send."""
        if not len(self._virtual):
            return batch
        inside = batch.point < len(self._virtual)
        foreign = np.zeros(len(batch), np.bool_)
        foreign[inside] = self._virtual[batch.point[inside]]
        if not foreign.any():
            return batch
        keep = ~foreign
        return ReadingBatch(batch.point[keep], batch.time_ms[keep], batch.value[keep], batch.quality[keep])

    def _fold(self, transitions: Transitions, limits_changed: bool = False) -> list[Change]:
        folded: dict[tuple[int, int, Family], list[tuple[Condition, bool]]] = {}
        values: dict[tuple[int, int, Family], float] = {}
        columns = (transitions.point, transitions.condition, transitions.active, transitions.time_ms, transitions.value)
        for number, code, active, time_ms, value in zip(*(c.tolist() for c in columns), strict=True):
            condition = Condition(code)
            key = (number, time_ms, family_of(condition))
            folded.setdefault(key, []).append((condition, active))
            values[key] = value
        return [
            Change(
                point=self.point(number),
                number=number,
                family=family,
                flips=tuple(flips),
                time_ms=time_ms,
                value=values[number, time_ms, family],
                checks=self.checks_of(number),
                cause=self._cause(number) if limits_changed else None,
            )
            for (number, time_ms, family), flips in folded.items()
        ]

    def _cause(self, number: int) -> Cause:
        self.point(number)  # makes sure that the directory reaches this number
        return Cause.CHECK_OFF if self._keys[number] in self._points else Cause.POINT_REMOVED

    # Snapshots

    def state(self) -> bytes:
        """The engine's state and that of logic; limits are not in it."""
        if self._engine is None:
            return b""
        logic = self._logic_state if self._logic is None else self._logic.snapshot()
        saved = msgspec.msgpack.encode(_SavedState(self._engine.snapshot(), logic))
        return _STATE_HEAD.pack(_STATE_MAGIC, zlib.crc32(saved)) + saved

    def limits(self) -> bytes:
        """The limits in force."""
        saved = _SavedLimits(len(self._heard), self._checks)
        return zlib.compress(msgspec.msgpack.encode(saved), 1)

    def restore_limits(self, limits: bytes) -> None:
        """Begin with these limits and nothing else known, at the time of the next entry.

        Raises
        ------
        ValueError
            If the bytes are not what `limits` gave.
        """
        try:
            saved = _LIMITS_DECODER.decode(zlib.decompress(limits))
        except (zlib.error, msgspec.MsgspecError) as error:
            raise ValueError(f"these are no saved limits: {error}") from error
        self._checks = saved.checks
        self._logic, self._logic_state = None, b""
        self._number_logic()
        none = Checks()
        self._limits = Limits.of([self._of_engine(k, saved.checks.get(k, none)) for k in range(saved.n_points)])
        self._heard = np.zeros(saved.n_points, np.bool_)
        self._since = np.zeros(saved.n_points, np.int64)

    def restore(self, limits: bytes, state: bytes) -> None:
        """Go on from `limits` and `state` as if nothing had happened in between.

        Raises
        ------
        ValueError
            If the bytes are not what those gave, or are of another version.
        """
        if not state:
            return
        state, logic = _parts(state)
        self.restore_limits(limits)
        engine = self._restored(state)
        self._heard, self._since = engine.heard, engine.last_ms
        self._logic_state = logic
        self._begin_logic()


def _parts(state: bytes) -> tuple[bytes, bytes]:
    """The engine's state and that of logic; before there was logic the engine's was all."""
    if state[: len(_STATE_MAGIC)] != _STATE_MAGIC:
        return state, b""
    try:
        _, checksum = _STATE_HEAD.unpack_from(state)
        if zlib.crc32(memoryview(state)[_STATE_HEAD.size :]) != checksum:
            raise ValueError("the snapshot is damaged: its checksum does not fit")
        saved = msgspec.msgpack.decode(memoryview(state)[_STATE_HEAD.size :], type=_SavedState)
    except (struct.error, msgspec.MsgspecError) as error:
        raise ValueError(f"this is no snapshot: {error}") from error
    return saved.engine, saved.logic
