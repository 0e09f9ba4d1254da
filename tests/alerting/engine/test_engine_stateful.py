"""Any sequence of batches, ticks, changed limits, restarts and new points: engine and model stay together."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hazards.checks import Checks
from tests.support.engine_pair import EnginePair
from tests.support.engine_strategies import checks, readings, ticks_ahead


class EngineMachine(RuleBasedStateMachine):
    """`EnginePair` compares everything after each step; the rules only choose what happens."""

    pair: EnginePair
    now_ms = 0

    @initialize(points=st.lists(checks, min_size=1, max_size=3), start_ms=st.sampled_from([0, 3]))
    def begin(self, points: list[Checks], start_ms: int) -> None:
        self.pair = EnginePair(points, start_ms)

    @rule(steps=st.lists(readings, min_size=1, max_size=24), shuffle=st.randoms(use_true_random=False))
    def shuffled_batch(self, steps: list[tuple[int, int, float, int]], shuffle: object) -> None:
        batch = []
        for point, step_ms, value, quality in steps:
            self.now_ms += step_ms
            batch.append((point % len(self.pair.checks), self.now_ms, value, quality))
        shuffle.shuffle(batch)  # type: ignore[attr-defined]
        self.pair.evaluate(batch)

    @rule(steps=st.lists(readings, min_size=1, max_size=3), copies=st.integers(1, 2))
    def batch_with_duplicates(self, steps: list[tuple[int, int, float, int]], copies: int) -> None:
        batch = []
        for point, step_ms, value, quality in steps:
            self.now_ms += step_ms
            batch += [(point % len(self.pair.checks), self.now_ms, value, quality)] * copies
        self.pair.evaluate(batch)

    @rule(ahead=ticks_ahead)
    def tick(self, ahead: int) -> None:
        self.pair.advance(self.now_ms + ahead)

    @rule(changed=st.dictionaries(st.integers(0, 3), checks, min_size=1, max_size=2), ahead=ticks_ahead)
    def change_limits(self, changed: dict[int, Checks], ahead: int) -> None:
        known = {point: c for point, c in changed.items() if point < len(self.pair.checks)}
        self.pair.update_limits(known, self.now_ms + ahead)

    @rule()
    def restart(self) -> None:
        self.pair.restart()

    @rule(more=checks)
    def restart_with_a_new_point(self, more: Checks) -> None:
        if len(self.pair.checks) < 5:
            self.pair.restart([more])


TestEngineMachine = EngineMachine.TestCase
TestEngineMachine.settings = settings(max_examples=300, stateful_step_count=30, deadline=None)
