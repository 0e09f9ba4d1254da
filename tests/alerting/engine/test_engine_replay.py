"""One log, replayed, restored on the way and cut otherwise: the same transitions, byte for byte. And large batches."""

import numpy as np
import pytest

from alerting.engine import Engine, Limits, Transitions
from alerting.engine.first_pass import CHUNK
from hazards.checks import Checks
from hazards.readings import ReadingBatch
from tests.support.engine_pair import tuples
from tests.support.scalar_engine import ScalarEngine

Entry = ReadingBatch | int
CHECKS = Checks(
    high=1.0,
    high_high=1.5,
    high_high_clear=1.0,
    on_delay_ms=2000,
    off_delay_ms=3000,
    rate_per_s=0.3,
    rate_window_ms=5000,
    frozen_after_ms=20_000,
    frozen_band=0.01,
    no_data_after_ms=7000,
    range_low=-1.0,
    range_high=4.0,
)


def a_day_at_the_plant(n_points: int, n_entries: int, seed: int = 3) -> list[Entry]:
    """Batches and ticks in which much happens: silence, faults, maintenance, peaks, still values."""
    rng = np.random.default_rng(seed)
    level, now_ms, log = rng.uniform(0.3, 1.4, n_points), 0, []
    for _ in range(n_entries):
        now_ms += int(rng.integers(200, 2500))
        if rng.random() < 0.2:
            log.append(now_ms)
            continue
        level += rng.normal(0, 0.15, n_points) * (rng.random(n_points) < 0.3)
        point = rng.integers(0, n_points, int(rng.integers(1, 3 * n_points)))
        quality = rng.choice([0, 0, 0, 0, 0, 0, 1, 2, 3], len(point))
        log.append(ReadingBatch.of(point, now_ms + rng.integers(-300, 300, len(point)), level[point], quality))
    return log


def play(engine: Engine, log: list[Entry]) -> list[Transitions]:
    return [
        engine.advance(entry)
        if isinstance(entry, int)
        else engine.evaluate(entry.point, entry.time_ms, entry.value, entry.quality)
        for entry in log
    ]


def as_bytes(outs: list[Transitions]) -> bytes:
    return b"".join(
        getattr(out, column).tobytes()
        for out in outs
        for column in ("point", "condition", "active", "time_ms", "value")
    )


@pytest.fixture(scope="module")
def log() -> list[Entry]:
    return a_day_at_the_plant(12, 300)


@pytest.fixture(scope="module")
def live(log: list[Entry]) -> bytes:
    return as_bytes(play(Engine(Limits.of([CHECKS] * 12), 0), log))


def test_a_replay_gives_the_same_bytes(log: list[Entry], live: bytes) -> None:
    assert len(live) > 10_000
    assert as_bytes(play(Engine(Limits.of([CHECKS] * 12), 0), log)) == live


@pytest.mark.parametrize("cut", [1, 77, 150, 299])
def test_a_restored_engine_gives_the_same_bytes(log: list[Entry], live: bytes, cut: int) -> None:
    limits = Limits.of([CHECKS] * 12)
    engine = Engine(limits, 0)
    before = play(engine, log[:cut])
    after = play(Engine.restore(limits, engine.snapshot()), log[cut:])
    assert as_bytes(before + after) == live


def test_the_scalar_model_agrees(log: list[Entry]) -> None:
    engine, model = Engine(Limits.of([CHECKS] * 12), 0), ScalarEngine([CHECKS] * 12, 0)
    for out, entry in zip(play(engine, log), log, strict=True):
        expected = (
            model.advance(entry)
            if isinstance(entry, int)
            else model.evaluate(
                list(
                    zip(
                        entry.point.tolist(),
                        entry.time_ms.tolist(),
                        entry.value.tolist(),
                        entry.quality.tolist(),
                        strict=True,
                    )
                )
            )
        )
        assert [x[:4] for x in tuples(out)] == [x[:4] for x in expected]


@pytest.mark.parametrize("order", ["in-order", "shuffled", "round and round", "point by point", "at random"])
def test_batches_larger_than_the_engine_takes_in_one_go(order: str) -> None:
    n = CHUNK + 500
    rng = np.random.default_rng(5)
    engine, model = Engine(Limits.of([CHECKS] * n), 0), ScalarEngine([CHECKS] * n, 0)
    for second in range(1, 5):
        start_ms = second * 100_000
        if order in ("in-order", "shuffled"):
            point = np.arange(n) if order == "in-order" else rng.permutation(n)
            time_ms = np.full(n, start_ms)
        elif order == "at random":
            point, time_ms = rng.integers(0, n, n), start_ms + np.arange(n) // 7
        else:
            point, time_ms = (
                np.tile(rng.permutation(n)[:50], n // 50),
                start_ms + np.repeat(np.arange(n // 50), 50) * 200,
            )
            if order == "point by point":
                by_point = np.argsort(point, kind="stable")
                point, time_ms = point[by_point], time_ms[by_point]
        value = rng.choice([0.5, 0.505, 0.9, 1.0, 1.2, 1.6, 9.0], len(point), p=[0.4, 0.3, 0.2, 0.04, 0.03, 0.02, 0.01])
        batch = ReadingBatch.of(point, time_ms, value, np.zeros(len(point)))
        out = engine.evaluate(batch.point, batch.time_ms, batch.value, batch.quality)
        rows = zip(*(c.tolist() for c in (batch.point, batch.time_ms, batch.value, batch.quality)), strict=True)
        expected = model.evaluate(list(rows))
        assert [x[:4] for x in tuples(out)] == [x[:4] for x in expected]
        assert np.array_equal(out.value, [x[4] for x in expected], equal_nan=True)
        assert engine.late == model.late
    assert engine.active.tolist() == model.active
