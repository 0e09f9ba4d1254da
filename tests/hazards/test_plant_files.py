"""Plant files as people write them: what they become, and everything that can be wrong with them."""

import codecs
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hazards.catalogue import load_catalogue
from hazards.checks import Checks
from hazards.condition import Condition, Severity
from hazards.mistakes import Mistake, PlantError
from hazards.plant import Name, Plant, Point
from hazards.plant_files import load_plant
from hazards.plant_toml import parse_plant_toml
from hazards.points_csv import COLUMNS, parse_points_csv
from hazards.text_files import decode_text

Load = Callable[..., Plant]
Mistakes = Callable[..., tuple[Mistake, ...]]

FOUR = "enterprise,source,point,kind\n"
CH4 = "M001,face-1203,CH4-01,ch4"


def same(checks: Checks, **expected: float) -> bool:
    """Compare every field of checks with the expected ones and, for the rest, with 'off'."""
    wanted = dataclasses.replace(Checks(), **expected)  # type: ignore[arg-type]
    return all(
        getattr(checks, f.name) == getattr(wanted, f.name)
        or (math.isnan(getattr(checks, f.name)) and math.isnan(getattr(wanted, f.name)))
        for f in dataclasses.fields(Checks)
    )


def one_point(plant: Plant) -> Point:
    (point,) = plant.points
    return point


# What files become


def test_only_four_columns_are_required(load: Load) -> None:
    plant = load(FOUR + "M001,face-1203,CO-01,co\n")
    (enterprise,) = plant.enterprises
    assert (enterprise.id, enterprise.region, enterprise.lat, enterprise.lon) == ("M001", "140105", 37.80, 112.60)
    assert [source.type for source in enterprise.sources] == ["coal-mine", "tank-farm"]
    point = one_point(plant)
    assert (point.key, point.kind, point.placement, point.unit) == (("M001", "CO-01"), "co", "underground", "ppm")
    assert point.name == Name("井下一氧化碳", "Carbon monoxide, underground")
    assert same(point.checks, high=24.0, off_delay_ms=10_000, no_data_after_ms=60_000)
    assert point.standards == {Condition.HIGH: "AQ 1029-2019 clause 7", Condition.NO_DATA: "hazmon default"}
    assert point.severities[Condition.HIGH] is Severity.ORANGE


def test_the_catalogue_fills_a_coal_face(load: Load) -> None:
    point = one_point(load("enterprise,source,point,kind,placement\n" + CH4 + ",T1\n"))
    expected = {"high": 1.0, "high_high": 1.5, "high_clear": 1.0, "high_high_clear": 1.0, "range_low": -0.1,
                "range_high": 106.25, "off_delay_ms": 10_000, "no_data_after_ms": 60_000}  # fmt: skip
    assert same(point.checks, **expected)
    assert point.standards[Condition.HIGH_HIGH] == "AQ 1029-2019 table 1"


def test_the_plant_of_an_outsider_gives_exactly_its_limits(load: Load) -> None:
    """A plant written only from the documented interface, by someone who does not know the catalogue."""
    header = (
        "enterprise,source,point,kind,placement,unit,low,high,high_high,high_high_clear,on_delay,off_delay,"
        "no_data_after,rate,frozen_after,range_low,range_high\n"
    )
    toml = (
        '[[enterprise]]\nid="M001"\nname={zh="甲矿",en="Mine A"}\nregion="140105"\nlat=37.8\nlon=112.6\n'
        '[[enterprise.source]]\nid="face-1203"\ntype="coal-mine"\nname={zh="面",en="face"}\n'
    )
    rows = "\n".join(f"M001,face-1203,CH4-{i:05d},ch4,T1,%CH4,-,1.0,1.5,1.0,0s,0s,-,-,-,0,40" for i in range(200))
    plant = load(header + rows + "\n", toml)
    assert len(plant.points) == 200
    for point in plant.points:
        expected = {"high": 1.0, "high_clear": 1.0, "high_high": 1.5, "high_high_clear": 1.0, "range_low": 0.0,
                    "range_high": 40.0}  # fmt: skip
        assert same(point.checks, **expected)
        assert point.standards == {
            Condition.HIGH: "AQ 1029-2019 table 1",
            Condition.HIGH_HIGH: "AQ 1029-2019 table 1",
        }


