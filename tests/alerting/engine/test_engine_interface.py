"""What the engine refuses, and what a snapshot is."""

import numpy as np
import pytest

from alerting.engine import Condition, Engine, Limits
from hazards.checks import Checks
from tests.support.engine_pair import batch, tuples


def columns(**wrong: np.ndarray) -> dict[str, np.ndarray]:
    good = dict(
        zip(("point", "time_ms", "value", "quality"), batch([(0, 1000, 0.5, 0), (1, 1000, 9.0, 0)]), strict=True)
    )
    return good | wrong


@pytest.fixture
def engine() -> Engine:
    return Engine(Limits.of([Checks(high=1.0), Checks(high=1.0, on_delay_ms=500, no_data_after_ms=5000)]), start_ms=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"point": np.array([0, 1], np.int64)},
        {"point": np.array([0, 1], ">i4")},
        {"point": np.array([0, 2], np.int32)},
        {"point": np.array([0, -1], np.int32)},
        {"point": np.array([0], np.int32)},
        {"point": np.array(0, np.int32)},
        {"point": [0, 1]},
        {"time_ms": np.array([1000, 1000], np.float64)},
        {"time_ms": np.array([1000, 1000], np.int32)},
        {"time_ms": np.array([1000], np.int64)},
        {"value": np.array([0.5, 9.0], np.float32)},
        {"value": np.array([[0.5, 9.0]])},
        {"quality": np.array([0, 0], np.int64)},
        {"quality": np.array([0, 0, 0], np.uint8)},
    ],
)
def test_a_wrong_column_is_refused_and_changes_nothing(engine: Engine, wrong: dict[str, np.ndarray]) -> None:
    before = engine.snapshot()
    with pytest.raises(ValueError, match=r"point|time_ms|value|quality"):
        engine.evaluate(**columns(**wrong))
    assert engine.snapshot() == before


def test_columns_need_not_be_contiguous_nor_writable(engine: Engine) -> None:
    spread = {name: np.repeat(column, 2)[::2] for name, column in columns().items()}
    for column in spread.values():
        column.flags.writeable = False
    engine.evaluate(**spread)
    assert tuples(engine.advance(1500)) == [(1, Condition.HIGH, True, 1500, 9.0)]


@pytest.mark.parametrize(
    ("index", "n", "match"),
    [([0, 0], 2, "twice"), ([2], 1, "outside"), ([-1], 1, "outside"), ([0], 2, "shape"), ([0.0], 1, "integers")],
)
def test_a_wrong_change_of_limits_is_refused_and_changes_nothing(
    engine: Engine, index: list[float], n: int, match: str
) -> None:
    before = engine.snapshot()
    with pytest.raises(ValueError, match=match):
        engine.update_limits(np.array(index), Limits.unlimited(n), 100)
    assert engine.snapshot() == before


@pytest.mark.parametrize(
    ("name", "column", "match"),
    [
        ("on_delay_ms", np.array([-1]), "at least 0"),
        ("rate_window_ms", np.array([0]), "at least 1"),
        ("frozen_band", np.array([np.nan]), "frozen_band"),
        ("high", np.array([1.0], np.float32), "float64"),
        ("low", np.zeros(2), "shape"),
        ("low", 3.0, "float"),
    ],
)
def test_limits_that_cannot_be_are_refused(name: str, column: object, match: str) -> None:
    limits = Limits.unlimited(1)
    setattr(limits, name, column)
    with pytest.raises(ValueError, match=match):
        Engine(limits, 0)


def test_limits_are_copied() -> None:
    limits = Limits.unlimited(1)
    engine = Engine(limits, 0)
    limits.high[:] = 1.0
    assert not len(engine.evaluate(*batch([(0, 1, 9.0, 0)])))


def test_very_long_delays_never_run_out() -> None:
    longest = 2**63 - 1
    checks = Checks(
        high=1.0,
        on_delay_ms=longest,
        off_delay_ms=longest,
        rate_per_s=0.0,
        rate_window_ms=longest,
        frozen_after_ms=longest,
        no_data_after_ms=longest,
    )
    engine = Engine(Limits.of([checks]), 0)
    assert not len(engine.evaluate(*batch([(0, 1, 9.0, 0), (0, 2, 9.0, 0)])))
    assert not len(engine.advance(2**50))


