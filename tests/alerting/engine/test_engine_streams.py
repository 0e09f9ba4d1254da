"""The engine and the scalar model agree on any log, however it is cut into batches."""

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.engine import Engine, Limits
from hazards.checks import Checks
from tests.support.engine_pair import EnginePair, Reading, batch, tuples
from tests.support.engine_strategies import checks, readings, ticks_ahead

Step = tuple[int, int, float, int]


def dated(steps: list[Step], n_points: int) -> list[Reading]:
    """Turn steps of time into times."""
    time_ms, out = 0, []
    for point, step_ms, value, quality in steps:
        time_ms += step_ms
        out.append((point % n_points, time_ms, value, quality))
    return out


@settings(max_examples=400, deadline=None)
@given(st.lists(checks, min_size=1, max_size=3), st.lists(readings, max_size=40))
def test_one_batch(points: list[Checks], steps: list[Step]) -> None:
    EnginePair(points).evaluate(dated(steps, len(points)))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(checks, min_size=1, max_size=3),
    st.lists(st.one_of(st.lists(readings, max_size=8), ticks_ahead, st.none()), max_size=15),
)
def test_batches_ticks_and_restarts(points: list[Checks], log: list[list[Step] | int | None]) -> None:
    pair = EnginePair(points)
    now_ms = 0
    for entry in log:
        if entry is None:
            pair.restart()
        elif isinstance(entry, int):
            pair.advance(now_ms + entry)
        else:
            steps = [
                (point, step_ms if i else step_ms + now_ms, v, q) for i, (point, step_ms, v, q) in enumerate(entry)
            ]
            taken = dated(steps, len(points))
            pair.evaluate(taken)
            now_ms = max([now_ms, *(t for _, t, _, _ in taken)])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(checks, min_size=1, max_size=3),
    st.lists(readings.filter(lambda step: step[1] >= 0), max_size=30),
    st.lists(st.integers(0, 30), max_size=6),
)
def test_batch_boundaries_do_not_matter(points: list[Checks], steps: list[Step], cuts: list[int]) -> None:
    log = dated(steps, len(points))
    whole, cut = Engine(Limits.of(points), 0), Engine(Limits.of(points), 0)
    expected = tuples(whole.evaluate(*batch(log)))
    got = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), len(log)], strict=True):
        got += tuples(cut.evaluate(*batch(log[start:stop])))
    assert sorted(map(repr, got)) == sorted(map(repr, expected))
    assert cut.snapshot() == whole.snapshot()


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_numbering_of_points_does_not_matter(data: st.DataObject) -> None:
    points = data.draw(st.lists(checks, min_size=2, max_size=4))
    log = dated(data.draw(st.lists(readings, max_size=30)), len(points))
    number = data.draw(st.permutations(range(len(points))))
    engine = Engine(Limits.of(points), 0)
    shuffled = Engine(Limits.of([points[number.index(i)] for i in range(len(points))]), 0)
    expected = [(number[p], *rest) for p, *rest in tuples(engine.evaluate(*batch(log)))]
    got = tuples(shuffled.evaluate(*batch([(number[p], t, v, q) for p, t, v, q in log])))
    assert sorted(map(repr, got)) == sorted(map(repr, expected))
