"""derived.toml as people write it: what it becomes, and everything that can be wrong with it."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazards.catalogue import load_catalogue
from hazards.condition import Condition, Severity
from hazards.derivation import DEFAULT_STALE_MS, PARAMETERS, Derivation, Function, Input, order
from hazards.derived_toml import KEYS, parse_derived_toml
from hazards.mistakes import PlantError
from hazards.plant import Name, Plant, PointKey
from hazards.plant_files import load_plant

PLANT = """\
[[enterprise]]
id = "M001"
region = "140105"
[[enterprise.source]]
id = "face-1203"
type = "coal-mine"
[[enterprise]]
id = "T001"
region = "140923"
[[enterprise.source]]
id = "pond-1"
type = "tailings-pond"
"""
POINTS = """\
enterprise,source,point,kind,placement,unit,no_data_after
M001,face-1203,CH4-03,ch4,T2,,
M001,face-1203,CH4-04,ch4,T3,,
M001,face-1203,WIND-01,wind-speed,face,,
M001,face-1203,GRID-01,co,face-return,ppm,-
T001,pond-1,POND-01,pond-level,,,
T001,pond-1,GNSS-01,displacement,surface,mm,
"""
FLOW = """\
[[derived]]
enterprise = "M001"
source = "face-1203"
point = "CH4-FLOW-01"
kind = "ch4-flow"
function = "product"
inputs = ["CH4-03", "WIND-01"]
factor = 6.6
"""
CH4 = 'kind = "ch4"\nplacement = "T2"\ninputs = ["CH4-03"]\n'
ELAPSED = 'kind = "elapsed"\nfunction = "time-since-change"\ninputs = ["CH4-03"]\n'
HEAD = '[[derived]]\nenterprise = "M001"\nsource = "face-1203"\npoint = "D-01"\n'

Load = Callable[..., Plant]
Said = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_files(derived: str, points: str = POINTS, **more: str) -> Plant:
        texts = {"plant.toml": PLANT, "points.csv": points, "derived.toml": derived}
        texts |= {f"{name}.toml": text for name, text in more.items()}
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return load_plant(tmp_path)

    return load_files


@pytest.fixture
def said(load: Load, tmp_path: Path) -> Said:
    """What is said about a derived.toml that is wrong, without the folder."""

    def mistakes_in(derived: str, points: str = POINTS) -> list[str]:
        with pytest.raises(PlantError) as caught:
            load(derived, points)
        assert all(m.in_language("zh") for m in caught.value.mistakes)
        return [str(m).removeprefix(f"{tmp_path}/") for m in caught.value.mistakes]

    return mistakes_in


def key(point: str, enterprise: str = "M001") -> PointKey:
    return PointKey(enterprise, point)


# What files become


def test_a_derived_point_is_a_point_like_any_other(load: Load) -> None:
    plant = load(
        FLOW + 'unit = "m3/min"\nname = { zh = "风排瓦斯量", en = "Methane in the return" }\nhigh = 5\nrate = "1/h"\n'
    )
    point = plant.points[-1]
    assert (point.key, point.kind, point.unit) == (key("CH4-FLOW-01"), "ch4-flow", "m3/min")
    assert point.name == Name("风排瓦斯量", "Methane in the return")
    assert (point.checks.high, point.checks.rate_per_s) == (5.0, 1 / 3600)
    assert point.standards[Condition.HIGH] == "derived.toml"
    assert point.severities[Condition.HIGH] is Severity.ORANGE
    assert plant.derivations == (
        Derivation(
            key("CH4-FLOW-01"),
            Function.PRODUCT,
            (Input(key("CH4-03"), 60_000, -0.1, 106.25), Input(key("WIND-01"), 60_000)),
            factor=6.6,
        ),
    )
    assert point not in plant.measured
    assert len(plant.measured) == len(plant.points) - 1


def test_the_catalogue_fills_what_is_not_said(load: Load) -> None:
    text = HEAD + 'kind = "graham-ratio"\nfunction = "ratio"\ninputs = ["GRID-01", "CH4-03"]\ndenominator_min = 0.3\n'
    plant = load(text.replace('"M001"', '"M001"'))
    point = plant.points[-1]
    assert (point.checks.high, point.checks.high_high, point.unit) == (0.5, 1.0, "%")
    assert point.standards[Condition.HIGH] == "Graham's ratio bands (unconfirmed)"
    assert point.name.en == "Graham's ratio"
    (derivation,) = plant.derivations
    assert derivation.denominator_min == 0.3
    # GRID-01 has no no_data_after.
    assert [i.stale_after_ms for i in derivation.inputs] == [DEFAULT_STALE_MS, 60_000]


def test_every_parameter(load: Load) -> None:
    pond = '[[derived]]\nenterprise = "T001"\nsource = "pond-1"\n'
    text = (
        pond + 'point = "V-1D"\nkind = "displacement-rate"\nfunction = "rate"\ninputs = ["GNSS-01"]\nwindow = "1d"\n'
        'per = "d"\nstale_after = "2h"\n'
        + pond + 'point = "MOVED"\nkind = "displacement"\nfunction = "change-since"\ninputs = ["GNSS-01"]\n'
        "since = 2026-01-01\nconstant = 1.5\n"
        + pond + 'point = "STILL"\nkind = "elapsed"\nunit = "h"\nfunction = "time-since-change"\ninputs = ["GNSS-01"]\n'
        'per = "h"\nband = 0.5\n'
        + pond + 'point = "MANY"\nkind = "events"\nfunction = "window-count"\ninputs = ["GNSS-01"]\nwindow = "7d"\n'
        'at_least = 20\nincomplete = "no-value"\n'
        + pond + 'point = "FB"\nkind = "freeboard"\nplacement = "class-3"\nfunction = "linear"\ninputs = ["POND-01"]\n'
        "coefficients = [-1]\nconstant = 1190.0\nlow = \"-\"\n"
    )  # fmt: skip
    rate, since, still, many, freeboard = load(text).derivations
    assert (rate.window_ms, rate.per_ms, rate.inputs[0].stale_after_ms) == (86_400_000, 86_400_000, 7_200_000)
    assert since.since_ms == 1_767_196_800_000  # midnight in Beijing
    assert (since.constant, still.per_ms, still.band) == (1.5, 3_600_000, 0.5)
    assert (many.at_least, many.incomplete, many.window_ms) == (20.0, "no-value", 7 * 86_400_000)
    assert (freeboard.coefficients, freeboard.constant) == ((-1.0,), 1190.0)


@pytest.mark.parametrize(
    ("written", "since_ms"),
    [
        ("2026-01-01T08:00:00+08:00", 1_767_225_600_000),
        ("2026-01-01T08:00:00", 1_767_225_600_000),
        ('"2026-01-01"', 1_767_196_800_000),
        ('"2026-01-01T00:00:00Z"', 1_767_225_600_000),
    ],
)
def test_a_date(load: Load, written: str, since_ms: int) -> None:
    plant = load(
        HEAD + f'kind = "ch4"\nplacement = "T2"\nfunction = "change-since"\ninputs = ["CH4-03"]\nsince = {written}\n'
    )
    assert plant.derivations[0].since_ms == since_ms


def test_derived_points_may_use_each_other_and_logic_may_use_them(load: Load) -> None:
    upper = FLOW.replace("CH4-FLOW-01", "DOUBLE").replace(
        '["CH4-03", "WIND-01"]', '["CH4-FLOW-01", "M001/CH4-FLOW-01"]'
    )
    upper = upper.replace("product", "sum") + 'unit = "m3/min"\n'
    logic = (
        '[[logic]]\nenterprise = "M001"\nsource = "face-1203"\npoint = "L-01"\nwhen = "DOUBLE:high and CH4-03:high"\n'
    )
    plant = load(upper + FLOW + "high = 5\n" + "", logic=logic.replace("DOUBLE", "CH4-FLOW-01"))
    assert [[d.key.point for d in level] for level in order(plant.derivations)] == [["CH4-FLOW-01"], ["DOUBLE"]]
    assert plant.derivations[0].inputs[0].stale_after_ms == 300_000, "the no_data_after of ch4-flow"
    assert [p.id for p in plant.points[-3:]] == ["DOUBLE", "CH4-FLOW-01", "L-01"]


# What can be wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[derived]\n", "derived.toml line 1, column 10: not TOML: Expected ']]' at the end of an array declaration"),
        ("[derived]\n", "derived.toml line 1, derived: derived is a table; write it as [[derived]], one for each"),
        ("[[derivd]]\n", "derived.toml line 1, derivd: there is no key derivd; remove it; the keys here are derived"),
        (
            FLOW.replace("CH4-03", "CH4-3"),
            "line 7, inputs (M001/CH4-FLOW-01): there is no point CH4-3; did you mean CH4-03?",
        ),
        (FLOW.replace("CH4-03", "X"), "there is no point X; add it to points.csv or here;"),
        (FLOW.replace("CH4-03", "T001/X"), "there is no point T001/X; add it to points.csv or here;"),
        (
            FLOW.replace("CH4-03", "CH4-FLOW-01"),
            "in a circle: M001/CH4-FLOW-01 -> M001/CH4-FLOW-01; take one of them out",
        ),
        (FLOW.replace("CH4-FLOW-01", "CH4-04"), "line 4, point (M001/CH4-04): CH4-04 is a measuring point already"),
        (FLOW + FLOW, "line 12, point (M001/CH4-FLOW-01): the id CH4-FLOW-01 is used in line 4 already"),
        (
            FLOW.replace("product", "ratio").replace(', "WIND-01"', ""),
            "ratio takes 2 inputs, here are 1; give 2 inputs",
        ),
        (
            FLOW.replace("product", "produkt"),
            "line 6, function (M001/CH4-FLOW-01): there is no function produkt; did you",
        ),
        (FLOW.replace("product", "cubic"), "there is no function cubic; take one of difference, sum, product"),
        (
            FLOW.replace("ch4-flow", "ch4flow"),
            "line 5, kind (M001/CH4-FLOW-01): there is no kind ch4flow; did you mean ch4-flow?",
        ),
        (FLOW + 'placement = "T1"\n', "placement (M001/CH4-FLOW-01): the kind ch4-flow has no placements"),
        (
            FLOW + 'unit = "m/s"\n',
            "line 9, unit (M001/CH4-FLOW-01): ch4-flow is not measured in m/s; give m3/min, m3/h",
        ),
        (
            FLOW + 'window = "1h"\n',
            "line 9, window (M001/CH4-FLOW-01): window means nothing to product; remove it; product takes factor, ",
        ),
        (FLOW + "hihg = 5\n", "line 9, hihg (M001/CH4-FLOW-01): there is no key hihg; did you mean high?"),
        (FLOW + 'high = "5,0"\n', "line 9, high (M001/CH4-FLOW-01): 5,0 is not a number"),
        (FLOW + "high = true\n", "high is true or false; give a number such as 1.5"),
        (FLOW + "high = 5\nhigh_clear = 6\n", "line 10, high_clear (M001/CH4-FLOW-01): high_clear 6 is above high 5"),
        (FLOW + 'stale_after = "2 minuten"\n', "2 minuten is not a duration; give a number with its unit, such as 2m"),
        (FLOW + "stale_after = 60\n", "60 is not a duration"),
        (FLOW.replace("6.6", '"6.6"'), 'factor is the text "6.6"; give a number such as 60.0'),
        (
            FLOW.replace('["CH4-03", "WIND-01"]', '"CH4-03"'),
            'inputs is the text "CH4-03"; write it as ["CH4-03", "WIND-01"]',
        ),
        (FLOW.replace('"CH4-03"', '"CH4 03"'), "inputs is a list; write it as"),
        (
            FLOW.replace('enterprise = "M001"\n', ""),
            "line 1 (CH4-FLOW-01): enterprise is missing; add it, such as enterprise = ",
        ),
        (FLOW.replace('"M001"', '"M002"'), "plant.toml has no enterprise M002"),
        (FLOW.replace("face-1203", "face-1204"), "plant.toml has no source face-1204 in M001"),
        (FLOW.replace("CH4-FLOW-01", "CH4 FLOW"), '"CH4 FLOW" cannot be an id'),
        (FLOW + "lat = 137.8\n", "137.8 is no lat in degrees"),
        (FLOW + "name = 3\n", "name is the number 3; write it as"),
        (
            HEAD + 'kind = "ch4"\nplacement = "T2"\nfunction = "max"\ninputs = ["CH4-03", "WIND-01"]\n',
            "line 8, inputs (M001/D-01): the inputs are in %CH4, m/s, and max needs one unit",
        ),
        (
            HEAD + 'kind = "ch4-flow"\nfunction = "max"\ninputs = ["CH4-03", "CH4-04"]\n',
            "the result is in %CH4, the point in m3/min",
        ),
        (
            HEAD + CH4 + 'function = "rate"\nwindow = "1h"\nper = "h"\n',
            'the result is in %CH4/h, the point in %CH4; give unit = "%CH4/h"',
        ),
        (HEAD + ELAPSED + 'per = "h"\n', "the result is in h, the point in s; give unit"),
        (
            HEAD + CH4 + 'function = "rate"\nper = "h"\n',
            "line 1 (M001/D-01): window is missing; add it, such as window = ",
        ),
        (HEAD + CH4 + 'function = "change"\nwindow = "0s"\n', "0s is no window; give more than zero"),
        (HEAD + ELAPSED + 'per = "hour"\n', "there is no per hour; take one of s, min, h, d"),
        (
            HEAD + CH4 + 'function = "change-since"\nsince = "1.1.2026"\n',
            "1.1.2026 is not a date; write it as 2026-01-01",
        ),
        (HEAD + CH4 + 'function = "linear"\ncoefficients = [1, 2]\n', "there are 2 coefficients for 1 inputs"),
        (
            HEAD + CH4 + 'function = "linear"\ncoefficients = 1\n',
            "coefficients is the number 1; write it as [1.0, -1.0]",
        ),
        (
            HEAD + CH4 + 'function = "window-mean"\nwindow = "1h"\nincomplete = "none"\n',
            "there is no incomplete none; take one of uncertain, no-value",
        ),
        (HEAD + ELAPSED + 'per = "s"\nband = -1\n', "-1 is below zero"),
    ],
)
def test_a_mistake_is_said_with_its_place_and_its_remedy(said: Said, text: str, expected: str) -> None:
    mistakes = said(text)
    assert any(expected in mistake for mistake in mistakes), mistakes
    assert len(mistakes) == 1, mistakes


def test_all_mistakes_at_once_in_the_order_of_the_lines(said: Said) -> None:
    upper = FLOW.replace("CH4-FLOW-01", "CH4-FLOW-02").replace("CH4-03", "CH4-FLOW-03")
    lower = FLOW.replace("CH4-FLOW-01", "CH4-FLOW-03").replace("CH4-03", "CH4-FLOW-02") + 'per = "h"\nfactr = 1\n'
    mistakes = said(FLOW.replace("WIND-01", "WIND-10") + upper + lower)
    assert [m.split(":")[0] for m in mistakes] == [
        "derived.toml line 7, inputs (M001/CH4-FLOW-01)",
        "derived.toml line 25, per (M001/CH4-FLOW-03)",
        "derived.toml line 26, factr (M001/CH4-FLOW-03)",
    ]


def test_a_circle_of_two_is_named(said: Said) -> None:
    upper = FLOW.replace("CH4-FLOW-01", "A").replace("CH4-03", "B")
    (mistake,) = said(upper + FLOW.replace("CH4-FLOW-01", "B").replace("CH4-03", "A"))
    assert "circle: M001/A -> M001/B -> M001/A;" in mistake


def test_inputs_are_not_blamed_for_mistakes_of_points_csv(said: Said) -> None:
    mistakes = said(FLOW, POINTS.replace("ch4,T2", "ch5,T2"))
    assert [m.split(" ")[0] for m in mistakes] == ["points.csv"]


@given(st.text(max_size=200) | st.text(FLOW + '[]{}="\n', max_size=200).map(lambda tail: FLOW + tail))
def test_no_text_is_too_strange(text: str) -> None:
    parse_derived_toml(text, "derived.toml", None, None, load_catalogue())


def test_the_page_names_every_key_and_function() -> None:
    page = (Path(__file__).parents[2] / "docs" / "derived.md").read_text("utf-8")
    assert [word for word in (*KEYS[:22], *Function) if f"`{word}`" not in page] == []


def test_a_derivation_that_cannot_be_is_refused() -> None:
    a, b = Input(key("A")), Input(key("B"))
    for wrong in (
        lambda: Derivation(key("D"), Function.RATIO, (a,)),
        lambda: Derivation(key("D"), Function.LINEAR, (a, b), (1.0,)),
        lambda: Derivation(key("D"), Function.CHANGE, (a,)),
        lambda: Derivation(key("D"), Function.RATE, (a,), window_ms=1, per_ms=0),
    ):
        with pytest.raises(ValueError, match="M001/D"):
            wrong()
    assert set(PARAMETERS) == set(Function)
    assert math.isnan(Derivation(key("D"), Function.RATIO, (a, b)).denominator_min)