def test_the_active_states_are_a_copy(engine: Engine) -> None:
    engine.evaluate(**columns(value=np.array([2.0, 0.0])))
    active = engine.active
    assert active.shape == (2, 8)
    assert active.dtype == np.bool_
    assert np.argwhere(active).tolist() == [[0, Condition.HIGH]]
    active[:] = False
    assert engine.active[0, Condition.HIGH]


def test_an_engine_without_points_and_empty_batches() -> None:
    engine = Engine(Limits.unlimited(0), 7)
    assert len(engine.evaluate(*batch([]))) == len(engine.advance(10)) == 0
    assert engine.now_ms == 10
    assert len(Engine.restore(Limits.unlimited(0), engine.snapshot())) == 0


@pytest.mark.parametrize("position", [0, 3, 4, 8, 11, 12, 20, 36, 40, 80, -1])
def test_a_damaged_snapshot_is_refused(engine: Engine, position: int) -> None:
    state = bytearray(engine.snapshot())
    state[position] ^= 1
    with pytest.raises(ValueError, match="snapshot"):
        Engine.restore(Limits.unlimited(2), bytes(state))


@pytest.mark.parametrize("foreign", [b"", b"HAZE", b"PK\x03\x04" * 40, b"\0" * 1000])
def test_a_foreign_snapshot_is_refused(foreign: bytes) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        Engine.restore(Limits.unlimited(2), foreign)


def test_a_cut_or_too_large_snapshot_is_refused(engine: Engine) -> None:
    state = engine.snapshot()
    for wrong in (state[:-1], state + b"\0", state[: len(state) // 2]):
        with pytest.raises(ValueError, match="snapshot"):
            Engine.restore(Limits.unlimited(2), wrong)
    with pytest.raises(ValueError, match="2 points"):
        Engine.restore(Limits.unlimited(1), state)


def test_added_points_are_fresh_and_their_silence_counts_from_the_latest_known_time(engine: Engine) -> None:
    engine.evaluate(**columns())
    engine.advance(4000)
    checks = [Checks(high=1.0), Checks(no_data_after_ms=5000), Checks(no_data_after_ms=5000)]
    grown = Engine.restore(Limits.of(checks), engine.snapshot())
    assert grown.now_ms == 4000
    assert tuples(grown.advance(9000))[-1:] == [(1, Condition.NO_DATA, True, 6000, 9.0)]
    out = tuples(grown.advance(9001))
    assert [x[:4] for x in out] == [(2, Condition.NO_DATA, True, 9000)]
    assert grown.late == 0


def test_a_point_never_heard_may_be_expected_from_an_earlier_time() -> None:
    """A gateway kept readings from before our start; the silence counts from there, and they are not late."""
    engine = Engine(Limits.of([Checks(high=1.0, no_data_after_ms=60_000)] * 2), start_ms=1_000_000)
    engine.expect_from(np.array([1]), np.array([900_000]))
    assert engine.last_ms.tolist() == [1_000_000, 900_000]
    out = engine.evaluate(
        np.array([0, 1], np.int32), np.array([950_000, 950_000]), np.array([2.0, 2.0]), np.zeros(2, np.uint8)
    )
    assert engine.late == 1
    assert out.point.tolist() == [1]
    assert engine.heard.tolist() == [False, True]
    same = Engine.restore(Limits.of([Checks(high=1.0, no_data_after_ms=60_000)] * 2), engine.snapshot())
    assert same.last_ms.tolist() == [1_000_000, 950_000]
    engine.expect_from(np.array([0]), np.array([2_000_000]))
    assert engine.last_ms[0] == 1_000_000, "never later"
    with pytest.raises(ValueError, match="heard already"):
        engine.expect_from(np.array([1]), np.array([0]))
    with pytest.raises(ValueError, match="outside"):
        engine.expect_from(np.array([2]), np.array([0]))


def test_silence_counts_from_the_earlier_time() -> None:
    engine = Engine(Limits.of([Checks(no_data_after_ms=60_000)]), start_ms=1_000_000)
    engine.expect_from(np.array([0]), np.array([500_000]))
    out = engine.advance(1_000_001)
    assert (out.time_ms.tolist(), out.condition.tolist()) == ([560_000], [Condition.NO_DATA])
