"""The table of ``hazmon bench engine``: every line measured against the compiled loop, then the other ways."""

import os
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from alerting.bench import data
from alerting.bench.compiled import CompiledEngine
from alerting.bench.data import Load
from alerting.bench.measure import in_turns, peak_kib, seconds
from alerting.bench.others import OTHERS, RULES
from alerting.engine import Engine

__all__ = ["LINES", "Line", "machine", "run"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: a load and the ratio to the compiled loop that the engine is to reach."""

    name: str
    load: Load
    at_least: float | None


LINES = (
    Line("quiet, 10,000", Load(100_000, 10_000), 1.2),
    Line("quiet, 1,000", Load(100_000, 1_000), 1.0),
    Line("quiet, 100,000", Load(100_000, 100_000), 2.0),
    Line("1 % out, 10,000", Load(100_000, 10_000, 0.01), 1.0),
    Line("10 % out, 10,000", Load(100_000, 10_000, 0.1), 0.5),
    Line("100 points x 1,000 each", Load(100_000, 100_000, backlog_points=100), 0.3),
    Line("quiet, 10,000, in order", Load(100_000, 10_000, order="in-order"), None),
    Line("quiet, 1,000, in order", Load(100_000, 1_000, order="in-order"), None),
    Line("quiet, 100,000, in order", Load(100_000, 100_000, order="in-order"), None),
    Line("1 % out, 10,000, in order", Load(100_000, 10_000, 0.01, "in-order"), None),
    Line("10 % out, 10,000, in order", Load(100_000, 10_000, 0.1, "in-order"), None),
)
"""In order, points ascend in every batch: the compiled loop's best case, because the processor reads ahead for it."""


def run(say: Callable[[str], None] = print, *, scale: float = 1.0, others: bool = True) -> None:
    """Measure everything and print the table.

    Parameters
    ----------
    say : callable
        Takes each line of text.
    scale : float
        Fraction of the points and readings of the full measurement; tests take a small one.
    others : bool
        Also measure a Python loop, pandas, polars and bytewax.
    """
    say(machine())
    say("processor time of one thread; engines take the same batches in turns and must agree on every transition")
    _against_compiled(say, scale)
    _alone(say, scale)
    if others:
        _others(say, scale)


def machine() -> str:
    """The machine and the versions that matter, in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"


def _against_compiled(say: Callable[[str], None], scale: float) -> None:
    try:
        CompiledEngine(data.limits(1), 0)
    except ImportError:
        say("numba is not installed, so there is no compiled loop to compare with; install hazmon[bench]")
        return
    say(
        f"{'work':28} {'M readings/s':>12} {'compiled':>9} {'ratio':>6} {'target':>6}"
        f" {'p50 us':>8} {'p99 us':>8} {'peak KiB':>8}"
    )
    for line in LINES:
        load = _scaled(line.load, scale)
        n = max(4, int(3_000_000 * scale) // load.batch)
        engine, compiled = in_turns([Engine, CompiledEngine], load, n)
        ratio = engine.readings_per_s / compiled.readings_per_s
        target = f"{line.at_least:6.1f}" if line.at_least else "     -"
        peak = peak_kib(Engine(data.limits(load.points), 0), load)
        say(
            f"{line.name:28} {engine.readings_per_s / 1e6:12.1f} {compiled.readings_per_s / 1e6:9.1f} {ratio:6.2f}"
            f" {target} {engine.p50_us:8.0f} {engine.p99_us:8.0f} {peak:8.0f}"
        )


def _alone(say: Callable[[str], None], scale: float) -> None:
    """What has no counterpart: ticks, growth, snapshots."""
    n = max(2, int(100_000 * scale))
    engine = Engine(data.limits(n), 0)
    everybody = np.arange(n, dtype=np.int32)
    engine.evaluate(everybody, np.full(n, 1000), np.full(n, 0.5), np.zeros(n, np.uint8))
    say(f"advance over {n:,} points, nothing due: {seconds(lambda: engine.advance(2000), 20) * 1e6:.0f} us (under 100)")

    costs = []
    for points in (1_000, max(2_000, int(1_000_000 * scale))):
        (figures,) = in_turns([Engine], Load(points, 1_000), int(3000 * scale) + 3)
        costs.append(1e9 / figures.readings_per_s)
    say(
        f"growth from 1,000 to {points:,} points, batches of 1,000: {costs[1] / costs[0]:.2f} x,"
        f" {costs[0]:.0f} -> {costs[1]:.0f} ns a reading (at most 2 x)"
    )

    made = data.limits(points)
    large = Engine(made, 0)
    state = large.snapshot()
    say(
        f"{points:,} points: {large.nbytes / points:.0f} bytes a point (at most 300),"
        f" snapshot {seconds(large.snapshot, 3):.2f} s, restore {seconds(lambda: Engine.restore(made, state), 3):.2f} s"
    )


def _others(say: Callable[[str], None], scale: float) -> None:
    load = _scaled(LINES[0].load, scale)
    made = data.limits(load.points)
    few = [batch for _, batch in islice(data.batches(load), 12)]
    say(f"the same data, batches of {load.batch:,}:")
    for name, make in OTHERS.items():
        try:
            take = make(made)
        except ImportError:
            say(f"  {name:8} is not installed")
            continue
        taken = seconds(_each(take, few), 1)
        say(f"  {name:8} {load.batch * len(few) / taken / 1e6:6.2f} M readings/s; {RULES[name]}")


def _each(take: Callable[..., int], batches: Iterable[object]) -> Callable[[], int]:
    return lambda: sum(take(batch) for batch in batches)


def _scaled(load: Load, scale: float) -> Load:
    if scale == 1.0:
        return load
    backlog = load.backlog_points and 4
    batch = max(backlog or 1, int(load.batch * scale))
    return Load(max(batch, int(load.points * scale)), batch, load.out_of_limits, load.order, backlog)
