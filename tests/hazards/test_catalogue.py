"""The shipped catalogue: published values with their citation, and that nothing in it is missing or crossed."""

import math
from pathlib import Path

import pytest

from hazards.catalogue import Kind, Placement, load_catalogue
from hazards.catalogue.entry import DESIGN
from hazards.checks import Checks
from hazards.condition import Condition, Family, Severity
from hazards.plant import Name
from hazards.point_checks import merge_checks
from hazards.quality import Quality
from hazards.standards_page import standards_page

CATALOGUE = load_catalogue()
EVERY_PLACE = [
    pytest.param(kind, place, id=f"{kind.id}-{place.id}" if place.id else kind.id)
    for kind in CATALOGUE.kinds.values()
    for place in (kind.anywhere, *kind.placements.values())
]


# AQ 1029-2019, table 1: placement, alarm, cut, re-power, all in %CH4. None where the table has none.
@pytest.mark.parametrize(
    ("placement", "alarm", "cut", "repower"),
    [
        ("T0", 1.0, 1.5, 1.0),
        ("T1", 1.0, 1.5, 1.0),
        ("T2", 1.0, 1.0, 1.0),
        ("T3", 0.5, 0.5, 0.5),
        ("T4", 0.5, 0.5, 0.5),
        ("T5", 1.0, 1.5, 1.0),
        ("T6", 1.0, 1.0, 1.0),
        ("return-middle", 1.0, 1.0, 1.0),
        ("shearer", 1.0, 1.5, 1.0),
        ("heading-T1", 1.0, 1.5, 1.0),
        ("heading-T2", 1.0, 1.0, 1.0),
        ("heading-T3", 0.5, 0.5, 0.5),
        ("heading-T3-fan", 0.5, 1.5, 0.5),
        ("heading-T4", 0.5, 0.5, 0.5),
        ("twin-heading-return", 1.0, 1.0, 1.0),
        ("heading-middle", 1.0, 1.0, 1.0),
        ("heading-machine", 1.0, 1.5, 1.0),
        ("district-return", 1.0, 1.0, 1.0),
        ("wing-return", 0.7, None, None),
        ("main-return", 0.7, None, None),
        ("trolley-roadway", 0.5, 0.5, 0.5),
        ("vehicle", 0.5, 0.5, 0.5),
        ("coal-bunker", 1.5, 1.5, 1.5),
        ("surface-conveyor", 1.5, 1.5, 1.5),
        ("drainage-pump-house", 0.5, None, None),
        ("drainage-station", 1.0, 1.0, 1.0),
    ],
)
def test_methane(placement: str, alarm: float, cut: float | None, repower: float | None) -> None:
    defaults = CATALOGUE.kinds["ch4"].placements[placement].defaults
    limits = {field: defaults[field].value if field in defaults else None for field in
              ("high", "high_high", "high_clear", "high_high_clear")}  # fmt: skip
    assert limits == {"high": alarm, "high_high": cut, "high_clear": repower, "high_high_clear": repower}
    assert defaults["high"].clause == "AQ 1029-2019 table 1"


def test_the_2019_edition_has_no_t7_and_t8() -> None:
    assert not {"T7", "T8"} & CATALOGUE.kinds["ch4"].placements.keys()


def test_methane_without_a_placement_still_has_limits_which_say_that_no_standard_gives_them() -> None:
    unplaced = CATALOGUE.kinds["ch4"].at("", "coal-mine")
    assert (unplaced.id, unplaced.defaults["high"].value) == ("unplaced", 1.0)
    assert unplaced.defaults["high"].standard == DESIGN


# GB/T 50493-2019 5.5.2: level 1 and 2 by OEL [mg/m3]; table of a detector vendor, per that standard.
@pytest.mark.parametrize(
    ("kind", "level_1", "level_2"),
    [
        ("co", 20, 40), ("h2s", 10, 20), ("cl2", 1, 2), ("nh3", 20, 40), ("hcn", 1, 2), ("so2", 5, 10), ("no2", 5, 10),
        ("phosgene", 0.5, 1), ("hcl", 7.5, 15), ("hf", 2, 4), ("o3", 0.3, 0.6), ("co2", 9000, 18000),
        ("toluene", 50, 100), ("xylene", 50, 100), ("acrylonitrile", 1, 2), ("phenol", 10, 20),
        ("vinyl-chloride", 10, 20), ("methanol", 25, 50), ("benzene", 3, 6), ("formaldehyde", 0.5, 1),
        ("ph3", 0.3, 0.6), ("ash3", 0.03, 0.06), ("cs2", 5, 10),
    ],
)  # fmt: skip
def test_toxic_gas(kind: str, level_1: float, level_2: float) -> None:
    entry = CATALOGUE.kinds[kind]
    assert (entry.unit, entry.defaults["high"].value, entry.defaults["high_high"].value) == ("mg/m3", level_1, level_2)
    assert entry.defaults["high_high"].value == 2 * entry.defaults["high"].value