def test_every_column(load: Load) -> None:
    cells = {
        "enterprise": "M001", "source": "tanks", "point": "PT-101", "kind": "pressure", "placement": "",
        "name": "101罐压力 | Tank 101 pressure", "unit": "MPa", "lat": "37.81", "lon": "112.61",
        "range_low": "-0.1", "range_high": "2.5", "low_low": "0.1", "low_low_clear": "0.15", "low": "0.2",
        "low_clear": "0.25", "high": "1.6", "high_clear": "1.5", "high_high": "1.8", "high_high_clear": "1.7",
        "on_delay": "2s", "off_delay": "1m30s", "rate": "0.6/min", "rate_window": "30s", "frozen_after": "6h",
        "frozen_band": "0.001", "no_data_after": "10m", "camera_url": "rtsp://10.0.0.8/1",
        "calibrated_on": "2026-03-31",
    }  # fmt: skip
    assert tuple(cells) == COLUMNS
    point = one_point(load(",".join(cells) + "\n" + ",".join(cells.values())))
    assert point.name == Name("101罐压力", "Tank 101 pressure")
    assert (point.unit, point.lat, point.lon) == ("MPa", 37.81, 112.61)
    assert (point.camera_url, point.calibrated_on) == ("rtsp://10.0.0.8/1", "2026-03-31")
    assert same(
        point.checks,
        range_low=-0.1, range_high=2.5, low_low=0.1, low_low_clear=0.15, low=0.2, low_clear=0.25, high=1.6,
        high_clear=1.5, high_high=1.8, high_high_clear=1.7, on_delay_ms=2_000, off_delay_ms=90_000,
        rate_per_s=0.01, rate_window_ms=30_000, frozen_after_ms=21_600_000, frozen_band=0.001,
        no_data_after_ms=600_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind_and_placement", "cells", "standard"),
    [
        ("ch4,T1", {}, "AQ 1029-2019 table 1"),
        ("ch4,T1", {"high": "1.00"}, "AQ 1029-2019 table 1"),
        ("ch4,T1", {"high": "0.8", "high_clear": "0.8"}, "points.csv (AQ 1029-2019 table 1: 1.0)"),
        ("ch4,main-return", {}, "AQ 1029-2019 table 1 (unconfirmed)"),
        ("ch4,main-return", {"high": "0.75"}, "points.csv (AQ 1029-2019 table 1, unconfirmed: 0.7)"),
        ("ch4,", {}, "hazmon default"),
        ("level,", {"high": "85"}, "points.csv"),
    ],
)
def test_an_alarm_names_what_its_limit_comes_from(
    load: Load, kind_and_placement: str, cells: dict[str, str], standard: str
) -> None:
    header = ",".join(["enterprise,source,point,kind,placement", *cells])
    point = one_point(load(header + f"\nM001,face-1203,X,{kind_and_placement}," + ",".join(cells.values())))
    assert point.standards[Condition.HIGH] == standard


def test_a_dash_switches_off_what_an_empty_cell_takes(load: Load) -> None:
    header = "enterprise,source,point,kind,placement,high,high_high,range_low,range_high,off_delay,no_data_after\n"
    taken, off = load(header + CH4 + ",T1,,,,,,\nM001,face-1203,CH4-02,ch4,T1,-,-,-,-,-,-\n").points
    assert taken.checks.high == 1.0
    assert same(off.checks)
    assert off.standards == {}


