"""The benchmark of derived points runs once, tiny, so that it does not rot."""

import pytest

from alerting.bench import derived
from hazards.derivation import Function


def test_the_report_runs() -> None:
    lines: list[str] = []
    derived.run(lines.append, scale=0.002)
    assert len(lines) == 3 + len(derived.LINES)


@pytest.mark.parametrize("inputs", ["one", "scan", "backlog"])
@pytest.mark.parametrize("order", ["in-order", "shuffled"])
def test_every_reading_or_scan_gives_a_result(inputs: str, order: str) -> None:
    work = derived.Work(Function.DIFFERENCE, 20, 80, inputs, order)
    figures = derived.measure(work, 5)
    ratio = figures.readings_per_s / figures.results_per_s
    assert ratio == pytest.approx({"one": 4.0, "scan": 4.0, "backlog": 2.0}[inputs])
