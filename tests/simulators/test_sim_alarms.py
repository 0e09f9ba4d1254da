"""The sample plant fits the simulators, and its limits raise what each scenario is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from alerting.engine import Engine, Limits
from hazards.condition import Condition
from hazards.plant import Plant
from hazards.plant_files import load_plant
from simulators.recording import parse_mapping, read_recording
from simulators.replay import replay_steps
from simulators.scenario import load_scenario, scenario_names

ROOT = Path(__file__).parents[2]
START_MS = 1_764_043_200_000


@pytest.fixture(scope="module")
def plant() -> Plant:
    """The sample plant, by the path that users see."""
    return load_plant(ROOT / "deploy" / "plant")


@dataclass(frozen=True)
class Change:
    """One transition, in seconds from the start."""

    at_s: float
    point: str
    condition: Condition
    active: bool


def changes(plant: Plant, name: str, for_s: float, seed: int = 1, speed: float = 1.0) -> Iterator[Change]:
    """What the engine makes of a scenario, with a tick a second as ingest gives it."""
    scenario = load_scenario(name)
    points = [p for p in plant.points if p.key in set(scenario.points)]
    number = {p.key: i for i, p in enumerate(points)}
    engine = Engine(Limits.of([p.checks for p in points]), start_ms=START_MS)
    tick_ms = START_MS
    for step in scenario.steps(START_MS, seed, speed):
        if step.due_s > for_s:
            return
        index = np.array([number[key] for key, _, _ in step.readings()], np.int32)
        times = np.full(len(index), step.time_ms, np.int64)
        out = [engine.evaluate(index, times, step.value, step.quality)]
        if step.time_ms - tick_ms >= 1000:
            tick_ms = step.time_ms
            out.append(engine.advance(tick_ms))
        for o in out:
            for p, c, a, t in zip(o.point, o.condition, o.active, o.time_ms, strict=True):
                yield Change((int(t) - START_MS) / 1000.0, str(points[p].key), Condition(c), bool(a))


def raised(all_changes: list[Change], point: str, condition: Condition = Condition.HIGH) -> float:
    """When a condition first came."""
    return next(c.at_s for c in all_changes if c.active and (c.point, c.condition) == (point, condition))


def test_the_link_leads_to_the_sample_plant() -> None:
    assert (ROOT / "deploy" / "plant").resolve() == ROOT / "simulators" / "plant"


@pytest.mark.parametrize("name", scenario_names())
def test_every_simulated_point_is_in_the_plant(plant: Plant, name: str) -> None:
    assert set(load_scenario(name).points) <= {p.key for p in plant.points}


def test_every_point_of_the_plant_is_simulated_and_named(plant: Plant) -> None:
    assert {p.key for p in plant.measured} == set(load_scenario("demo").points)
    assert all(p.name.zh != p.name.en for p in plant.points)
    assert {e.region[:2] for e in plant.enterprises} == {"14"}, "Shanxi"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_demo_raises_at_all_three_sites_within_half_a_minute_and_clears_within_a_minute(
    plant: Plant, seed: int
) -> None:
    got = list(changes(plant, "demo", 60.0, seed))
    first = {e: min(c.at_s for c in got if c.active and c.point.startswith(e)) for e in ("M001", "C001", "T001")}
    assert 10.0 <= min(first.values()) <= 15.0
    assert max(first.values()) <= 30.0
    assert len(set(first.values())) == 3, "one after another"
    assert sum(not c.active for c in got) >= 15
    escalated = {c.point for c in got if c.active and c.condition is Condition.HIGH_HIGH and c.at_s <= 30.0} & {
        c.point for c in got if c.active and c.condition is Condition.HIGH
    }
    assert {p[:4] for p in escalated} == {"M001", "C001", "T001"}
    assert {c.condition for c in got} <= {Condition.LOW, Condition.HIGH, Condition.HIGH_HIGH}, "no fault, no silence"


def test_demo_begins_again(plant: Plant) -> None:
    got = list(changes(plant, "demo", 360.0))
    fan = [c.at_s for c in got if c.active and c.point == "M001/FAN-01"]
    assert fan == [11.0, 191.0]
    assert len([c for c in got if c.active and c.point == "T001/RAIN-24H" and c.condition is Condition.HIGH]) == 2


@pytest.mark.parametrize("seed", [1, 2])
def test_gas_outburst(plant: Plant, seed: int) -> None:
    got = list(changes(plant, "gas-outburst", 2400.0, seed))
    assert all(c.at_s >= 300.0 for c in got)
    assert raised(got, "M001/FAN-01", Condition.LOW) == 300.0
    for point in ("CH4-01", "CH4-02", "CH4-05"):
        assert raised(got, f"M001/{point}") < raised(got, f"M001/{point}", Condition.HIGH_HIGH)
    assert raised(got, "M001/CH4-02") < raised(got, "M001/CH4-03"), "the return learns of it later"
    assert raised(got, "M001/CH4-03") < raised(got, "M001/CH4-06")
    last = {(c.point, c.condition): c.active for c in got}
    assert not any(last.values()), "all clear at the end"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_tank_leak_reaches_the_detectors_one_after_the_other(plant: Plant, seed: int) -> None:
    got = list(changes(plant, "tank-leak", 2100.0, seed))
    assert all(c.at_s >= 300.0 for c in got)
    combustible = [raised(got, f"C001/GAS-0{i}") for i in (1, 2, 3, 4)]
    assert all(a < b for a, b in pairwise(combustible))
    toxic = [raised(got, f"C001/H2S-0{i}") for i in (1, 2, 3, 4)]
    assert all(a < b for a, b in pairwise(toxic))
    assert not any(c.point == "C001/GAS-05" for c in got), "upwind"


def test_heavy_rain(plant: Plant) -> None:
    got = list(changes(plant, "heavy-rain", 300.0, speed=600.0))
    order = [
        raised(got, "T001/RAIN-24H"),
        raised(got, "T001/POND-01"),
        raised(got, "T001/BEACH-01", Condition.LOW),
        raised(got, "T001/FREEBOARD-01", Condition.LOW),
        raised(got, "T001/PHREATIC-01", Condition.LOW),
        raised(got, "T001/PHREATIC-02", Condition.LOW),
    ]
    assert order == sorted(order)
    assert raised(got, "T001/RAIN-24H", Condition.HIGH_HIGH) > order[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_quiet_raises_nothing_in_three_days(plant: Plant, seed: int) -> None:
    assert list(changes(plant, "quiet", 3 * 86_400.0 / 300.0, seed, speed=300.0)) == []


LONGWALL = ROOT.parent / "shared" / "data" / "longwall-30s.csv"


def test_the_recorded_longwall_raises_what_a_scalar_reading_of_its_column_raises() -> None:
    """Limit 1.0 %CH4 on the face return, no delays: one raise a run of values at or above it, one clear behind it."""
    if not LONGWALL.exists():
        pytest.skip(f"{LONGWALL} is not part of the project")
    recording = read_recording([LONGWALL], mapping=parse_mapping(["MM116=M001/CH4-03"]))
    limits = Limits.unlimited(1)
    limits.high[:] = 1.0
    engine = Engine(limits, start_ms=0)
    got = []
    for step in replay_steps(recording, now_ms=START_MS, speed="max"):
        out = engine.evaluate(np.zeros(1, np.int32), np.array([step.time_ms]), step.value, step.quality)
        got += list(zip(out.time_ms.tolist(), out.active.tolist(), strict=True))
    expected, over = [], False
    for line in LONGWALL.read_text(encoding="utf-8").splitlines()[1:]:
        seconds, _, value, *_ = line.split(",")
        if (float(value) >= 1.0) != over:
            over = not over
            expected.append((START_MS - 401_010_000 + int(float(seconds) * 1000), over))
    assert got == expected
    assert sum(active for _, active in got) == 140