@pytest.mark.parametrize(
    ("kind", "cells", "clears"),
    [
        ("level", "unit,high,low|%,85,10", {"high_clear": 80.0, "low_clear": 15.0}),  # 5 % of 0-100 %
        ("level", "unit,range_low,range_high,high|m,0,16,14", {"high_clear": 13.2}),
        ("level", "unit,high|m,14", {}),  # nobody knows the range
        ("level", "unit,high,high_clear|%,85,-", {}),
        ("level", "unit,high,high_clear|%,85,84", {"high_clear": 84.0}),
        ("level", "unit,low,high|%,48,50", {}),  # a deadband beyond the other limit would never let go
        ("pressure", "unit,range_low,range_high,high|kPa,0,100,80", {"high_clear": 78.0}),  # 2 %
    ],
)
def test_a_limit_without_a_clearing_value_takes_the_deadband(
    load: Load, kind: str, cells: str, clears: dict[str, float]
) -> None:
    header, row = cells.split("|")
    checks = one_point(load(f"enterprise,source,point,kind,{header}\nM001,tanks,X,{kind},{row}")).checks
    found = {f: getattr(checks, f) for f in ("low_low_clear", "low_clear", "high_clear", "high_high_clear")}
    assert {f: value for f, value in found.items() if not math.isnan(value)} == clears


@pytest.mark.parametrize(
    ("cell", "per_s"), [("0.5", 0.5), ("0.5/s", 0.5), ("6/min", 0.1), ("36/h", 0.01), ("86.4 / d", 0.001)]
)
def test_rates(load: Load, cell: str, per_s: float) -> None:
    point = one_point(load(f"enterprise,source,point,kind,rate\n{CH4},{cell}"))
    assert point.checks.rate_per_s == pytest.approx(per_s)


@pytest.mark.parametrize(
    ("kind", "written", "unit"),
    [
        ("temperature", "℃", "°C"),
        ("h2s", "mg/m³", "mg/m3"),
        ("h2s", "ppm", "ppm"),
        ("fan", "0/1", ""),
        ("fan", "-", ""),
    ],
)
def test_units_in_other_spellings(load: Load, kind: str, written: str, unit: str) -> None:
    assert one_point(load(f"enterprise,source,point,kind,unit\nM001,tanks,X,{kind},{written}")).unit == unit


def test_limits_follow_the_unit(load: Load) -> None:
    point = one_point(load("enterprise,source,point,kind,unit\nM001,tanks,H2S-01,h2s,ppm"))
    assert (point.checks.high, point.checks.high_high) == (7.054, 14.11)  # 10 and 20 mg/m3 * 24.04 / 34.08
    assert point.standards[Condition.HIGH] == "GB/T 50493-2019 5.5.2"


@pytest.mark.parametrize(
    "text",
    [
        "enterprise,source,point,kind,name\r\nM001,face-1203,CH4-01,ch4,工作面\r\n",
        "enterprise,source,point,kind,name\rM001,face-1203,CH4-01,ch4,工作面\r",
        "\n\nenterprise,source,point,kind,name\n\n,,,,\n  \nM001,face-1203,CH4-01,ch4,工作面\n,,,,\n\n",
        " Enterprise , SOURCE,point,Kind,name,,\n M001 , face-1203,CH4-01 ,ch4, 工作面 ,,\n",
        '"enterprise","source","point","kind","name"\n"M001","face-1203","CH4-01","ch4","工作面"\n',
        "kind,name,point,source,enterprise\nch4,工作面,CH4-01,face-1203,M001",
    ],
    ids=["windows", "old-mac", "empty-lines", "spaces-and-empty-columns", "quoted", "any-order"],
)
@pytest.mark.parametrize("bom", [b"", codecs.BOM_UTF8], ids=["", "bom"])
def test_ways_to_write_the_same(load: Load, text: str, bom: bytes) -> None:
    point = one_point(load(bom + text.encode()))
    assert (point.key, point.kind, point.name.zh) == (("M001", "CH4-01"), "ch4", "工作面")


