"""Scenarios are deterministic, paced as they say, and complain about mistakes in one line."""

from itertools import islice, takewhile
from pathlib import Path

import numpy as np
import pytest

from hazards.quality import Quality
from simulators.errors import SimulatorError
from simulators.scenario import load_scenario, scenario_names
from simulators.step import Step

NOON_MS = 1_764_043_200_000  # 2025-11-25T04:00Z, noon in China


def rows(steps: list[Step]) -> list[tuple[int, str, float, int]]:
    """Flat and comparable: NaN becomes a word."""
    return [(s.time_ms, str(k), v if np.isfinite(v) else -999.0, q) for s in steps for k, v, q in s.readings()]


@pytest.mark.parametrize("name", scenario_names())
def test_the_same_seed_gives_the_same_readings(name: str) -> None:
    scenario = load_scenario(name)
    one, same, other = (rows(list(islice(scenario.steps(NOON_MS, seed), 300))) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("name", scenario_names())
def test_steps_come_in_order_and_cover_every_point(name: str) -> None:
    scenario = load_scenario(name)
    steps = list(takewhile(lambda s: s.due_s < 120.0, scenario.steps(NOON_MS)))
    assert [s.time_ms for s in steps] == sorted(s.time_ms for s in steps)
    assert all(s.due_s == pytest.approx((s.time_ms - NOON_MS) / 1000.0) for s in steps)
    assert {k for s in steps for k, _, _ in s.readings()} == set(scenario.points)
    n = sum(len(s) for s in steps)
    assert n == pytest.approx(scenario.readings_per_s * 120.0, rel=0.1)


def test_a_point_never_has_two_readings_of_one_time() -> None:
    seen = [(t, k) for t, k, _, _ in rows(list(islice(load_scenario("demo").steps(NOON_MS), 600)))]
    assert len(seen) == len(set(seen))


def test_speed_makes_the_plant_live_faster_and_not_the_readings_come_more_often() -> None:
    scenario = load_scenario("heavy-rain")

    def rain(speed: float) -> tuple[int, float]:
        steps = list(takewhile(lambda s: s.due_s <= 120.0, scenario.steps(NOON_MS, 1, speed)))
        return len(steps), max(v for _, k, v, _ in rows(steps) if k == "T001/RAIN-24H")

    slow, fast = rain(1.0), rain(600.0)
    assert slow[0] == fast[0]
    assert slow[1] < 3.0
    assert fast[1] > 100.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(SimulatorError, match="speed"):
        load_scenario("quiet").steps(NOON_MS, 1, speed)


def test_without_a_time_of_day_the_plant_takes_the_stamps(tmp_path: Path) -> None:
    """06:00 in China is the maintenance shift: the shearer stands."""
    morning_ms = NOON_MS - 4 * 3600 * 1000
    steps = takewhile(lambda s: s.due_s < 60.0, load_scenario("quiet").steps(morning_ms))
    assert {v for _, k, v, _ in rows(list(steps)) if k == "M001/MACHINE-01"} == {0.0}


SCENARIO = """
name = { zh = "试", en = "try" }
about = { zh = "试", en = "try" }
[[site]]
use = "coal-face"
"""


def test_faults_and_repetition(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "repeat_s = 20\n" + SCENARIO + '[[site.event]]\nat_s = 5\nfor_s = 3\nfault = "break"\npoint = "CH4-02"\n',
        encoding="utf-8",
    )
    steps = takewhile(lambda s: s.due_s < 40.0, load_scenario(file).steps(NOON_MS))
    bad = [(t - NOON_MS) // 1000 for t, k, _, q in rows(list(steps)) if k == "M001/CH4-02" and q == Quality.BAD]
    assert bad == [5, 6, 7, 25, 26, 27]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[site]", "is not TOML"),
        (SCENARIO.replace("name", "nam"), "key 'name' is missing"),
        (SCENARIO.replace("coal-face", "lake"), "use is 'lake'; give one of coal-face"),
        (SCENARIO + "pace = 0", "pace is 0; give a number above 0"),
        (SCENARIO + "pase = 1", "key 'pase' is not known"),
        (SCENARIO + "settings = { width = 3 }", "'width'"),
        (SCENARIO + "[[site.event]]\nat_s = 1\nfor_s = 1", "either incident or fault"),
        (SCENARIO + '[[site.event]]\nat_s = 1\nfor_s = 1\nincident = "flood"', "'flood'; a coal-face has belt-smoke"),
        (
            SCENARIO + '[[site.event]]\nat_s = 1\nfor_s = 1\nincident = "outburst"\nwith = { gas = 1 }',
            "no setting 'gas'",
        ),
        (SCENARIO + '[[site.event]]\nat_s = 1\nfor_s = 1\nfault = "lost"\npoint = "CH4-01"', "fault is 'lost'"),
        (SCENARIO + '[[site.event]]\nat_s = 1\nfor_s = 1\nfault = "stuck"\npoint = "CH4-99"', "'CH4-99' is not one"),
        (SCENARIO + '[[site]]\nuse = "coal-face"', "M001/CH4-01 belongs to two sites"),
        ('starts_at = "noon"\n' + SCENARIO, "give a time of day such as '14:00'"),
        ("site = 3\n" + SCENARIO.replace("[[site]]\nuse", "[x]\nuse"), "site is 3; give an array"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_remedy(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SimulatorError) as caught:
        load_scenario(file)
    message = str(caught.value)
    assert words in message
    assert str(file) in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["nonsense", "missing.toml", ""])
def test_a_scenario_that_is_not_there(name: str) -> None:
    with pytest.raises(SimulatorError, match="scenario"):
        load_scenario(name)
