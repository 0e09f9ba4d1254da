"""Logic points that depend on none of each other: changes of their inputs in, their readings out."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from alerting.engine.transitions import Transitions
from alerting.logic.inputs import Input, Present, bits_of
from alerting.logic.truth import Known, Verdict, judge
from hazards.checks import Checks
from hazards.logic import LogicPoint, Term, terms_of
from hazards.plant import PointKey
from hazards.quality import Quality
from hazards.readings import ReadingBatch

__all__ = ["Logic"]

_HEARD, _AGAIN = -1, -2  # beside conditions: the point speaks for the first time; look again at what it is part of


@dataclass(slots=True)
class _Change:
    time_ms: int
    number: int
    what: int
    """A condition, or one of the codes above."""
    active: bool


@dataclass(slots=True)
class _Output:
    time_ms: int
    value: float
    quality: int
    held: float
    """The value that holds: the last one that was known."""
    since_ms: int
    """From when its delay runs: being blind ends no wait for an alarm, but it does end one for the end of it."""


@dataclass(frozen=True, slots=True)
class _Saved:
    inputs: dict[int, tuple[int, int, bool]]
    pending: list[_Change]
    outputs: dict[int, tuple[str, _Output | None]]


class Logic:
    """Judges logic points; a deterministic function of what it is fed and of the times at which it settles.

    What is fed between two settlements may be cut and ordered in any way that keeps the order of each point's own
    changes: the readings are the same.

    Parameters
    ----------
    definitions : sequence of LogicPoint
        None of them among another's terms.
    number_of : mapping of PointKey to int
        Numbers of these points and of all that they name.
    virtual : iterable of PointKey
        Which of the inputs are logic points, of other levels.

    Examples
    --------
    >>> from hazards.logic_expression import parse_expression
    >>> from hazards.condition import Condition
    >>> key = lambda p: PointKey("M001", p)
    >>> both = LogicPoint(key("BOTH"), parse_expression("A:high and B:high", "M001"))
    >>> logic = Logic([both], {key("A"): 0, key("B"): 1, key("BOTH"): 2})
    >>> logic.limits_changed(dict.fromkeys((0, 1), Checks(high=1.0, no_data_after_ms=60_000)), 0)
    >>> logic.look(ReadingBatch.of([0, 1], [1000, 1000], [2.0, 0.5], [0, 0]))
    >>> logic.change(0, Condition.HIGH, True, 1000)
    >>> logic.settle(1000).value.tolist()
    [0.0]
    >>> logic.change(1, Condition.HIGH, True, 1500)
    >>> readings = logic.settle(2000)
    >>> readings.point.tolist(), readings.time_ms.tolist(), readings.value.tolist()
    ([2], [1500], [1.0])
    """

    def __init__(
        self,
        definitions: Sequence[LogicPoint],
        number_of: Mapping[PointKey, int],
        virtual: Iterable[PointKey] = (),
    ) -> None:
        self._number_of = dict(number_of)
        self._definitions = {self._number_of[d.key]: d for d in sorted(definitions, key=lambda d: number_of[d.key])}
        of_logic = {self._number_of[key] for key in virtual if key in self._number_of}
        self._inputs: dict[int, Input] = {}
        self._parts_of: dict[int, list[int]] = {}
        for number, definition in self._definitions.items():
            for inside in sorted({self._number_of[term.point] for term in terms_of(definition.when)}):
                self._inputs.setdefault(inside, Input(virtual=inside in of_logic))
                self._parts_of.setdefault(inside, []).append(number)
        self._wanted = np.zeros(max(self._inputs, default=-1) + 1, np.bool_)
        self._wanted[list(self._inputs)] = True
        self._awaited = self._wanted.copy()
        self._pending: list[_Change] = []
        self._latest: dict[int, int] = {}
        """By input: the time of its last pending change of a condition."""
        self._outputs: dict[int, _Output] = {}

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the logic points, ascending."""
        return tuple(self._definitions)

    def told(self, number: int) -> bool:
        """Whether a logic point has ever had a reading."""
        return number in self._outputs

    def last(self, number: int) -> list[tuple[int, float, int]]:
        """Time, value and quality of the readings that make a logic point stand as it does, at most two."""
        output = self._outputs.get(number)
        if output is None:
            return []
        newest = (output.time_ms, output.value, output.quality)
        if output.since_ms == output.time_ms or math.isnan(output.held):
            return [newest]
        return [(output.since_ms, output.held, int(Quality.GOOD)), newest]

    def verdict(self, number: int) -> Verdict:
        """How a logic point stands, from what was settled last."""
        return judge(self._definitions[number].when, self.known)

    def known(self, term: Term) -> Known:
        """What is known of a term, from what was settled last."""
        return self._inputs[self._number_of[term.point]].known(term.condition)

    # What happens

    def feed(self, transitions: Transitions) -> None:
        """Conditions that changed, of any points, in the engine's order."""
        if not len(transitions):
            return
        point = transitions.point
        inside = point < len(self._wanted)
        which = np.flatnonzero(inside)[self._wanted[point[inside]]]
        columns = (point, transitions.condition, transitions.active, transitions.time_ms)
        for number, code, active, time_ms in zip(*(c[which].tolist() for c in columns), strict=True):
            self.change(number, code, active, time_ms)

    def change(self, number: int, condition: int, active: bool, time_ms: int) -> None:
        """A condition of an input began or ended."""
        # What happens to one point keeps its order even where its times do not: a limit that is switched off at the
        # clock's time lies behind readings of a gateway that lags.
        time_ms = self._latest[number] = max(time_ms, self._latest.get(number, time_ms))
        self._pending.append(_Change(time_ms, number, condition, active))

    def look(self, batch: ReadingBatch) -> None:
        """Readings that the engine takes: an input that speaks for the first time is known from then on."""
        if not self._awaited.any():
            return
        inside = batch.point < len(self._awaited)
        fresh = inside.copy()
        # Calibration gas says nothing about the place.
        fresh[inside] = self._awaited[batch.point[inside]] & (batch.quality[inside] != Quality.MAINTENANCE)
        first: dict[int, int] = {}
        for number, time_ms in zip(batch.point[fresh].tolist(), batch.time_ms[fresh].tolist(), strict=True):
            first[number] = min(time_ms, first.get(number, time_ms))
        for number, time_ms in sorted(first.items()):
            self._awaited[number] = False
            self._pending.append(_Change(time_ms, number, _HEARD, True))

    def limits_changed(self, checks: Mapping[int, Checks], now_ms: int) -> None:
        """Other checks from now on: a term whose check is off cannot be known."""
        for number in sorted(checks.keys() & self._inputs.keys()):
            self._inputs[number].on = bits_of(checks[number])
            self._pending.append(_Change(now_ms, number, _AGAIN, True))

    def settle(self, now_ms: int) -> ReadingBatch:
        """Judge all that has happened, in order of time, everything of one moment at once.

        Parameters
        ----------
        now_ms : int
            The time of the tick; a change from the future counts as of now. [ms since 1970 UTC]

        Returns
        -------
        ReadingBatch
            A reading for each change of value or quality, each later than the point's last one.
        """
        changes, self._pending, self._latest = self._pending, [], {}
        for change in changes:
            change.time_ms = min(change.time_ms, now_ms)
        changes.sort(key=lambda change: change.time_ms)
        out: list[tuple[int, int, float, int]] = []
        start = 0
        while start < len(changes):
            time_ms, touched = changes[start].time_ms, set[int]()
            while start < len(changes) and changes[start].time_ms == time_ms:
                touched.update(self._apply(changes[start]))
                start += 1
            judged = [(number, self._judged(number, time_ms)) for number in sorted(touched)]
            out += [(number, r.time_ms, r.value, r.quality) for number, r in judged if r is not None]
        return ReadingBatch.of(*zip(*out, strict=True)) if out else ReadingBatch.empty()

    def _apply(self, change: _Change) -> Iterable[int]:
        """Take over a change; the logic points that it is part of."""
        if change.number in self._definitions:
            return (change.number,)
        point = self._inputs[change.number]
        if change.what == _HEARD:
            point.heard = True
        elif change.what != _AGAIN:
            point.set(change.what, change.active)
        return self._parts_of[change.number]

    def _judged(self, number: int, time_ms: int) -> _Output | None:
        verdict = self.verdict(number)
        last = self._outputs.get(number)
        if verdict.truth is None:
            if last is None and verdict.awaited:
                return None  # the service has just begun; a silent point will tell of itself
            value, quality = math.nan, Quality.BAD
        else:
            value, quality = float(verdict.truth), Quality.UNCERTAIN if verdict.doubt else Quality.GOOD
        if last is not None:
            if quality == last.quality and (value == last.value or verdict.truth is None):
                return None
            time_ms = max(time_ms, last.time_ms + 1)
        held, since_ms = value, time_ms
        if last is not None and (
            verdict.truth is None or (value == last.held and (verdict.truth or last.quality != Quality.BAD))
        ):
            held, since_ms = last.held, last.since_ms
        output = self._outputs[number] = _Output(time_ms, value, int(quality), held, since_ms)
        return output

    # Snapshots

    def snapshot(self) -> bytes:
        """The whole state, to go on from with `restore`."""
        return msgspec.msgpack.encode(
            _Saved(
                {n: (i.active, i.on, i.heard) for n, i in self._inputs.items()},
                self._pending,
                {n: (str(d.when), self._outputs.get(n)) for n, d in self._definitions.items()},
            )
        )

    def restore(
        self, states: Sequence[bytes], present: Callable[[int], Present], checks: Mapping[int, Checks], now_ms: int
    ) -> None:
        """Go on from snapshots, perhaps with other definitions than they were taken with.

        A logic point that is new or says something else is judged anew at the next settlement, from how its inputs
        stand.

        Parameters
        ----------
        states : sequence of bytes
            From `snapshot`, of all levels; none if there was no logic then.
        present : callable
            How a point stands in the engine, by number; asked of inputs that no snapshot has.
        checks : mapping
            Checks in force, by number.
        now_ms : int
            The time of the snapshot. [ms since 1970 UTC]

        Raises
        ------
        ValueError
            If these bytes are no such snapshots.
        """
        saved = _merged(states)
        for number, point in self._inputs.items():
            if number in saved.inputs:
                point.active, point.on, point.heard = saved.inputs[number]
            else:
                now = present(number)
                point.active, point.heard, point.on = now.active, now.heard, bits_of(checks.get(number) or Checks())
            self._awaited[number] = not point.heard
        self._pending, self._latest, self._outputs = [], {}, {}
        for change in saved.pending:
            if change.number not in self._inputs and change.number not in self._definitions:
                continue
            self._pending.append(change)
            if change.what >= 0:
                self._latest[change.number] = change.time_ms
            elif change.what == _HEARD:
                self._awaited[change.number] = False
        for number, definition in self._definitions.items():
            text, output = saved.outputs.get(number, ("", None))
            if output is not None:
                self._outputs[number] = output
            if text != str(definition.when):
                self._pending.append(_Change(now_ms, number, _AGAIN, True))


def _merged(states: Sequence[bytes]) -> _Saved:
    """The states of all levels as one: what several of them know of an input is the same."""
    merged = _Saved({}, [], {})
    for state in states:
        try:
            saved = msgspec.msgpack.decode(state, type=_Saved)
        except msgspec.MsgspecError as error:
            raise ValueError(f"this is no snapshot of logic: {error}") from error
        merged.pending.extend(c for c in saved.pending if c.number not in merged.inputs)
        merged.inputs.update(saved.inputs)
        merged.outputs.update(saved.outputs)
    return merged