def test_a_quoted_cell_may_hold_commas_and_lines(load: Load, mistakes: Mistakes) -> None:
    text = 'enterprise,source,point,kind,name\nM001,face-1203,A,ch4,"a, ""b""\nc"\nM001,face-1203,B,co,x\n'
    assert load(text).points[0].name.zh == 'a, "b"\nc'
    (mistake,) = mistakes(text + "M001,face-1203,B,ch4,\n")
    assert (mistake.line, mistake.facts["first"]) == (5, "4")  # lines of the file, not of the table


def test_a_plant_without_points_is_one(load: Load) -> None:
    """Listing what a broker has, to write points.csv from, begins like this."""
    assert load(FOUR).points == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('name = "甲矿"', Name("甲矿", "甲矿")),
        ('name = { en = "Mine" }', Name("Mine", "Mine")),
        ("", Name("M001", "M001")),
        ('name.zh = "甲"\nname.en = "A"', Name("甲", "A")),
    ],
)
def test_names_of_enterprises(load: Load, name: str, expected: Name) -> None:
    plant = load(FOUR, f'[[enterprise]]\nid = "M001"\nregion = "140105"\n{name}\n')
    assert plant.enterprises[0].name == expected


# What can be wrong: (what stands in the file, line, column, code)


@pytest.mark.parametrize(
    ("toml", "line", "column", "code"),
    [
        ("", 0, "", "no-enterprise"),
        ("[[enterprise]\n", 1, "column 13", "toml-syntax"),
        ('[[enterprise]]\nid = "M\n', 2, "column 8", "toml-syntax"),
        ("a = " + "[" * 5000, 0, "", "toml-syntax"),
        ("a = " + "9" * 5000, 0, "", "toml-syntax"),
        ("[[enterprises]]\nid = 1\n", 1, "enterprises", "unknown-key-near"),
        ('[enterprise]\nid = "M001"\nregion = "140105"', 1, "enterprise", "wrong-type"),
        ('[[enterprise]]\nregion = "140105"\n', 1, "enterprise", "missing-key"),
        ('[[enterprise]]\nid = 7\nregion = "140105"\n', 2, "enterprise.id", "wrong-type"),
        ('[[enterprise]]\nid = "矿"\nregion = "140105"\n', 2, "enterprise.id", "bad-id"),
        ('[[enterprise]]\nid = "a/b"\nregion = "140105"\n', 2, "enterprise.id", "bad-id"),
        ('[[enterprise]]\nid = ""\nregion = "140105"\n', 2, "enterprise.id", "bad-id"),
        (f'[[enterprise]]\nid = "{"x" * 65}"\nregion = "140105"\n', 2, "enterprise.id", "bad-id"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\n' * 2, 5, "enterprise.id", "duplicate-id"),
        ('[[enterprise]]\nid = "A"\nname = 1\nregion = "140105"\n', 3, "enterprise.name", "wrong-type"),
        ('[[enterprise]]\nid = "A"\nname.zh = 1\nregion = "140105"\n', 3, "enterprise.name.zh", "wrong-type"),
        (
            '[[enterprise]]\nid = "A"\nname = {cn = "a"}\nregion = "140105"\n',
            3,
            "enterprise.name.cn",
            "unknown-key",
        ),
        ('[[enterprise]]\nid = "A"\nrgion = "140105"\nregion = "140105"\n', 3, "enterprise.rgion", "unknown-key-near"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\nxyz = 1\n', 4, "enterprise.xyz", "unknown-key"),
        ('[[enterprise]]\nid = "A"\n', 1, "enterprise", "missing-key"),
        ('[[enterprise]]\nid = "A"\nregion = 140105\n', 3, "enterprise.region", "wrong-type"),
        ('[[enterprise]]\nid = "A"\nregion = true\n', 3, "enterprise.region", "wrong-type"),
        ('[[enterprise]]\nid = "A"\nregion = "1401"\n', 3, "enterprise.region", "region-shape"),
        ('[[enterprise]]\nid = "A"\nregion = "１４０１０５"\n', 3, "enterprise.region", "region-shape"),
        ('[[enterprise]]\nid = "A"\nregion = "990105"\n', 3, "enterprise.region", "region-province"),
        ('[[enterprise]]\nid = "A"\nregion = "140100"\n', 3, "enterprise.region", "region-county"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\nlat = 137.8\n', 4, "enterprise.lat", "coordinate"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\nlat = nan\n', 4, "enterprise.lat", "coordinate"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\nlon = "112"\n', 4, "enterprise.lon", "wrong-type"),
        ('[[enterprise]]\nid = "A"\nregion = "140105"\nsource = 1\n', 4, "enterprise.source", "wrong-type"),
    ],
)
def test_mistakes_in_plant_toml(mistakes: Mistakes, toml: str, line: int, column: str, code: str) -> None:
    found = mistakes(FOUR, toml)
    assert (found[0].line, found[0].column, found[0].code) == (line, column, code)
    assert found[0].file.endswith("plant.toml")


@pytest.mark.parametrize(
    ("source", "line", "column", "code"),
    [
        ('type = "coal-mine"', 4, "enterprise.source", "missing-key"),
        ('id = "S"', 4, "enterprise.source", "missing-key"),
        ('id = "S"\ntype = "coalmine"', 6, "enterprise.source.type", "unknown-near"),
        ('id = "S"\ntype = "煤矿"', 6, "enterprise.source.type", "unknown-source-type"),
        ('id = "S"\ntype = 3', 6, "enterprise.source.type", "wrong-type"),
        ('id = "S"\ntype = "coal-mine"\nkind = "x"', 7, "enterprise.source.kind", "unknown-key"),
        ('id = "S"\ntype = "coal-mine"\n[[enterprise.source]]\nid = "S"\ntype = "coal-mine"', 8, "enterprise.source.id",
         "duplicate-id"),
    ],
)  # fmt: skip
def test_mistakes_in_a_source(mistakes: Mistakes, source: str, line: int, column: str, code: str) -> None:
    (mistake,) = mistakes(FOUR, f'[[enterprise]]\nid = "A"\nregion = "140105"\n[[enterprise.source]]\n{source}\n')
    assert (mistake.line, mistake.column, mistake.code) == (line, column, code)


def test_cities_without_counties_are_regions(load: Load) -> None:
    assert load(FOUR, '[[enterprise]]\nid = "A"\nregion = "441900"\n').enterprises[0].region == "441900"


@pytest.mark.parametrize(
    ("header", "code", "facts"),
    [
        ("", "csv-empty", {}),
        ("\n\n", "csv-empty", {}),
        ("enterprise;source;point;kind", "csv-delimiter", {"got": ";"}),
        ("enterprise\tsource\tpoint\tkind", "csv-delimiter", {"got": "tabs"}),
        ("enterprise，source，point，kind", "csv-delimiter", {"got": "，"}),
        ("enterprise,source,kind", "missing-column", {"got": "point"}),
        ("enterprise,source,point,kind,placment", "unknown-column-near", {"got": "placment", "near": "placement"}),
        ("enterprise,source,point,kind,remark", "unknown-column", {"got": "remark"}),
        ("enterprise,source,point,kind,kind", "duplicate-column", {"got": "kind"}),
        ("enterprise,source,point,kind,,unit", "empty-column", {"got": "5"}),
        ('enterprise,source,point,"kind', "csv-syntax", {}),
    ],
)
def test_mistakes_in_the_header(mistakes: Mistakes, header: str, code: str, facts: dict[str, str]) -> None:
    (mistake,) = mistakes(header + "\n")
    assert mistake.code == code
    assert facts.items() <= mistake.facts.items()


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ({"enterprise": ""}, "enterprise", "missing-cell"),
        ({"point": ""}, "point", "missing-cell"),
        ({"kind": ""}, "kind", "missing-cell"),
        ({"enterprise": "M002"}, "enterprise", "unknown-enterprise"),
        ({"source": "face-1204"}, "source", "unknown-source"),
        ({"point": "CH4 01"}, "point", "bad-id"),
        ({"point": "CH4/01"}, "point", "bad-id"),
        ({"point": "甲烷"}, "point", "bad-id"),
        ({"point": "x" * 65}, "point", "bad-id"),
        ({"kind": "CH4"}, "kind", "unknown-near"),
        ({"kind": "瓦斯"}, "kind", "unknown"),
        ({"kind": "ch"}, "kind", "unknown-near"),
        ({"placement": "t1"}, "placement", "unknown-near"),
        ({"placement": "回风"}, "placement", "unknown"),
        ({"placement": "sheerer"}, "placement", "unknown-near"),
        ({"kind": "machine", "placement": "T1"}, "placement", "no-placements"),
        ({"unit": "ppm"}, "unit", "wrong-unit"),
        ({"kind": "fan", "placement": "", "unit": "%"}, "unit", "wrong-unit-switch"),
        ({"high": "1,0"}, "high", "not-number"),
        ({"high": "abc"}, "high", "not-number"),
        ({"high": "nan"}, "high", "not-number"),
        ({"high": "inf"}, "high", "not-number"),
        ({"high": "1e999"}, "high", "not-number"),
        ({"high": "1_0"}, "high", "not-number"),
        ({"high": "１"}, "high", "not-number"),
        ({"high": "--"}, "high", "not-number"),
        ({"high": "—"}, "high", "not-number"),
        ({"high": "1.0%"}, "high", "not-number"),
        ({"high": "=1+1"}, "high", "formula"),
        ({"high": "#REF!"}, "high", "formula"),
        ({"on_delay": "=A1"}, "on_delay", "formula"),
        ({"on_delay": "5"}, "on_delay", "not-duration"),
        ({"on_delay": "-5s"}, "on_delay", "not-duration"),
        ({"no_data_after": "1 year"}, "no_data_after", "not-duration"),
        ({"rate_window": "0s"}, "rate_window", "not-positive"),
        ({"rate_window": "-"}, "rate_window", "not-off"),
        ({"rate": "0"}, "rate", "not-rate"),
        ({"rate": "-1"}, "rate", "not-rate"),
        ({"rate": "1/week"}, "rate", "not-rate"),
        ({"frozen_band": "-0.1"}, "frozen_band", "negative"),
        ({"lat": "91"}, "lat", "coordinate"),
        ({"lon": "112°"}, "lon", "coordinate"),
        ({"camera_url": "camera 7"}, "camera_url", "not-url"),
        ({"camera_url": "=HYPERLINK(1)"}, "camera_url", "formula"),
        ({"calibrated_on": "31.3.2026"}, "calibrated_on", "not-date"),
        ({"calibrated_on": "2026-02-30"}, "calibrated_on", "not-date"),
        ({"high": "1.6", "high_clear": "1.0"}, "high", "limits-order"),
        ({"high_high": "0.9", "high_high_clear": "0.9"}, "high_high", "limits-order"),
        ({"low": "1.0"}, "low", "limits-order"),
        ({"low": "0.2", "low_low": "0.3"}, "low", "limits-order"),
        ({"high": "0.8"}, "high_clear", "clear-above"),
        ({"high_clear": "1.2"}, "high_clear", "clear-above"),
        ({"high_high_clear": "1.6"}, "high_high_clear", "clear-above"),
        ({"low": "0.2", "low_clear": "0.1"}, "low_clear", "clear-below"),
        ({"low_clear": "0.1"}, "low_clear", "clear-alone"),
        ({"high": "-", "high_clear": "0.5"}, "high_clear", "clear-alone"),
        ({"range_low": "5", "range_high": "4"}, "range_high", "range-order"),
        ({"range_high": "-1"}, "range_high", "range-order"),
        ({"range_high": "1.2"}, "range_high", "outside-range"),
        ({"high_high": "200"}, "high_high", "outside-range"),
        ({"low": "-5"}, "low", "outside-range"),
        ({"high_clear": "-0.1"}, "high_clear", "never-clears"),
        ({"low": "0.5", "low_clear": "200"}, "low_clear", "never-clears"),
    ],
)
def test_mistakes_in_a_line(mistakes: Mistakes, row: dict[str, str], column: str, code: str) -> None:
    cells = {"enterprise": "M001", "source": "face-1203", "point": "CH4-01", "kind": "ch4", "placement": "T1"} | row
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells.values())
    (mistake,) = mistakes(",".join(cells) + "\n" + ",".join(quoted) + "\n")
    assert (mistake.line, mistake.column, mistake.code) == (2, column, code)
    assert mistake.file.endswith("points.csv")
    assert mistake.subject == f"{cells['enterprise']}/{cells['point']}"


