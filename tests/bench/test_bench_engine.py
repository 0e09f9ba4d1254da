"""Every benchmark of the engine runs once, tiny, so that none rots; and the compiled loop obeys the same rules."""

import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.bench import data, report
from alerting.bench.compiled import CompiledEngine
from alerting.bench.others import OTHERS
from alerting.engine import Limits
from hazards.checks import Checks
from tests.support.engine_pair import batch, same_value, tuples
from tests.support.engine_strategies import checks, readings, ticks_ahead
from tests.support.scalar_engine import ScalarEngine

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is of the bench extra")


def test_the_report_runs() -> None:
    lines: list[str] = []
    report.run(lines.append, scale=0.002)
    assert any("advance over" in line for line in lines)
    assert any("bytes a point" in line for line in lines)
    if importlib.util.find_spec("numba"):
        assert sum(line.startswith(("quiet", "1 %", "10 %", "100 points")) for line in lines) == len(report.LINES)


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_ways_see_a_point_go_out_of_limits_and_back(name: str) -> None:
    pytest.importorskip({"python": "numpy"}.get(name, name))
    limits = data.limits(3)
    limits.on_delay_ms[:] = limits.off_delay_ms[:] = 0
    take = OTHERS[name](limits)
    from hazards.readings import ReadingBatch

    assert take(ReadingBatch.of([0, 1, 2], [1, 1, 1], [0.5, 1.2, -1.5], [0, 0, 0])) == 2
    assert take(ReadingBatch.of([1, 2], [2, 2], [0.97, 0.5], [0, 0])) == 1
    assert take(ReadingBatch.of([1], [3], [0.5], [0])) == 1


def test_loads_are_quiet_or_not_as_they_say() -> None:
    load = data.Load(points=50, batch=40, out_of_limits=0.5)
    values = np.concatenate([b.value for _, b in zip(range(20), (b for _, b in data.batches(load)), strict=False)])
    assert 0.3 < (values > 1.0).mean() < 0.7


@needs_numba
@settings(max_examples=100, deadline=None)
@given(
    st.lists(checks, min_size=1, max_size=3),
    st.lists(st.one_of(st.lists(readings, max_size=12), ticks_ahead), max_size=10),
)
def test_the_compiled_loop_obeys_the_rules(
    points: list[Checks], log: list[list[tuple[int, int, float, int]] | int]
) -> None:
    model, compiled = ScalarEngine(points, 0), CompiledEngine(Limits.of(points), 0)
    now_ms = 0
    for entry in log:
        if isinstance(entry, int):
            expected, got = model.advance(now_ms + entry), tuples(compiled.advance(now_ms + entry))
        else:
            taken = []
            for point, step_ms, value, quality in entry:
                now_ms += step_ms
                taken.append((point % len(points), now_ms, value, quality))
            expected, got = model.evaluate(taken), tuples(compiled.evaluate(*batch(taken)))
        assert [x[:4] for x in got] == [x[:4] for x in expected]
        assert all(same_value(a[4], b[4]) for a, b in zip(got, expected, strict=True))
        assert compiled.late == model.late
