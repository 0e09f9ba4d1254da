"""An engine and its scalar model, fed the same and compared after every step."""

import math
from collections.abc import Sequence

import numpy as np

from alerting.engine import Condition, Engine, Limits, Transitions
from hazards.checks import Checks
from tests.support.scalar_engine import ScalarEngine, Transition

__all__ = ["EnginePair", "Reading", "batch", "same_value", "tuples", "words"]

Reading = tuple[int, int, float, int]
"""point, time_ms, value, quality"""


def batch(readings: Sequence[Reading]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Readings as the columns that `Engine.evaluate` takes."""
    point, time_ms, value, quality = zip(*readings, strict=True) if readings else ((), (), (), ())
    return (
        np.array(point, np.int32),
        np.array(time_ms, np.int64),
        np.array(value, np.float64),
        np.array(quality, np.uint8),
    )


def tuples(out: Transitions) -> list[Transition]:
    """Transitions as the scalar model gives them."""
    columns = (out.point, out.condition, out.active, out.time_ms, out.value)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def words(transitions: Sequence[Transition]) -> str:
    """Transitions as a person would jot them down: ``+high @1000 =1.2, -fault @2000 =0.4``."""
    return ", ".join(
        f"{'+' if active else '-'}{Condition(condition).word} @{time_ms} ={value:g}"
        for _, condition, active, time_ms, value in transitions
    )


def same_value(a: float, b: float) -> bool:
    """Equal, or both NaN."""
    return a == b or (math.isnan(a) and math.isnan(b))


class EnginePair:
    """Feeds both, asserts that they agree on transitions, states, late count and time, returns the transitions."""

    def __init__(self, checks: Sequence[Checks], start_ms: int = 0) -> None:
        self.checks = list(checks)
        self.model = ScalarEngine(self.checks, start_ms)
        self.engine = Engine(Limits.of(self.checks), start_ms)

    def evaluate(self, readings: Sequence[Reading]) -> list[Transition]:
        return self._agree(self.model.evaluate(readings), self.engine.evaluate(*batch(readings)))

    def advance(self, now_ms: int) -> list[Transition]:
        return self._agree(self.model.advance(now_ms), self.engine.advance(now_ms))

    def update_limits(self, changed: dict[int, Checks], now_ms: int) -> list[Transition]:
        index, checks = list(changed), list(changed.values())
        for i, c in changed.items():
            self.checks[i] = c
        out = self.engine.update_limits(np.array(index, np.int64), Limits.of(checks), now_ms)
        return self._agree(self.model.update_limits(index, checks, now_ms), out)

    def restart(self, more: Sequence[Checks] = ()) -> None:
        """Go on from a snapshot, with ``more`` points behind the old ones."""
        state = self.engine.snapshot()
        self.checks += more
        self.model.add_points(more)
        self.engine = Engine.restore(Limits.of(self.checks), state)
        if not more:
            assert self.engine.snapshot() == state
        self._agree([], Transitions.empty())

    def _agree(self, expected: list[Transition], out: Transitions) -> list[Transition]:
        got = tuples(out)
        assert [x[:4] for x in got] == [x[:4] for x in expected], f"engine {got}, model {expected}"
        assert all(same_value(a[4], b[4]) for a, b in zip(got, expected, strict=True)), f"{got}, model {expected}"
        assert self.engine.active.tolist() == self.model.active
        assert self.engine.late == self.model.late
        assert self.engine.now_ms == self.model.now_ms
        return got