@pytest.mark.parametrize(
    ("kind", "place", "limits", "standard"),
    [
        ("combustible", "", {"high": 25, "high_high": 50}, "GB/T 50493-2019 5.5.2"),
        ("o2", "", {"low": 19.5, "high": 23.5}, "GB/T 50493-2019 5.5.2"),
        ("co", "face-return", {"high": 24}, "AQ 1029-2019 clause 7"),  # 0.0024 %
        ("temperature", "chamber", {"high": 34}, "AQ 1029-2019 clause 7"),
        ("temperature", "face", {"high": 30}, "AQ 1029-2019 clause 7 (unconfirmed)"),
        # Coal Mine Safety Regulation 2016, permitted wind speeds [m/s]
        ("wind-speed", "air-shaft", {"high": 15}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "material-shaft", {"high": 12}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "air-bridge", {"high": 10}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "main-return", {"high": 8}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "trolley-roadway", {"low": 1.0, "high": 8}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "conveyor-roadway", {"low": 0.25, "high": 6}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "face", {"low": 0.25, "high": 4}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "rock-heading", {"low": 0.15, "high": 4}, "Coal Mine Safety Regulation 2016"),
        ("wind-speed", "walkway", {"low": 0.15}, "Coal Mine Safety Regulation 2016"),
        # GB 50863-2013, tables 4.2.1 and 4.2.2
        ("freeboard", "class-1", {"low_low": 1.5}, "GB 50863-2013 table 4.2.1 (unconfirmed)"),
        ("freeboard", "class-5", {"low_low": 0.4}, "GB 50863-2013 table 4.2.1 (unconfirmed)"),
        ("beach-length", "upstream-class-3", {"low_low": 70}, "GB 50863-2013 table 4.2.1 (unconfirmed)"),
        ("beach-length", "downstream-class-3", {"low_low": 50}, "GB 50863-2013 table 4.2.2 (unconfirmed)"),
        # Nobody publishes numbers for these: their design does.
        ("level", "", {}, ""),
        ("pressure", "", {}, ""),
        ("pond-level", "", {}, ""),
        ("displacement", "surface", {}, ""),
        ("seepage", "", {}, ""),
    ],
)
def test_limits(kind: str, place: str, limits: dict[str, float], standard: str) -> None:
    defaults = CATALOGUE.kinds[kind].at(place).defaults
    found = {f: defaults[f] for f in ("low_low", "low", "high", "high_high") if f in defaults}
    assert {field: default.value for field, default in found.items()} == limits
    assert {default.standard for default in found.values()} == ({standard} if standard else set())


@pytest.mark.parametrize("band", ["height-150-up", "height-100-150", "height-60-100", "height-30-60", "height-0-30"])
def test_phreatic_line_is_orange_at_1_1_times_red(band: str) -> None:
    """GB 51108-2015 8.3."""
    defaults = CATALOGUE.kinds["phreatic-depth"].placements[band].defaults
    assert defaults["low"].value == pytest.approx(1.1 * defaults["low_low"].value)


@pytest.mark.parametrize(
    ("mg_m3", "gas", "ppm"),
    [(10, "h2s", 7.05), (20, "co", 17.2), (20, "nh3", 28.2), (1, "cl2", 0.339)],  # ppm = mg/m3 * 24.04 / M
)
def test_gas_in_ppm(mg_m3: float, gas: str, ppm: float) -> None:
    kind = CATALOGUE.kinds[gas]
    assert kind.convert(mg_m3, "mg/m3", "ppm") == pytest.approx(ppm, rel=2e-3)
    in_ppm = kind.defaults_in(kind.anywhere, "ppm")["high"]
    assert (in_ppm.confidence, in_ppm.clause) == ("derived", "GB/T 50493-2019 5.5.2")


def test_a_level_in_metres_takes_nothing_that_was_said_in_percent() -> None:
    kind = CATALOGUE.kinds["level"]
    assert {"range_low", "range_high"} <= kind.defaults_in(kind.anywhere, "%").keys()
    assert not {"range_low", "range_high"} & kind.defaults_in(kind.anywhere, "m").keys()


