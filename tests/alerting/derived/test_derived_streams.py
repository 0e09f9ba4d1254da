"""Any stream of readings, cut into any batches, gives what the plain loops give; snapshots change nothing."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerting.derived import Derivations, Settling
from hazards.derivation import PARAMETERS, Derivation, Function, Input
from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from tests.support.scalar_derived import Reading, ScalarDerived

MEASURED = [PointKey("M001", f"IN-{i}") for i in range(3)]
DERIVED = [PointKey("M001", f"OUT-{i}") for i in range(5)]
# Derived points between the measured ones, and not in their order.
NUMBER = {key: n for n, key in zip([3, 0, 9, 5, 1, 8, 2, 6], [*MEASURED, *DERIVED], strict=True)}
TIMES = st.sampled_from([0, 1, 1, 2, 3, 60])
VALUES = st.sampled_from([-9999.0, -2.0, -1.0, 0.0, 0.25, 1.0, 1.5, 4.0, math.nan, math.inf]) | st.floats(-5, 5)


@st.composite
def derivation(draw: st.DrawFn, number: int) -> Derivation:
    """Any function, of measured points and of derived ones with lower numbers."""
    function = draw(st.sampled_from(Function))
    wanted = PARAMETERS[function]
    n = draw(st.integers(wanted.least_inputs, min(wanted.most_inputs, 3)))
    keys = draw(st.lists(st.sampled_from(MEASURED + DERIVED[:number]), min_size=n, max_size=n))
    low = draw(st.sampled_from([-math.inf, -10.0]))
    ranges = {key: low for key in keys if key in MEASURED}
    return Derivation(
        DERIVED[number],
        function,
        tuple(Input(key, draw(st.sampled_from([0, 2, 20, 1000])), ranges.get(key, -math.inf)) for key in keys),
        tuple(draw(st.sampled_from([-1.0, 0.265, 2.0])) for _ in range(n)),
        factor=draw(st.sampled_from([1.0, 100.0])),
        constant=draw(st.sampled_from([0.0, 7.0])),
        denominator_min=draw(st.sampled_from([math.nan, 0.25])),
        window_ms=draw(st.sampled_from([1, 2, 7])),
        per_ms=draw(st.sampled_from([1, 60])),
        since_ms=draw(st.sampled_from([0, 3])),
        at_least=draw(st.sampled_from([-math.inf, 1.0])),
        band=draw(st.sampled_from([0.0, 0.5])),
        incomplete=draw(st.sampled_from(["uncertain", "no-value"])),
    )


@st.composite
def plants(draw: st.DrawFn) -> list[Derivation]:
    made = [draw(derivation(n)) for n in range(draw(st.integers(1, len(DERIVED))))]
    # Ranges belong to the input, whoever reads it.
    low = {i.point: i.range_low for d in made for i in d.inputs}
    return [_with_ranges(d, low) for d in draw(st.permutations(made))]


def _with_ranges(d: Derivation, low: dict[PointKey, float]) -> Derivation:
    inputs = tuple(Input(i.point, i.stale_after_ms, low[i.point]) for i in d.inputs)
    fields = {name: getattr(d, name) for name in d.__dataclass_fields__}
    return Derivation(**(fields | {"inputs": inputs}))


@st.composite
def streams(draw: st.DrawFn) -> list[Reading]:
    """Mostly ascending, with steps back, equal times, and readings of derived points, which are nobody's to send."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from([*MEASURED, *MEASURED, *MEASURED, DERIVED[0]]),
                TIMES | st.sampled_from([-5, -1]),
                VALUES,
                st.sampled_from([0, 0, 0, 0, 0, 1, 2, 3]),
            ),
            max_size=60,
        )
    )
    now, made = 0, []
    for key, step, value, quality in steps:
        now += step
        made.append((key, now, value, quality))
    return made


def batch_of(readings: Sequence[Reading]) -> ReadingBatch:
    keys, times, values, qualities = zip(*readings, strict=True) if readings else ((), (), (), ())
    return ReadingBatch.of([NUMBER[key] for key in keys], times, values, qualities)


def latest(into: dict[tuple[int, int], tuple[float, int]], made: ReadingBatch) -> None:
    """The last reading of each time and point, as a store keeps it; within a batch there is one of each, in order."""
    columns = (made.time_ms.tolist(), made.point.tolist(), made.value.tolist(), made.quality.tolist())
    places = list(zip(*columns[:2], strict=True))
    assert places == sorted(set(places))
    into.update(zip(places, zip(*columns[2:], strict=True), strict=True))


def same(a: dict[tuple[int, int], tuple[float, int]], b: dict[tuple[int, int], tuple[float, int]]) -> None:
    assert a.keys() == b.keys()
    for place, (value, quality) in a.items():
        other, other_quality = b[place]
        assert quality == other_quality, place
        # Sums are added in another order here than there.
        assert math.isclose(value, other, rel_tol=1e-12, abs_tol=1e-11) or (math.isnan(value) and math.isnan(other))