def test_alarm_and_cut_may_be_one_value(load: Load) -> None:
    """AQ 1029-2019 table 1 has it for return roadways; the two sides must still be apart."""
    header = "enterprise,source,point,kind,high,high_high,high_clear,high_high_clear\n"
    assert load(header + CH4 + ",0.9,0.9,0.9,0.9").points[0].checks.high_high == 0.9


def test_too_many_cells_and_points_that_are_there_twice(mistakes: Mistakes) -> None:
    found = mistakes(FOUR + f"{CH4}\n{CH4},1.0\n{CH4},,\n")
    assert [(m.line, m.code) for m in found] == [
        (3, "extra-cells"),
        (3, "duplicate-point"),
        (4, "duplicate-point"),
    ]


def test_all_mistakes_of_both_files_at_once(mistakes: Mistakes) -> None:
    toml = '[[enterprise]]\nid = "M001"\nregion = "14"\n[[enterprise.source]]\nid = "face-1203"\ntype = "mine"\n'
    csv = (
        "enterprise,source,point,kind,high,on_delay,color\n"
        "M002,face-1203,CH4-01,ch4,x,5,\n"
        "M001,face-1203,CH4-02,ch4,1.0,5s,\n"
        "M001,face-1203,CH4-02,h2s,1.0,5s,\n"
    )
    found = mistakes(csv, toml)
    assert [(Path(m.file).name, m.line, m.column, m.code) for m in found] == [
        ("plant.toml", 3, "enterprise.region", "region-shape"),
        ("plant.toml", 6, "enterprise.source.type", "unknown-source-type"),
        ("points.csv", 1, "", "unknown-column"),
        ("points.csv", 2, "enterprise", "unknown-enterprise"),
        ("points.csv", 2, "high", "not-number"),
        ("points.csv", 2, "on_delay", "not-duration"),
        ("points.csv", 4, "point", "duplicate-point"),
    ]


