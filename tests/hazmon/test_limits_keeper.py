"""Limits reach the engine through the log, and only where they differ."""

from dataclasses import replace

import pytest

from hazards.checks import Checks
from hazards.log import LimitsChanged
from hazards.plant import Name, Plant, Point, PointKey
from hazmon.limits_keeper import LimitsKeeper, with_overrides
from ingest.log import SqliteLog


def point(id_: str, **checks: float) -> Point:
    return Point("M001", "face", id_, "ch4", "T1", Name(id_, id_), "%CH4", Checks(**checks))  # type: ignore[arg-type]


@pytest.fixture
def log(tmp_path):
    made = SqliteLog(tmp_path / "log.db")
    yield made
    made.close()


def changes(log: SqliteLog) -> list[dict[int, Checks]]:
    return [dict(e.body.checks) for e in log.read(0) if isinstance(e.body, LimitsChanged)]


def test_at_the_first_start_all_are_written_and_at_the_next_none(log):
    points = [point("A", high=1.0), point("B", low=0.5)]
    assert LimitsKeeper(log, points, lambda: 5).reconcile({}) == 2
    in_force = {n: c for some in changes(log) for n, c in some.items()}
    assert repr(in_force) == repr({0: points[0].checks, 1: points[1].checks})
    assert LimitsKeeper(log, points, lambda: 6).reconcile(in_force) == 0
    assert len(changes(log)) == 1


def test_only_what_differs_is_written(log):
    in_force = {0: Checks(high=1.0), 1: Checks(high=1.0)}
    assert LimitsKeeper(log, [point("A", high=1.0), point("B", high=0.8)], lambda: 5).reconcile(in_force) == 1
    assert [list(c) for c in changes(log)] == [[1]]


def test_a_point_that_has_left_the_plant_is_no_longer_watched(log):
    log.point_ids([PointKey("M001", "GONE")])
    LimitsKeeper(log, [point("A", high=1.0)], lambda: 5).reconcile({0: Checks(high=1.0)})
    (written,) = changes(log)
    assert repr(written[0]) == repr(Checks())
    assert written[1].high == 1.0


def test_a_large_plant_is_written_in_parts_that_a_log_can_take(log):
    points = [point(f"P{n}", high=1.0) for n in range(25_000)]
    LimitsKeeper(log, points, lambda: 5).reconcile({})
    assert [len(c) for c in changes(log)] == [10_000, 10_000, 5_000]


def test_a_change_is_one_entry_and_stays(log):
    keeper = LimitsKeeper(log, [point("A", high=1.0, high_high=1.5)], lambda: 5)
    assert keeper.change(0, {"high": 0.8}).high == 0.8
    checks = keeper.change(0, {"high_high": 1.2})
    assert (checks.high, checks.high_high) == (0.8, 1.2)
    assert len(changes(log)) == 2


def test_what_was_changed_over_the_api_wins_over_the_files():
    plant = Plant((), (point("A", high=1.0), point("B", high=1.0)))
    merged = with_overrides(plant, {PointKey("M001", "B"): {"high": 0.8}})
    assert merged == replace(plant, points=merged.points)
    assert [p.checks.high for p in merged.points] == [1.0, 0.8]
