"""The sample plant's logic points: the demo shows them, a quiet plant does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting.watch import Watch
from hazards.log import Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import Plant
from hazards.plant_files import load_plant
from hazards.readings import ReadingBatch
from simulators.scenario import load_scenario

ROOT = Path(__file__).parents[2]
START_MS = 1_764_043_200_000


@pytest.fixture(scope="module")
def plant() -> Plant:
    return load_plant(ROOT / "deploy" / "plant")


def alarms(
    plant: Plant, name: str, for_s: float, seed: int = 1, speed: float = 1.0
) -> Iterator[tuple[float, str, bool]]:
    """Logic points that begin or end to hold, in seconds from the start, as the service judges a scenario."""
    keys = [p.key for p in plant.points]
    number = {k: n for n, k in enumerate(keys)}
    logic = {d.key for d in plant.logic}
    watch = Watch(plant, lambda: keys)

    def feed(body: LogBody, time_ms: int) -> Iterator[tuple[float, str, bool]]:
        for change in watch.feed(Entry(1, time_ms, body)):
            for condition, active in change.flips:
                if change.point.key in logic and condition.word == "high":
                    yield (change.time_ms - START_MS) / 1000, change.point.id, active

    yield from feed(LimitsChanged(START_MS, dict(enumerate(p.checks for p in plant.points))), START_MS)
    tick_ms = START_MS
    for step in load_scenario(name).steps(START_MS, seed, speed):
        if step.due_s > for_s:
            return
        index = [number[key] for key, _, _ in step.readings()]
        batch = ReadingBatch.of(index, [step.time_ms] * len(index), step.value, step.quality)
        yield from feed(Readings(batch, step.time_ms), step.time_ms)
        if step.time_ms - tick_ms >= 1000:
            tick_ms = step.time_ms
            yield from feed(Tick(tick_ms), tick_ms)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_demo_stops_the_fan_and_gas_comes_and_the_leak_reaches_two_detectors(plant: Plant, seed: int) -> None:
    found = list(alarms(plant, "demo", 70.0, seed))
    assert {p for t, p, active in found if active and 10 < t < 30} == {"FAN-STOP-CH4", "GAS-2OO4"}
    assert {p for _, p, active in found if not active} == {"FAN-STOP-CH4", "GAS-2OO4"}, "and both end"


def test_the_interlock_of_the_simulated_face_works(plant: Plant) -> None:
    """Power is cut when methane says so: there is no feed anomaly in an outburst."""
    found = list(alarms(plant, "gas-outburst", 2400.0))
    assert {p for _, p, _ in found} == {"FAN-STOP-CH4"}
    assert [active for _, _, active in found] == [True, False]


def test_quiet_stays_quiet(plant: Plant) -> None:
    assert list(alarms(plant, "quiet", 3 * 86_400.0 / 300.0, speed=300.0)) == []