WINDOWED = Derivation(DERIVED[0], Function.WINDOW_SUM, (Input(MEASURED[0], 20),), window_ms=50)
STEPS = [(MEASURED[0], t, v, 0) for t, v in enumerate([1.0, 2.0, 4.0, 4.0, 0.25])]


@settings(max_examples=400, deadline=None)
@given(plants(), streams(), st.lists(st.integers(0, 60), max_size=6), st.sets(st.integers(0, 6)))
@example([WINDOWED], [*STEPS, (MEASURED[0], 4, 1.0, 0), (MEASURED[0], 3, 9.0, 0), *STEPS], [6], {0})
def test_any_batches_and_snapshots_give_what_plain_loops_give(
    plant: list[Derivation], stream: list[Reading], cuts: list[int], saved: set[int]
) -> None:
    model = ScalarDerived(plant)
    for reading in stream:
        model.take(*reading)
    wanted = {(t, NUMBER[key]): result for (t, key), result in model.out.items()}
    derived = Derivations(plant, NUMBER)
    made: dict[tuple[int, int], tuple[float, int]] = {}
    bounds = [0, *sorted(c for c in cuts if c < len(stream)), len(stream)]
    for part, (start, stop) in enumerate(pairwise(bounds)):
        latest(made, derived.feed(batch_of(stream[start:stop])))
        if part in saved:
            derived = Derivations.restore(plant, NUMBER, derived.snapshot())
    same(made, wanted)
    assert derived.late == model.late
    at_once = Derivations(plant, NUMBER)
    whole: dict[tuple[int, int], tuple[float, int]] = {}
    latest(whole, at_once.feed(batch_of(stream)))
    assert {k: repr(v) for k, v in whole.items()} == {k: repr(v) for k, v in made.items()}
    assert at_once.snapshot() == derived.snapshot()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([f for f in Function if "window" in PARAMETERS[f].required]),
    st.integers(0, 2**32 - 1),
    st.integers(1, 400),
)
def test_long_streams_forget_what_has_left_the_window(function: Function, seed: int, at_once: int) -> None:
    rng = np.random.default_rng(seed)
    n = 6000
    d = Derivation(DERIVED[0], function, (Input(MEASURED[0], 20),), window_ms=int(rng.integers(1, 5000)))
    batch = ReadingBatch.of(
        np.full(n, NUMBER[MEASURED[0]]),
        np.cumsum(rng.integers(0, 5, n)),
        rng.normal(size=n).round(3),
        rng.choice([0, 0, 0, 0, 0, 1, 2, 3], n),
    )
    whole, parts = Derivations([d], NUMBER), Derivations([d], NUMBER)
    made: dict[tuple[int, int], tuple[float, int]] = {}
    expected: dict[tuple[int, int], tuple[float, int]] = {}
    latest(expected, whole.feed(batch))
    for start in range(0, n, at_once):
        some = slice(start, start + at_once)
        latest(
            made,
            parts.feed(ReadingBatch(batch.point[some], batch.time_ms[some], batch.value[some], batch.quality[some])),
        )
    assert {k: repr(v) for k, v in expected.items()} == {k: repr(v) for k, v in made.items()}
    assert whole.snapshot() == parts.snapshot()


@settings(max_examples=300, deadline=None)
@given(plants(), streams(), st.lists(st.integers(0, 60), max_size=12), st.sets(st.integers(0, 12)), st.integers(0, 3))
def test_what_waits_to_settle_goes_out_in_order_and_nothing_is_lost(
    plant: list[Derivation], stream: list[Reading], cuts: list[int], saved: set[int], every: int
) -> None:
    model = ScalarDerived(plant)
    for reading in stream:
        model.take(*reading)
    wanted = {(t, NUMBER[key]): result for (t, key), result in model.out.items()}
    settling = Settling(Derivations(plant, NUMBER))
    went: dict[tuple[int, int], tuple[float, int]] = {}
    newest: dict[int, int] = {}

    def out(batch: ReadingBatch, received_ms: int, *, at_most: int) -> None:
        latest(went, batch)
        assert not len(batch) or received_ms <= at_most
        for point, time_ms in zip(batch.point.tolist(), batch.time_ms.tolist(), strict=True):
            assert newest.get(point, time_ms) <= time_ms, "a point's results go out in the order of time"
            newest[point] = time_ms

    bounds = [0, *sorted(c for c in cuts if c < len(stream)), len(stream)]
    for part, (start, stop) in enumerate(pairwise(bounds)):
        out(*settling.feed(batch_of(stream[start:stop]), part), at_most=part)
        if every and part % every == 0:
            out(*settling.tick(), at_most=part)
        if part in saved:
            waiting, state = Settling.split(settling.snapshot())
            settling = Settling(Derivations.restore(plant, NUMBER, state))
            settling.wait(waiting)
    for _ in range(2):
        out(*settling.tick(), at_most=len(bounds))
    same(went, wanted)
    assert len(settling.tick()[0]) == 0
