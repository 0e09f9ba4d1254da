"""logic.toml as people write it: what it becomes, everything that can be wrong with it, and the templates."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hazards.catalogue import load_catalogue
from hazards.condition import Condition, Severity
from hazards.logic import And, LogicPoint, Not, Or, Term, Vote, levels
from hazards.logic_expression import ExpressionError, parse_expression
from hazards.logic_templates import fill, load_templates
from hazards.mistakes import Mistake, PlantError
from hazards.plant import Name, Plant, PointKey
from hazards.plant_files import load_plant

POINTS = """\
enterprise,source,point,kind,placement,rate,high,no_data_after
M001,face-1203,CH4-01,ch4,T1,0.5/min,,
M001,face-1203,CH4-02,ch4,T0,,,
M001,face-1203,FAN-01,fan,main-fan,,,
M001,face-1203,FEED-01,feed,,,,
M001,face-1203,MUTE-01,ch4,T1,,,-
M001,tanks,PUMP-01,machine,,,1,
"""
PLANT = """\
[[enterprise]]
id = "M001"
region = "140105"
[[enterprise.source]]
id = "face-1203"
type = "coal-mine"
[[enterprise.source]]
id = "tanks"
type = "tank-farm"
"""
HEAD = '[[logic]]\nenterprise = "M001"\nsource = "face-1203"\npoint = "L-01"\n'
CATALOGUE = load_catalogue()
TEMPLATES = load_templates()

Load = Callable[[str], Plant]


def key(point: str) -> PointKey:
    return PointKey("M001", point)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load_files(logic: str, points: str = POINTS) -> Plant:
        for name, text in (("plant.toml", PLANT), ("points.csv", points), ("logic.toml", logic)):
            (tmp_path / name).write_text(text, encoding="utf-8")
        return load_plant(tmp_path)

    return load_files


@pytest.fixture
def mistakes(load: Load) -> Callable[[str], tuple[Mistake, ...]]:
    def mistakes_in(logic: str) -> tuple[Mistake, ...]:
        with pytest.raises(PlantError) as caught:
            load(logic)
        return caught.value.mistakes

    return mistakes_in


# What it becomes


def test_a_template_brings_name_severity_delays_and_clause(load: Load) -> None:
    plant = load(HEAD + 'template = "fan-stopped-and-ch4-rising"\npoints = { fan = "FAN-01", ch4 = "CH4-01" }\n')
    point = plant.points[-1]
    assert (point.key, point.kind, point.placement) == (key("L-01"), "logic", "fan-stopped-and-ch4-rising")
    assert point.name == Name("停风且甲烷上升", "fan stopped and methane rising")
    assert (point.checks.high, point.checks.on_delay_ms, point.checks.off_delay_ms) == (1.0, 0, 30_000)
    assert point.severities[Condition.HIGH] is Severity.RED
    assert point.standards[Condition.HIGH] == "AQ 6201-2019 logic alarm (unconfirmed)"
    (logic,) = plant.logic
    assert logic == LogicPoint(
        key("L-01"), And((Term(key("FAN-01"), Condition.LOW), Term(key("CH4-01"), Condition.RATE)))
    )
    assert [p.id for p in plant.measured] == ["CH4-01", "CH4-02", "FAN-01", "FEED-01", "MUTE-01", "PUMP-01"]


def test_the_plant_has_the_last_word(load: Load) -> None:
    plant = load(
        HEAD + 'template = "feed-present-after-cut"\npoints = { cut = ["CH4-01", "CH4-02:high"], feed = "FEED-01" }\n'
        'name = "馈电"\nseverity = "orange"\non_delay = "5s"\noff_delay = "1m"\nstandard = "design 7.3"\n'
        'guidance = { zh = "断电", en = "cut" }\n'
    )
    point = plant.points[-1]
    assert point.name == Name("馈电", "馈电")
    assert (point.checks.on_delay_ms, point.checks.off_delay_ms) == (5_000, 60_000)
    assert point.severities[Condition.HIGH] is Severity.ORANGE
    assert point.standards[Condition.HIGH] == "design 7.3"
    assert point.guidance == {Condition.HIGH: Name("断电", "cut")}
    assert str(plant.logic[0].when) == "((M001/CH4-01:high_high or M001/CH4-02:high) and not M001/FEED-01:low)"


def test_an_expression_of_ones_own(load: Load) -> None:
    plant = load(HEAD + 'when = "2 of (CH4-01:high, CH4-02:high, M001/FAN-01:low)"\n')
    assert plant.points[-1].standards[Condition.HIGH] == "logic.toml"
    assert plant.points[-1].checks.no_data_after_ms == 0
    assert isinstance(plant.logic[0].when, Vote)


def test_logic_on_logic(load: Load) -> None:
    second = HEAD.replace("L-01", "L-02") + 'when = "L-01:high and not L-01:fault"\n'
    plant = load(second + HEAD + 'when = "CH4-01:high"\n')
    assert [[p.key.point for p in level] for level in levels(plant.logic)] == [["L-01"], ["L-02"]]


def test_a_plant_without_logic_is_as_before(load: Load, tmp_path: Path) -> None:
    assert load("").logic == ()
    (tmp_path / "logic.toml").unlink()
    plant = load_plant(tmp_path)
    assert (plant.logic, plant.measured) == ((), plant.points)


# Expressions


def a(point: str, condition: Condition = Condition.HIGH) -> Term:
    return Term(key(point), condition)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A:high", a("A")),
        (" A:HIGH ", a("A")),
        ("C001/A:low_low", Term(PointKey("C001", "A"), Condition.LOW_LOW)),
        ("A:high and B:high and C:high", And((a("A"), a("B"), a("C")))),
        ("A:high OR (B:high and not C:high)", Or((a("A"), And((a("B"), Not(a("C"))))))),
        ("not not A:high", a("A")),
        ("not (A:high or B:high)", Not(Or((a("A"), a("B"))))),
        ("2 of (A:high, B:high or C:high)", Vote(2, (a("A"), Or((a("B"), a("C")))))),
        ("1 of (2 of (A:high, B:high), C:high)", Vote(1, (Vote(2, (a("A"), a("B"))), a("C")))),
        ("and:high and of:high", And((a("and"), a("of")))),
        ("T.1_2-3:fault", a("T.1_2-3", Condition.FAULT)),
        ("2:high", a("2")),
    ],
)
def test_expressions(text: str, expected: object) -> None:
    assert parse_expression(text, "M001") == expected


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("", "logic-term-end", 1),
        ("A:high and", "logic-term-end", 11),
        ("A:high B:high", "logic-operator", 8),
        ("A:high && B:high", "logic-character", 8),
        ("A:high and or B:high", "logic-term", 12),
        ("A and B", "logic-term", 1),
        ("(A:high", "logic-close-end", 8),
        ("(A:high,B:high)", "logic-close", 8),
        ("A:high)", "logic-operator", 7),
        ("A:high and B:high or C:high", "logic-mixed", 19),
        ("A:hihg", "logic-condition-near", 1),
        ("A:broken", "logic-condition", 1),
        ("2 of A:high", "logic-vote", 6),
        ("2 (A:high)", "logic-vote", 3),
        ("2", "logic-vote-end", 2),
        ("2 of (A:high; B:high)", "logic-character", 13),
        ("2 of (A:high B:high)", "logic-vote-close", 14),
        ("2 of (A:high, B:high", "logic-vote-close-end", 21),
        ("3 of (A:high, B:high)", "logic-vote-size", 1),
        ("0 of (A:high, B:high)", "logic-vote-size", 1),
        ("99999999999999999999 of (A:high)", "logic-vote-size", 1),
        ("2 of (A:high, A:high)", "logic-vote-twice", 1),
        ("(" * 30 + "A:high" + ")" * 30, "logic-deep", 20),
        ("__import__('os')", "logic-character", 12),
    ],
)
def test_what_is_wrong_with_an_expression(text: str, code: str, at: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, "M001")
    assert (caught.value.code, caught.value.at) == (code, at)
    mistake = Mistake(code, "logic.toml", 5, "when", "M001/L-01", {"at": str(at), **caught.value.facts})
    assert mistake.in_language("zh") != mistake.in_language("en")


_leaves = st.builds(Term, st.builds(PointKey, st.sampled_from(["M001", "C001"]), st.sampled_from("ABC")),
                    st.sampled_from(Condition))  # fmt: skip


@given(
    st.recursive(
        _leaves,
        lambda part: st.one_of(
            st.lists(part, min_size=2, max_size=3).map(lambda of: And(tuple(of))),
            st.lists(part, min_size=2, max_size=3).map(lambda of: Or(tuple(of))),
            st.lists(part, min_size=1, max_size=3, unique_by=str).map(lambda of: Vote(1, tuple(of))),
            part.filter(lambda p: not isinstance(p, Not)).map(Not),
        ),
        max_leaves=6,
    )
)
def test_an_expression_is_what_its_text_says(expression: object) -> None:
    assert parse_expression(str(expression), "X") == expression


@given(st.text(alphabet="AB:hig() ,notdr2f/é\n", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_expression(text, "M001")
    except ExpressionError as error:
        assert 1 <= error.at <= len(text) + 1
        str(Mistake(error.code, "logic.toml", facts={"at": str(error.at), **error.facts}))


# Everything that can be wrong


@pytest.mark.parametrize(
    ("logic", "code", "line", "column"),
    [
        ('[[logic]\n', "toml-syntax", 1, "column 8"),
        ('[logic]\nwhen = "A:high"\n', "wrong-type", 1, "logic"),
        ('[[rule]]\n', "unknown-key", 1, "rule"),
        (HEAD + 'when = "CH4-01:high"\nwehn = 1\n', "unknown-key-near", 6, "wehn"),
        (HEAD + 'when = 7\n', "wrong-type", 5, "when"),
        (HEAD, "logic-when-or-template", 1, ""),
        (HEAD + 'when = "CH4-01:high"\ntemplate = "two-of-several"\n', "logic-when-or-template", 5, "when"),
        (HEAD + 'when = "CH4-01:high"\npoints = {}\n', "logic-points-alone", 6, "points"),
        (HEAD.replace("M001", "M002") + 'when = "M001/CH4-01:high"\n', "unknown-enterprise", 2, "enterprise"),
        (HEAD.replace("1203", "1204") + 'when = "CH4-01:high"\n', "unknown-source", 3, "source"),
        (HEAD.replace("L-01", "L 01") + 'when = "CH4-01:high"\n', "bad-id", 4, "point"),
        (HEAD.replace("L-01", "CH4-01") + 'when = "CH4-02:high"\n', "logic-taken", 4, "point"),
        ((HEAD + 'when = "CH4-02:high"\n') * 2, "duplicate-id", 9, "point"),
        ('[[logic]]\nenterprise = "M001"\nsource = "tanks"\nwhen = "CH4-01:high"\n', "missing-key", 1, ""),
        (HEAD + 'when = "CH4-1:high"\n', "unknown-near", 5, "when"),
        (HEAD + 'when = "ZZZ:high"\n', "logic-unknown-point", 5, "when"),
        (HEAD + 'when = "CH4-02:rate"\n', "logic-check-off", 5, "when"),
        (HEAD + 'when = "FAN-01:high"\n', "logic-check-off", 5, "when"),
        (HEAD + 'when = "MUTE-01:high"\n', "logic-input-silent", 5, "when"),
        (HEAD + 'when = "CH4-01:high and"\n', "logic-term-end", 5, "when"),
        (HEAD + 'when = "CH4-01:high"\non_delay = "10"\n', "logic-duration", 6, "on_delay"),
        (HEAD + 'when = "CH4-01:high"\noff_delay = 10\n', "wrong-type", 6, "off_delay"),
        (HEAD + 'when = "CH4-01:high"\nseverity = "readd"\n', "unknown-near", 6, "severity"),
        (HEAD + 'when = "CH4-01:high"\nname = { fr = "x" }\n', "wrong-type", 6, "name"),
        (HEAD + 'when = "L-01:high"\n', "logic-circle", 1, ""),
        (HEAD + 'when = "L-02:rate"\n' + HEAD.replace("L-01", "L-02") + 'when = "CH4-01:high"\n',
         "logic-of-logic", 5, "when"),
        (HEAD + 'template = "fan-stopped-and-ch4-risin"\n', "unknown-near", 5, "template"),
        (HEAD + 'template = "two-of-several"\n', "missing-key", 1, ""),
        (HEAD + 'template = "two-of-several"\npoints = "CH4-01"\n', "wrong-type", 6, "points"),
        (HEAD + 'template = "two-of-several"\npoints = { points = [1] }\n', "wrong-type", 6, "points"),
        (HEAD + 'template = "two-of-several"\npoints = { points = [] }\n', "wrong-type", 6, "points"),
        (HEAD + 'template = "two-of-several"\npoints = { points = ["CH4-01"] }\n', "logic-vote-size", 6, "points"),
        (HEAD + 'template = "fan-stopped-and-ch4-rising"\npoints = { fan = "FAN-01" }\n',
         "logic-input-missing", 6, "points"),
        (HEAD + 'template = "fan-stopped-and-ch4-rising"\npoints = { fan = ["FAN-01", "FAN-02"], ch4 = "CH4-01" }\n',
         "logic-input-single", 6, "points"),
        (HEAD + 'template = "fan-stopped-and-ch4-rising"\npoints = { fan = "FEED-01", ch4 = "CH4-01" }\n',
         "logic-input-kind", 6, "points"),
    ],
)  # fmt: skip
def test_each_mistake_names_its_place(
    mistakes: Callable[[str], tuple[Mistake, ...]], logic: str, code: str, line: int, column: str
) -> None:
    (mistake,) = mistakes(logic)
    assert (mistake.code, mistake.line, mistake.column) == (code, line, column)
    assert mistake.file.endswith("logic.toml")
    assert re.search(r"[一-鿿]", mistake.in_language("zh"))


def test_all_mistakes_at_once_in_the_order_of_the_lines(mistakes: Callable[[str], tuple[Mistake, ...]]) -> None:
    logic = (
        HEAD.replace("L-01", "L-9") + 'when = "L-8:high"\n'
        + HEAD.replace("L-01", "L-8") + 'when = "L-9:high"\nseverity = "pink"\n'
        + HEAD + 'when = "CH4-02:rate and NO-1:low and (CH4-01:low)"\non_delay = "soon"\n'
    )  # fmt: skip
    found = mistakes(logic)
    assert [m.code for m in found] == [
        "logic-circle", "unknown", "logic-check-off", "logic-unknown-point", "logic-check-off", "logic-duration",
    ]  # fmt: skip
    assert str(found[0]).endswith(
        "logic points depend on each other in a circle: M001/L-9 -> M001/L-8 -> M001/L-9; take one of them out of the "
        "other's expression"
    )
    assert str(found[2]).endswith(
        "line 16, when (M001/L-01): CH4-02 has no check rate, so the term could never be true; give the limit in "
        "points.csv, or take one of high, high_high, no_data, fault"
    )


def test_where_points_csv_is_wrong_terms_are_not(load: Load) -> None:
    with pytest.raises(PlantError) as caught:
        load(HEAD + 'when = "CH4-09:high"\n', POINTS + "M001,face-1203,CH4-09,ch5,,,,\n")  # type: ignore[call-arg]
    assert [m.file.rpartition("/")[2] for m in caught.value.mistakes] == ["points.csv"]


# Templates


def test_the_logic_alarms_of_the_standard_are_there() -> None:
    """Those that AQ 6201-2019 and AQ 1029-2019 are said to ask for, and what goes with them."""
    assert set(TEMPLATES) == {
        "fan-stopped-and-ch4-rising", "feed-present-after-cut", "feed-lost-without-cut", "t1-below-t2",
        "t2-above-t0-and-t1", "series-ventilation", "power-without-air", "both-air-doors-open", "wind-reversal",
        "two-of-several", "tank-high-while-filling", "pump-running-at-low-level",
    }  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=str)
def test_every_template_can_be_read_and_says_what_it_needs(template: object) -> None:
    template = TEMPLATES[template.id]  # type: ignore[attr-defined]
    assert set(re.findall(r"\{(\w+)\}", template.when)) == set(template.inputs)
    terms = {}
    for name, wanted in template.inputs.items():
        assert re.search(r"[一-鿿]", wanted.name.zh)
        assert wanted.name.en.isascii()
        assert set(wanted.kinds) <= CATALOGUE.kinds.keys()
        condition = next(c for c in Condition if c.word == wanted.condition)
        terms[name] = tuple(f"{name}-{i}:{condition.word}" for i in range(2 if wanted.several else 1))
    parse_expression(fill(template, terms), "M001")
    place = CATALOGUE.kinds["logic"].placements[template.id]
    assert place.defaults["high"].value == 1.0
    assert place.guidance[Condition.HIGH] != CATALOGUE.kinds["logic"].guidance[Condition.HIGH], "says what to do"
    assert place.defaults["high"].confidence in ("recalled", "design"), "nothing of AQ 6201's logic is confirmed"


def test_the_page_has_every_template_and_its_inputs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "logic.md").read_text(encoding="utf-8")
    for template in TEMPLATES.values():
        assert f"`{template.id}`" in page
        assert f"`{template.when}`" in page
        for name in template.inputs:
            assert f"`{name}`" in page


def test_the_page_s_example_is_a_plant(load: Load) -> None:
    page = (Path(__file__).parents[2] / "docs" / "logic.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    plant = load("\n".join(examples))
    assert len(plant.logic) >= 3
