"""Each template, from a plant's files to its alarm: when it comes, and what keeps it away."""

from pathlib import Path

import pytest

from hazards.logic_templates import load_templates
from hazards.plant import Plant
from hazards.plant_files import load_plant
from tests.support.logic_story import LogicStory

PLANT = """\
[[enterprise]]
id = "M001"
region = "140105"
[[enterprise.source]]
id = "s"
type = "coal-mine"
"""
COLUMNS = "enterprise,source,point,kind,placement,low,high,low_low,high_high,rate,rate_window,on_delay,off_delay"

# Inputs of a template: kind and placement; cells low, high, low_low, high_high, rate; a value at which the input plays
# its part in the alarm, and one at which it does not. Behind them, inputs of which one is enough.
CH4 = ("ch4,T1", ",,,,")
FAN, FEED, DUCT = ("fan,main-fan", ",,,,"), ("feed,", ",,,,"), ("duct,", ",,,,")
DIFFERENCE = ("ch4,T1", "-0.1,-,,-,")
LEVEL = ("level,", "1.5,8,1,9,")
PUMP = ("machine,", ",1,,,")

CASES = {
    "fan-stopped-and-ch4-rising": (0, {"fan": [(*FAN, 0, 1)], "ch4": [("ch4,T1", ",,,,0.5/min", 0.9, 0.2)]}, ()),
    "wind-reversal": (20, {"direction": [("wind-direction,", ",,,,", 0, 1)], "fan": [(*FAN, 1, 0)]}, ()),
    "both-air-doors-open": (0, {"doors": [("air-door,", ",,,,", 1, 0), ("air-door,", ",,,,", 1, 0)]}, ()),
    "series-ventilation": (
        40,
        {"upstream": [(*CH4, 1.1, 0.1)], "intake": [("ch4,T4", ",,,,", 0.6, 0.1)], "feed": [(*FEED, 1, 0)]},
        ("upstream", "intake"),
    ),
    "feed-present-after-cut": (40, {"cut": [(*CH4, 1.6, 1.2)], "feed": [(*FEED, 1, 0)]}, ()),
    "feed-lost-without-cut": (40, {"feed": [(*FEED, 0, 1)], "cut": [("breaker,", "0,,,,", 1, 0)]}, ()),
    "power-without-air": (22, {"air": [(*DUCT, 0, 1), (*FAN, 0, 1)], "feed": [(*FEED, 1, 0)]}, ("air",)),
    "t1-below-t2": (
        600,
        {"difference": [(*DIFFERENCE, -0.1, 0.3)], "wind": [("wind-speed,face", ",,,,", 1.2, 0.1)]},
        (),
    ),
    "t2-above-t0-and-t1": (
        600,
        {"t0_t2": [(*DIFFERENCE, -0.1, 0.3)], "t1_t2": [(*DIFFERENCE, -0.1, 0.3)], "wind": [(*FAN, 1, 0)]},
        (),
    ),
    "two-of-several": (0, {"points": [(*CH4, 1.1, 0.1), (*CH4, 1.1, 0.1)]}, ()),
    "tank-high-while-filling": (30, {"level": [(*LEVEL, 8.2, 5)], "filling": [(*PUMP, 1, 0)]}, ()),
    "pump-running-at-low-level": (30, {"level": [(*LEVEL, 0.9, 5)], "pump": [(*PUMP, 1, 0)]}, ()),
}


def point_id(name: str, i: int) -> str:
    return f"{name}-{i}".replace("_", "-")


@pytest.fixture(params=CASES)
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def plant(template: str, tmp_path: Path) -> Plant:
    _, inputs, _ = CASES[template]
    rows, named = [COLUMNS], []
    for name, points in inputs.items():
        for i, (kind, cells, *_) in enumerate(points):
            rows.append(f"M001,s,{point_id(name, i)},{kind},{cells},1s,0s,0s")
        named.append(f"{name} = [" + ", ".join(f'"{point_id(name, i)}"' for i in range(len(points))) + "]")
    logic = (
        f'[[logic]]\nenterprise = "M001"\nsource = "s"\npoint = "L"\ntemplate = "{template}"\n'
        f"points = {{ {', '.join(named)} }}\n"
    )
    for file, text in (("plant.toml", PLANT), ("points.csv", "\n".join(rows) + "\n"), ("logic.toml", logic)):
        (tmp_path / file).write_text(text, encoding="utf-8")
    return load_plant(tmp_path)


def run(plant: Plant, template: str, spared: str = "") -> list[str]:
    """All inputs play no part; from 10 s on all but the spared one do. What the logic point says until well after."""
    delay_s, inputs, _ = CASES[template]
    story, found = LogicStory(plant), []
    for t in (0, 5, *range(10, 30 + delay_s, 5)):
        values = {
            point_id(name, i): (on if t >= 10 and name != spared else off)
            for name, points in inputs.items()
            for i, (*_, on, off) in enumerate(points)
        }
        found += story.say(t, **values)
        found += story.tick(t)
    return [line for line in found if line.startswith("L:")]


def test_every_template_has_a_case() -> None:
    assert set(CASES) == set(load_templates())


def test_it_alarms_after_its_delay(plant: Plant, template: str) -> None:
    found = run(plant, template)
    assert found[:1] == [f"L:high on {10 + CASES[template][0]}"]


def test_each_input_counts(plant: Plant, template: str) -> None:
    """Without any one of them there is no alarm; where one of several is enough, one of them may be missing."""
    _, inputs, enough = CASES[template]
    for name in inputs:
        alarms = len(run(plant, template, spared=name)) > 0
        assert alarms == (name in enough and len(enough) > 1), name