def test_the_type_of_source_decides_where_a_point_without_placement_is() -> None:
    co = CATALOGUE.kinds["co"]
    assert co.at("", "coal-mine").id == "underground"
    assert co.at("", "tank-farm").id == ""
    with pytest.raises(KeyError):
        co.at("nowhere")


@pytest.mark.parametrize(("kind", "place"), EVERY_PLACE)
def test_every_place_is_whole(kind: Kind, place: Placement) -> None:
    assert set(place.severities) == set(place.guidance) == set(Condition)
    for name in (kind.name, place.name, *place.guidance.values(), *kind.states.values()):
        assert_both_languages(name)
    assert place.unit in kind.units
    for field, default in place.defaults.items():
        assert field in Checks.__dataclass_fields__
        assert default.clause
        assert default.confidence != "design" or default.source, f"{field}: our own choice needs its reason"
        assert (default.confidence == "design") == (default.clause == DESIGN)


@pytest.mark.parametrize(("kind", "place"), EVERY_PLACE)
def test_every_place_fits_together_in_every_unit(kind: Kind, place: Placement) -> None:
    for unit in kind.units:
        merged = merge_checks(kind, place, unit, {}, "points.csv")
        assert merged.mistakes == ()
        # A logic point speaks when it changes, Graham's ratio when oxygen is missing; their inputs' silence is noticed.
        may_be_silent = kind.id in ("logic", "graham-ratio")
        assert merged.checks.no_data_after_ms > 0 or may_be_silent, "a point that falls silent must be noticed"


@pytest.mark.parametrize(("kind", "place"), EVERY_PLACE)
def test_worse_conditions_are_at_least_as_severe(kind: Kind, place: Placement) -> None:
    assert place.severities[Condition.LOW_LOW] >= place.severities[Condition.LOW]
    assert place.severities[Condition.HIGH_HIGH] >= place.severities[Condition.HIGH]


@pytest.mark.parametrize("kind", ["ch4", "combustible", "co", "h2s", "cl2", "smoke", "fan", "duct", "o2"])
def test_life_safety_waits_for_nothing(kind: str) -> None:
    entry = CATALOGUE.kinds[kind]
    for place in (entry.anywhere, *entry.placements.values()):
        assert place.defaults["on_delay_ms"].value == 0


@pytest.mark.parametrize("kind", ["ch4", "combustible", "h2s"])
def test_gas_is_orange_and_then_red(kind: str) -> None:
    severities = CATALOGUE.kinds[kind].severities
    assert (severities[Condition.HIGH], severities[Condition.HIGH_HIGH]) == (Severity.ORANGE, Severity.RED)


def test_losing_a_methane_sensor_weighs_more_than_losing_another() -> None:
    for condition in (Condition.NO_DATA, Condition.FAULT):
        assert CATALOGUE.kinds["ch4"].severities[condition] > CATALOGUE.kinds["temperature"].severities[condition]


def test_there_are_words_for_everything() -> None:
    assert set(CATALOGUE.conditions) == set(Condition)
    assert set(CATALOGUE.families) == set(Family)
    assert set(CATALOGUE.severities) == set(Severity)
    assert set(CATALOGUE.qualities) == set(Quality)
    words = (CATALOGUE.conditions, CATALOGUE.families, CATALOGUE.severities, CATALOGUE.qualities,
             CATALOGUE.source_types, CATALOGUE.streams)  # fmt: skip
    for names in words:
        for name in names.values():
            assert_both_languages(name)


def test_unit_spellings_lead_to_units_that_are_used() -> None:
    used = {unit for kind in CATALOGUE.kinds.values() for unit in kind.units}
    assert set(CATALOGUE.unit_spellings.values()) <= used
    assert not CATALOGUE.unit_spellings.keys() & used


def test_ranges_hold_the_limits_with_room() -> None:
    """A range that ends at a limit would turn the worst readings into faults."""
    for kind in CATALOGUE.kinds.values():
        if kind.states:
            continue
        for place in (kind.anywhere, *kind.placements.values()):
            checks = merge_checks(kind, place, place.unit, {}, "").checks
            for limit in (checks.low_low, checks.low, checks.high, checks.high_high):
                assert math.isnan(limit) or checks.range_low < limit < checks.range_high


def test_the_page_of_standards_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "standards.md"
    assert page.read_text("utf-8") == standards_page(CATALOGUE), (
        "write it anew: python -m hazards.standards_page > docs/standards.md"
    )


def assert_both_languages(name: Name) -> None:
    assert name.en.isascii() or "·" in name.en
    assert name.en
    assert any("\u4e00" <= character <= "\u9fff" for character in name.zh)