def test_a_cell_that_cannot_be_read_makes_no_second_mistake(mistakes: Mistakes) -> None:
    header = "enterprise,source,point,kind,placement,high,high_high,low_clear\n"
    found = mistakes(header + CH4 + ",T1,x,0.5,0.1\n")
    # high is not known, so high_high is not compared with the catalogue's; the other mistakes stay.
    assert [m.code for m in found] == ["not-number", "clear-alone", "clear-above"]


def test_points_are_not_blamed_for_a_plant_toml_that_cannot_be_read(mistakes: Mistakes) -> None:
    assert [m.code for m in mistakes(FOUR + CH4, "[[")] == ["toml-syntax"]
    assert [m.code for m in mistakes(FOUR + CH4 + ",x", "[[")] == ["toml-syntax", "extra-cells"]


def test_missing_files(mistakes: Mistakes, tmp_path: Path) -> None:
    assert [(Path(m.file).name, m.code) for m in mistakes(None, None)] == [
        ("plant.toml", "file-missing"),
        ("points.csv", "file-missing"),
    ]
    with pytest.raises(PlantError, match="there is no such file"):
        load_plant(tmp_path / "nowhere")
    (tmp_path / "plant.toml").mkdir()
    with pytest.raises(PlantError, match="cannot be read"):
        load_plant(tmp_path)


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        ((FOUR + "甲,乙,丙,丁").encode("gbk"), 2, "encoding-gbk"),
        ((FOUR + CH4).encode("utf-16"), 0, "encoding-utf16"),
        (FOUR.encode() + b"\xff\xfe\x00", 2, "encoding-unknown"),
        ((FOUR + "a\0b").encode(), 2, "nul"),
    ],
)
@pytest.mark.parametrize("file", ["plant.toml", "points.csv"])
def test_encodings(mistakes: Mistakes, file: str, data: bytes, line: int, code: str) -> None:
    found = mistakes(FOUR, data) if file == "plant.toml" else mistakes(data)
    assert [(Path(m.file).name, m.line, m.code) for m in found] == [(file, line, code)]


