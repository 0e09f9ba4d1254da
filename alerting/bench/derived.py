"""How fast derived points are computed: ``python -m alerting.bench.derived``.

Results are counted as they come out, one for each point and time; processor time of one thread.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from alerting.bench.report import machine
from alerting.derived import Derivations
from hazards.derivation import PARAMETERS, Derivation, Function, Input
from hazards.plant import PointKey
from hazards.readings import ReadingBatch

__all__ = ["LINES", "Figures", "Line", "Work", "measure", "run"]

STEP_MS = 5_000
"""Between two readings of a point."""

_WARM_UP_BATCHES = 4
_WINDOW_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Work:
    """Derived points, and the readings that reach them.

    Attributes
    ----------
    function : Function
        Of all derived points; each has inputs of its own.
    points : int
        How many derived points.
    batch : int
        Readings a batch.
    inputs : str
        Which inputs a batch has readings of. ``one``: of each derived point one, in turns; ``scan``: of some points
        all inputs with one stamp; ``backlog``: many readings of each of few inputs.
    order : str
        ``in-order``: points ascend within a batch; ``shuffled``.
    """

    function: Function
    points: int
    batch: int
    inputs: str = "one"
    order: str = "shuffled"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, and how many results a second it is to reach."""

    name: str
    work: Work
    at_least: float | None = None


LINES = (
    Line("difference, 10,000", Work(Function.DIFFERENCE, 10_000, 10_000), 5e6),
    Line("difference, 10,000, in order", Work(Function.DIFFERENCE, 10_000, 10_000, order="in-order"), 5e6),
    Line("product, 10,000", Work(Function.PRODUCT, 10_000, 10_000), 5e6),
    Line("ratio with guard, 10,000", Work(Function.RATIO, 10_000, 10_000), 5e6),
    Line("linear, 10,000", Work(Function.LINEAR, 10_000, 10_000), 5e6),
    Line("max, 10,000 of 100,000 points", Work(Function.MAX, 100_000, 10_000), 5e6),
    Line("difference, scans of both", Work(Function.DIFFERENCE, 5_000, 10_000, "scan"), 5e6),
    Line("difference, 1,000", Work(Function.DIFFERENCE, 10_000, 1_000), None),
    Line("difference, backlog", Work(Function.DIFFERENCE, 50, 10_000, "backlog"), 5e6),
    Line("rate over 1 h, backlog", Work(Function.RATE, 50, 10_000, "backlog"), None),
    Line("sum over 1 h, backlog", Work(Function.WINDOW_SUM, 50, 10_000, "backlog"), None),
    Line("max over 1 h, backlog", Work(Function.WINDOW_MAX, 50, 10_000, "backlog"), None),
    Line("rate over 1 h, one each", Work(Function.RATE, 1_000, 1_000), None),
    Line("sum over 1 h, one each", Work(Function.WINDOW_SUM, 1_000, 1_000), None),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Processor time for the batches of a line."""

    results_per_s: float
    readings_per_s: float
    p50_us: float
    p99_us: float


def run(say: Callable[[str], None] = print, *, scale: float = 1.0) -> None:
    """Measure every line and print the table.

    Parameters
    ----------
    say : callable
        Takes each line of text.
    scale : float
        Fraction of the points and readings of the full measurement; tests take a small one.
    """
    say(machine())
    say("processor time of one thread")
    say(f"{'work':30} {'M results/s':>11} {'target':>6} {'M readings/s':>12} {'p50 us':>8} {'p99 us':>8}")
    for line in LINES:
        work = _scaled(line.work, scale)
        figures = measure(work, max(4, int(1_000_000 * scale) // work.batch))
        target = f"{line.at_least / 1e6:6.1f}" if line.at_least else "     -"
        say(
            f"{line.name:30} {figures.results_per_s / 1e6:11.2f} {target} {figures.readings_per_s / 1e6:12.2f}"
            f" {figures.p50_us:8.0f} {figures.p99_us:8.0f}"
        )


def measure(work: Work, n_batches: int) -> Figures:
    """Processor time of some batches of a kind of work."""
    derived = _derived(work)
    taken, results = [], 0
    for number, batch in enumerate(_batches(work)):
        begin = time.thread_time()
        out = derived.feed(batch)
        if number >= _WARM_UP_BATCHES:
            taken.append(time.thread_time() - begin)
            results += len(out)
        if len(taken) == n_batches:
            break
    total = max(sum(taken), 1e-9)
    return Figures(
        results / total,
        work.batch * n_batches / total,
        float(np.median(taken) * 1e6),
        float(np.quantile(taken, 0.99) * 1e6),
    )


def _inputs(work: Work) -> int:
    return 1 if "window" in PARAMETERS[work.function].required else 2


def _derived(work: Work) -> Derivations:
    k = _inputs(work)

    def key(number: int) -> PointKey:
        return PointKey("M001", f"P-{number}")

    derivations = [
        Derivation(
            key(work.points * k + n),
            work.function,
            tuple(Input(key(n * k + j)) for j in range(k)),
            (0.265, -1.0)[:k],
            denominator_min=-10.0 if work.function is Function.RATIO else float("nan"),
            window_ms=_WINDOW_MS,
        )
        for n in range(work.points)
    ]
    return Derivations(derivations, {key(n): n for n in range(work.points * (k + 1))})


def _batches(work: Work) -> Iterator[ReadingBatch]:
    """Batches without end; the first ones reach every input."""
    rng = np.random.default_rng(1)
    k, now_ms = _inputs(work), 0
    n_inputs = work.points * k
    while True:
        if work.inputs == "backlog":
            times = work.batch // n_inputs
            point = np.tile(np.arange(n_inputs), times)
            time_ms = now_ms + np.repeat(np.arange(times) * STEP_MS, n_inputs)
            now_ms += times * STEP_MS
            yield _batch(point, time_ms, rng)
            continue
        everybody = np.arange(n_inputs)
        columns = [everybody] if work.inputs == "scan" else [everybody[j::k] for j in range(k)]
        for column in columns:
            some = rng.permutation(column) if work.order == "shuffled" else column
            for start in range(0, len(some), work.batch):
                point = some[start : start + work.batch]
                yield _batch(point, np.full(len(point), now_ms), rng)
            now_ms += STEP_MS


def _batch(point: np.ndarray, time_ms: np.ndarray, rng: np.random.Generator) -> ReadingBatch:
    return ReadingBatch.of(point, time_ms, rng.normal(1, 0.1, len(point)), np.zeros(len(point), np.uint8))


def _scaled(work: Work, scale: float) -> Work:
    if scale == 1.0:
        return work
    points = max(2, int(work.points * scale))
    batch = max(2 * points if work.inputs == "backlog" else 1, int(work.batch * scale))
    return Work(work.function, points, batch, work.inputs, work.order)


if __name__ == "__main__":
    run()
