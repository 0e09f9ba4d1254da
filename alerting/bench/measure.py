"""Timing two engines on the same data, in turns, on one core."""

import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from alerting.bench.data import Load, batches, limits
from alerting.engine import Transitions
from alerting.limits import Limits
from hazards.readings import ReadingBatch

__all__ = ["Evaluates", "Figures", "in_turns", "peak_kib", "seconds"]


class Evaluates(Protocol):
    """The engine, and what is compared with it."""

    def evaluate(
        self, point: np.ndarray, time_ms: np.ndarray, value: np.ndarray, quality: np.ndarray, /
    ) -> Transitions:
        """Take a batch of readings."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Processor time of one engine for the batches of a load."""

    readings_per_s: float
    p50_us: float
    p99_us: float


def in_turns(make: Sequence[Callable[[Limits, int], Evaluates]], load: Load, n_batches: int) -> list[Figures]:
    """Give every batch to each engine in turn and add up their processor time.

    Processor time of the thread, not wall time: another program on the machine then costs caches only.

    Raises
    ------
    AssertionError
        If they do not give the same transitions.
    """
    engines = [one(limits(load.points), 0) for one in make]
    taken: list[list[float]] = [[] for _ in engines]
    for warm_up, batch in batches(load):
        outs = []
        for engine, times in zip(engines, taken, strict=True):
            begin = time.thread_time()
            outs.append(engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality))
            if not warm_up:
                times.append(time.thread_time() - begin)
        if not all(_equal(out, outs[0]) for out in outs[1:]):
            raise AssertionError("the engines disagree")
        if len(taken[0]) >= n_batches:
            break
    return [
        Figures(
            load.batch * len(times) / sum(times), float(np.median(times) * 1e6), float(np.quantile(times, 0.99) * 1e6)
        )
        for times in taken
    ]


def peak_kib(engine: Evaluates, load: Load) -> float:
    """Most memory that a batch takes beside the engine's own, KiB, median over some batches."""
    peaks = []
    for warm_up, batch in batches(load):
        if warm_up:
            _evaluate(engine, batch)
            continue
        tracemalloc.start()
        _evaluate(engine, batch)
        peaks.append(tracemalloc.get_traced_memory()[1] / 1024)
        tracemalloc.stop()
        if len(peaks) >= 9:
            break
    return float(np.median(peaks))


def seconds(action: Callable[[], object], times: int) -> float:
    """Least processor time of an action."""
    taken = []
    for _ in range(times):
        begin = time.thread_time()
        action()
        taken.append(time.thread_time() - begin)
    return min(taken)


def _evaluate(engine: Evaluates, batch: ReadingBatch) -> Transitions:
    return engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality)


def _equal(a: Transitions, b: Transitions) -> bool:
    columns = ("point", "condition", "active", "time_ms", "value")
    return all(np.array_equal(getattr(a, c), getattr(b, c), equal_nan=c == "value") for c in columns)
