"""Measured points in an engine with logic points behind it, as the service drives them; and random such plants."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import strategies as st

from alerting.engine import Engine, Limits, Transitions
from alerting.logic import LogicAlarms, Present
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.logic import And, Expression, LogicPoint, Not, Or, Term, Vote
from hazards.plant import PointKey
from hazards.readings import ReadingBatch

__all__ = ["ENTRIES", "MEASURED", "PLANTS", "LogicRig", "Reading", "as_list", "key"]

Reading = tuple[int, int, float, int]
"""point, time_ms, value, quality"""
Change = tuple[int, int, bool, int]
"""point, condition, active, time_ms"""

MEASURED = 4


def key(point: str) -> PointKey:
    """A point of the one mine."""
    return PointKey("M001", point)


def as_list(transitions: Transitions) -> list[Change]:
    """Transitions without their values."""
    columns = (transitions.point, transitions.condition, transitions.active, transitions.time_ms)
    return list(zip(*(c.tolist() for c in columns), strict=True))


class LogicRig:
    """What `alerting.watch` does, without a log."""

    def __init__(
        self, checks: Sequence[Checks], definitions: Sequence[LogicPoint], number_of: Mapping[PointKey, int]
    ) -> None:
        self.checks = dict(enumerate(checks))
        self.definitions, self.number_of = definitions, number_of
        self.logic = LogicAlarms(definitions, number_of)
        self.engine = Engine(self._limits(), 0)
        self.heard = np.zeros(len(checks), np.bool_)
        self.logic.limits_changed(self.checks, 0)

    def _limits(self) -> Limits:
        none = Checks()
        return Limits.of([none if n in self.logic else self.checks[n] for n in range(len(self.checks))])

    def readings(self, readings: Sequence[Reading]) -> list[Change]:
        if not readings:
            return []
        batch = ReadingBatch.of(*zip(*readings, strict=True))
        self.heard[batch.point] = True
        out = self.engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality)
        self.logic.feed(out)
        self.logic.look(batch)
        return as_list(out)

    def limits(self, number: int, checks: Checks, now_ms: int) -> list[Change]:
        self.checks[number] = checks
        out = []
        if number not in self.logic:
            found = self.engine.update_limits(np.array([number]), Limits.of([checks]), now_ms)
            self.logic.feed(found)
            out = as_list(found)
        return out + as_list(self.logic.limits_changed({number: checks}, now_ms))

    def tick(self, now_ms: int) -> list[Change]:
        found = self.engine.advance(now_ms)
        self.logic.feed(found)
        return as_list(found) + as_list(self.logic.tick(now_ms))

    def restored(self) -> "LogicRig":
        """Another one that goes on from this one's snapshots."""
        other = LogicRig([self.checks[n] for n in range(len(self.checks))], self.definitions, self.number_of)
        other.engine = Engine.restore(self._limits(), self.engine.snapshot())
        other.heard = self.heard.copy()
        active = other.engine.active

        def present(number: int) -> Present:
            raise AssertionError(f"the snapshot knows point {number}")

        assert active.shape == (len(self.checks), 8)
        other.logic = LogicAlarms(self.definitions, self.number_of)
        other.logic.restore(self.logic.snapshot(), present, self.checks, self.engine.now_ms)
        return other


# Random plants: four measured points, three logic points on them and two on those.

_measured = st.builds(
    Checks,
    high=st.sampled_from([1.0, 1.0, 2.0]),
    high_clear=st.sampled_from([1.0, 0.5]),
    low=st.sampled_from([float("nan"), 0.0]),
    on_delay_ms=st.sampled_from([0, 0, 2, 5]),
    off_delay_ms=st.sampled_from([0, 0, 3]),
    no_data_after_ms=st.sampled_from([4, 10, 0]),
)
_virtual = st.builds(
    Checks, high=st.just(1.0), on_delay_ms=st.sampled_from([0, 0, 1, 4]), off_delay_ms=st.sampled_from([0, 0, 3])
)


def _expressions(terms: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    def joined(parts: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        votes = (
            st.lists(parts, min_size=2, max_size=4, unique_by=str)
            .map(tuple)
            .flatmap(lambda of: st.integers(1, len(of)).map(lambda k: Vote(k, of)))
        )
        return st.one_of(parts.map(Not), several.map(And), several.map(Or), votes)

    return st.recursive(terms, joined, max_leaves=5)


def _terms(points: Sequence[str], conditions: Sequence[Condition]) -> st.SearchStrategy[Expression]:
    return st.builds(Term, st.sampled_from(points).map(key), st.sampled_from(conditions))


_lower = _expressions(
    _terms("ABCD", (Condition.HIGH, Condition.HIGH, Condition.LOW, Condition.NO_DATA, Condition.FAULT))
)
_upper = _expressions(_terms("ABXYZ", (Condition.HIGH, Condition.HIGH, Condition.FAULT)))

PLANTS = st.tuples(
    st.lists(_measured, min_size=MEASURED, max_size=MEASURED),
    st.lists(_virtual, min_size=5, max_size=5),
    st.tuples(_lower, _lower, _lower, _upper, _upper).map(
        lambda whens: [LogicPoint(key(name), when) for name, when in zip("XYZVW", whens, strict=True)]
    ),
    st.permutations(range(MEASURED + 5)),
).map(
    lambda drawn: (
        [([*drawn[0], *drawn[1]])[drawn[3].index(n)] for n in range(MEASURED + 5)],
        drawn[2],
        {key(name): drawn[3][position] for position, name in enumerate("ABCDXYZVW")},
    )
)
"""Checks by number, definitions, numbers by key; the numbers are shuffled."""

ENTRIES = st.lists(
    st.one_of(
        st.tuples(
            st.just("reading"),
            st.sampled_from("ABCD"),
            st.sampled_from([0, 1, 1, 2, 4]),  # how much later than the point's last reading
            st.sampled_from([0.0, 1.0, 1.0, 2.0, float("nan")]),
            st.sampled_from([0, 0, 0, 0, 1, 2, 3]),
        ),
        st.tuples(st.just("tick"), st.sampled_from([1, 1, 2, 5, 20, -1])),
        st.tuples(st.just("limits"), st.sampled_from("ABCDXYZVW"), st.sampled_from([1.0, 2.0, float("nan")])),
    ),
    max_size=40,
)
"""What happens to such a plant, one after the other."""
