"""Limits and readings to measure with: a plant of any size, quiet or not, and never synthetic in its rhythm only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alerting.limits import Limits
from hazards.readings import ReadingBatch

__all__ = ["Load", "batches", "limits"]

STEP_MS = 1000
"""Between two readings of a point."""

WARM_UP_ROUNDS = 13
WARM_UP_STEP_MS = 5000
"""Rounds over all points before measuring. Points begin one after the other, so their windows end at all times:
at any time one reading in sixty ends a rate window."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent to an engine.

    Attributes
    ----------
    points : int
        Size of the plant.
    batch : int
        Readings a batch.
    out_of_limits : float
        Fraction of the readings, at random, that lie above ``high``.
    order : str
        ``shuffled``: each round over the points has an order of its own; ``in-order``: points ascend.
    backlog_points : int
        If above 0: every batch has ``batch / backlog_points`` readings each of this many points.
    """

    points: int
    batch: int
    out_of_limits: float = 0.0
    order: str = "shuffled"
    backlog_points: int = 0


def limits(n: int) -> Limits:
    """Every check on for every point: four limits with clearing values, delays, rate, frozen, no data, range."""
    made = Limits.unlimited(n)
    made.high[:], made.high_high[:], made.high_clear[:], made.high_high_clear[:] = 1.0, 1.5, 0.95, 1.0
    made.low[:], made.low_low[:] = -1.0, -2.0
    made.on_delay_ms[:], made.off_delay_ms[:] = 10_000, 15_000
    made.rate_per_s[:], made.rate_window_ms[:] = 10.0, 60_000
    made.frozen_after_ms[:], made.frozen_band[:] = 600_000, 0.0005
    made.no_data_after_ms[:] = 60_000
    made.range_low[:], made.range_high[:] = -5.0, 5.0
    return made


def batches(load: Load, seed: int = 1) -> Iterator[tuple[bool, ReadingBatch]]:
    """Batches without end, each with whether it still belongs to the warm-up."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.2, 0.8, load.points)
    begins = rng.integers(0, WARM_UP_ROUNDS - 1, load.points)
    rounds = _backlog(load, rng) if load.backlog_points else _rounds(load, rng)
    point, time_ms = np.empty(0, np.int32), np.empty(0, np.int64)
    for number, (more, times) in enumerate(rounds):
        warm_up = number < WARM_UP_ROUNDS
        if warm_up and not load.backlog_points:
            began = begins[more] <= number
            more, times = more[began], times[began]
        if number == WARM_UP_ROUNDS:
            point, time_ms = point[:0], time_ms[:0]  # from here on whole rounds, so that batches do not straddle them
        point, time_ms = np.concatenate([point, more]), np.concatenate([time_ms, times])
        while len(point) >= load.batch:
            some, point = point[: load.batch], point[load.batch :]
            when, time_ms = time_ms[: load.batch], time_ms[load.batch :]
            value = base[some] + rng.normal(0, 0.02, load.batch)
            if load.out_of_limits:
                out = rng.random(load.batch) < load.out_of_limits
                value[out] = rng.uniform(1.1, 1.4, int(out.sum()))
            yield warm_up, ReadingBatch(some, when, value, np.zeros(load.batch, np.uint8))


def _rounds(load: Load, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every point once a round."""
    offset = np.arange(load.points) * STEP_MS // load.points
    start_ms, number = 0, 0
    while True:
        start_ms += WARM_UP_STEP_MS if number < WARM_UP_ROUNDS else STEP_MS
        number += 1
        point = rng.permutation(load.points) if load.order == "shuffled" else np.arange(load.points)
        yield point.astype(np.int32), start_ms + offset


def _backlog(load: Load, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same few points round and round, as a gateway sends what it has kept."""
    point = rng.permutation(load.points)[: load.backlog_points].astype(np.int32)
    each = load.batch // load.backlog_points
    number = 0
    while True:
        number += 1
        time_ms = (number * each + np.arange(each)) * STEP_MS
        yield np.tile(point, each), np.repeat(time_ms, load.backlog_points)