def test_a_mistake_reads_as_a_sentence_in_both_languages(mistakes: Mistakes) -> None:
    (mistake,) = mistakes("enterprise,source,point,kind,placement,high\n" + CH4 + ",T1,0.8\n")
    english = (
        "points.csv line 2, high_clear (M001/CH4-01): high_clear 1 (AQ 1029-2019 table 1) is above high 0.8; "
        "give at most 0.8, or - for the same value"
    )
    assert str(mistake).endswith(english)
    assert mistake.in_language("zh").endswith("高于 high 0.8；不得高于 0.8；- 表示与限值相同")


def test_hostile_text_stays_on_one_short_line(mistakes: Mistakes) -> None:
    cell = "\x1b[31m{0}{got}\n" + "x" * 100_000
    (mistake,) = mistakes('enterprise,source,point,kind\nM001,face-1203,A,"' + cell + '"\n')
    assert str(mistake).isprintable()
    assert len(str(mistake)) < 2_000


# Nothing but PlantError, whatever the bytes are

ROW_CELLS = st.sampled_from(
    [
        "M001",
        "face-1203",
        "CH4-01",
        "ch4",
        "T1",
        "%CH4",
        "1.0",
        "1.5",
        "-",
        "",
        "5s",
        "=1",
        '"',
        "\n",
        "甲",
        "h2s",
        "ppm",
    ]
) | st.text(max_size=8)
CSV_LINES = st.lists(st.lists(ROW_CELLS, max_size=8).map(",".join), max_size=6).map("\n".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.binary(max_size=200)
    | st.tuples(st.lists(st.sampled_from(COLUMNS), max_size=8).map(",".join), CSV_LINES).map("\n".join).map(str.encode)
    | CSV_LINES.map(lambda lines: (FOUR.strip() + ",placement,unit,high,high_high\n" + lines).encode())
    | CSV_LINES.map(lambda lines: (FOUR + lines).encode("gb18030"))
)
def test_any_csv_bytes_are_points_or_mistakes(data: bytes) -> None:
    text = decode_text(data, "points.csv")
    if isinstance(text, Mistake):
        found = [text]
    else:
        points, found = parse_points_csv(text, "points.csv", None, load_catalogue())
        assert all(isinstance(point, Point) for point in points)
    assert all("\n" not in str(m) and "\n" not in m.in_language("zh") for m in found)


TOML_LINES = st.lists(
    st.sampled_from(
        [
            "[[enterprise]]",
            "[[enterprise.source]]",
            'id = "A"',
            'id = "B"',
            'region = "140105"',
            'type = "coal-mine"',
            "lat = 37",
            "x = [1",
            "]",
            'name = """a',
            '"""',
            "[enterprise.name]",
            "enterprise = 3",
            "source = [{}]",
        ]
    )
    | st.text(max_size=10),
    max_size=10,
).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(TOML_LINES)
def test_any_toml_text_is_enterprises_or_mistakes(text: str) -> None:
    enterprises, found = parse_plant_toml(text, "plant.toml", load_catalogue())
    assert enterprises or found
    lines = text.count("\n") + 1
    assert all(0 <= m.line <= lines for m in found)
