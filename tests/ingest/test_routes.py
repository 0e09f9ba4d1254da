"""Routes: topics, names, mapping tables, units; whichever format the payload has."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.decode.current_loop import CurrentLoop
from ingest.decode.mapping import MappingError, load_mapping
from ingest.decode.native import NativeDecoder
from ingest.decode.opc_quality import from_opc_classic, from_opc_ua
from ingest.decode.topics import TopicPattern
from ingest.routes import RouteError, RouteSpec, open_routes, topic_filters
from tests.support.decode_rig import Route, rows, small_directory
from tests.support.ingest_parts import NOW_MS


@pytest.mark.parametrize(
    ("pattern", "topic", "levels"),
    [
        ("a/b", "a/b", {}),
        ("a/b", "a/b/c", None),
        ("a/+", "a/b", {}),
        ("a/+", "a/b/c", None),
        ("a/+", "a/", {}),
        ("a/#", "a", {}),  # MQTT 5.0, 4.7.1.2
        ("a/#", "a/b/c", {}),
        ("#", "a/b", {}),
        ("#", "$SYS/uptime", None),  # MQTT 5.0, 4.7.2
        ("+/x", "$SYS/x", None),
        ("$SYS/#", "$SYS/x", {}),
        ("a.c/+", "abc/x", None),
        ("{enterprise}/{point}", "M001/CH4-01", {"enterprise": "M001", "point": "CH4-01"}),
        ("s/{enterprise}/#", "s/M001/a\nb", {"enterprise": "M001"}),
        ("s/{enterprise}/#", "s/M001", {"enterprise": "M001"}),
    ],
)
def test_a_topic_pattern(pattern: str, topic: str, levels: dict[str, str] | None) -> None:
    assert TopicPattern(pattern).match(topic) == levels


@pytest.mark.parametrize(
    ("route", "key", "part"),
    [
        ({"topic": "a/#/b", "format": "sparkplug-b", "enterprise": "M001"}, "topic", "# before its last level"),
        ({"topic": "a/b+", "format": "sparkplug-b", "enterprise": "M001"}, "topic", "whole level"),
        ({"topic": "{a}/{a}", "format": "sparkplug-b", "enterprise": "M001"}, "topic", "twice"),
        ({"topic": "a", "format": "xml"}, "format", "there is no format xml"),
        ({"topic": "a", "format": "senml-json"}, "enterprise", "is missing"),
        ({"topic": "a", "format": "senml-json", "enterprise": "M001", "point": "{nme}"}, "point", "there are: {name}"),
        ({"topic": "a", "format": "senml-json", "enterprise": "M001", "value": "v"}, "value", "only for json"),
        ({"topic": "a", "format": "senml-json", "enterprise": "M001", "precision": "s"}, "precision", "influx-line"),
        ({"topic": "a", "format": "senml-json", "enterprise": "M001", "quality_codes": "opc"}, "quality_codes", "json"),
        ({"topic": "a", "format": "json", "enterprise": "M001", "value": "v"}, "point", "is missing"),
        ({"topic": "a", "format": "json", "enterprise": "M001", "point": "{p}"}, "value", "is missing"),
        ({"topic": "a", "format": "json", "enterprise": "M001", "point": "{p", "value": "v"}, "point", "braces"),
        (
            {"topic": "a", "format": "json", "enterprise": "E", "point": "p", "value": "v", "time_zone": "Mars"},
            "time_zone",
            "Asia/Shanghai",
        ),
        ({"topic": "a/{point}", "format": "native"}, "topic", "{enterprise}"),
        ({"topic": "a/{enterprise}/#", "format": "native"}, "topic", "#"),
        ({"topic": "{enterprise}/{point}", "format": "native", "unit": "ppm"}, "unit", "not for format native"),
    ],
)
def test_a_route_that_cannot_be(route: dict[str, str], key: str, part: str) -> None:
    with pytest.raises(RouteError) as caught:
        RouteSpec(**route)  # type: ignore[arg-type]
    assert caught.value.key == key
    assert part in caught.value.problem


def test_without_routes_the_decoder_is_the_native_one() -> None:
    assert type(open_routes([], small_directory(), 1000, lambda *_: None)) is NativeDecoder


def test_the_first_route_that_fits_takes_it_and_native_stays_native() -> None:
    specs = [
        RouteSpec("old/{enterprise}/{point}", "native"),
        RouteSpec("#", "senml-json", enterprise="M001"),
        RouteSpec("old/#", "influx-line", enterprise="M001"),
    ]
    assert topic_filters(specs) == ("hazmon/v1/#", "old/+/+", "#", "old/#")
    route = Route(topic="x", format="influx-line", enterprise="M001")
    route.decoder = open_routes(specs, route.directory, 1000, lambda *_: None)
    native = f'{{"t": {NOW_MS}, "v": 1}}'
    for _ in range(2):  # picked, then remembered
        assert route.readings("old/M001/CH4-01", native) == [("CH4-01", 0, 1.0, 0)]
        assert route.readings("hazmon/v1/M001/CO-07", native) == [("CO-07", 0, 1.0, 0)]
        assert route.readings("old/any", '[{"n":"CH4-01","v":2}]') == [("CH4-01", 0, 2.0, 1)]
    assert route.reject("old/M001/X", native)[0] == "unknown-point"
    assert route.reject("$SYS/x", native)[0] == "topic"
    assert route.reject("old/M001/CH4-01", b" " * 1001)[0] == "too-large"
    assert route.reject("old/any", b" " * 1001)[0] == "too-large"


def senml(name: str, value: float, unit: str = "") -> str:
    return json.dumps([{"n": name, "v": value, "t": NOW_MS // 1000} | ({"u": unit} if unit else {})])


def test_names_from_the_topic_and_the_payload() -> None:
    route = Route(topic="s/{enterprise}/{place}", format="senml-json", point="{name}-{place}")
    assert route.readings("s/M001/01", senml("CH4", 0.4)) == [("CH4-01", 0, 0.4, 0)]
    assert route.reject("s/M001/02", senml("CH4", 0.4)) == ("unknown-point", "M001/CH4-02 is not in the plant")
    group = route.group("s/M001/02", senml("CH4", 0.4))
    assert [(str(u.key), u.value) for u in group.unknown] == [("M001/CH4-02", 0.4)]
    reason, detail = route.reject("s/M001/a b", senml("CH4", 0.4))
    assert (reason, "CH4-a b" in detail) == ("name", True)


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("CO-07", 24.0, "", 24.0),
        ("CO-07", 24.0, "ppm", 24.0),
        ("T-1", 21.5, "Cel", 21.5),
        ("P-1", 0.25, "MPa", 250.0),
        ("P-1", 250_000.0, "Pa", 250.0),
        ("CO-07", 0.0024, "lx", "unit"),
        ("T-1", 300.0, "K", "unit"),  # an offset, which the catalogue does not convert: not guessed
    ],
)
def test_units(name: str, value: float, unit: str, expected: float | str) -> None:
    route = Route(topic="s", format="senml-json", enterprise="M001")
    if isinstance(expected, str):
        assert route.reject("s", senml(name, value, unit))[0] == expected
    else:
        ((_, _, got, _),) = route.readings("s", senml(name, value, unit))
        assert got == pytest.approx(expected)


def test_the_routes_unit_is_for_values_without_one() -> None:
    route = Route(topic="s", format="senml-json", enterprise="M001", unit="MPa")
    assert route.readings("s", senml("P-1", 0.25)) == [("P-1", 0, 250.0, 0)]
    assert route.readings("s", senml("P-1", 250.0, "kPa")) == [("P-1", 0, 250.0, 0)]


TABLE = """name,enterprise,point,unit,scale,offset,at_4ma,at_20ma
urn:dev:1,M001,CH4-01,,0.01,,,
temp,,T-1,,0.1,-40,,
pressure,,P-1,MPa,,,0,1.6
gone,,T-9,,,,,
"""


def test_a_mapping_table(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(TABLE)
    route = Route(topic="s", format="senml-json", enterprise="M001", mapping=file)
    assert route.readings("s", senml("urn:dev:1", 42.0)) == [("CH4-01", 0, 0.42, 0)]
    assert route.readings("s", senml("temp", 615.0)) == [("T-1", 0, 21.5, 0)]
    assert route.readings("s", senml("pressure", 12.0)) == [("P-1", 0, 800.0, 0)]
    assert route.readings("s", senml("pressure", 0.0)) == [("P-1", 0, None, 2)]
    assert route.readings("s", senml("pressure", 20.2, "mA")) == [("P-1", 0, pytest.approx(1620.0), 1)]
    assert route.reject("s", senml("CH4-01", 1.0)) == ("unknown-point", "'CH4-01' is not in the mapping table")
    assert route.reject("s", senml("urn:dev:2", 1.0)) == ("unknown-point", "'urn:dev:2' is not in the mapping table")
    assert route.reject("s", senml("gone", 1.0))[1] == "M001/T-9 is not in the plant"
    quiet = Route(topic="s", format="senml-json", enterprise="M001", mapping=file, unknown="ignore")
    assert quiet.readings("s", senml("CH4-01", 1.0)) == []
    assert quiet.readings("s", senml("gone", 1.0)) == []


def test_a_table_as_excel_writes_it_in_china(tmp_path: Path) -> None:
    file = tmp_path / "devices.csv"
    file.write_bytes("name,point\r\n甲烷,CH4-01\r\n".encode("gb18030"))
    assert load_mapping(file)["甲烷"].point == "CH4-01"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("name,pint\n", "line 1: there is no column 'pint'"),
        ("name\na\n", "line 1: column point is missing"),
        ("name,point\n,x\n", "line 2: name and point must both be given"),
        ("name,point\na,x\na,y\n", "line 3: 'a' is in the table already"),
        ("name,point,scale\na,x,ten\n", "line 2 (a): scale is 'ten'; give a number"),
        ("name,point,scale\na,x,0\n", "line 2 (a): scale is 0"),
        ("name,point,offset\na,x,nan\n", "line 2 (a): offset"),
        ("name,point,at_4ma\na,x,0\n", "line 2 (a): at_4ma and at_20ma belong together"),
        ("name,point,at_4ma,at_20ma\na,x,1,1\n", "line 2 (a): at_4ma and at_20ma are the same"),
        ("name,point,at_4ma,at_20ma,scale\na,x,1,2,3\n", "line 2 (a): a current has"),
        ("", "line 1: column name is missing"),
    ],
)
def test_a_mistake_in_a_table(tmp_path: Path, text: str, mistake: str) -> None:
    file = tmp_path / "devices.csv"
    file.write_text(text)
    with pytest.raises(MappingError) as caught:
        load_mapping(file)
    assert mistake in caught.value.mistakes[0]


@given(st.binary(max_size=300))
def test_a_table_of_any_bytes_is_read_or_its_mistakes_told(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.csv"
    file.write_bytes(b"name,point,scale\n" + data)
    try:
        load_mapping(file)
    except MappingError as e:
        assert e.mistakes


def test_a_changed_plant_is_seen_at_once() -> None:
    route = Route(topic="s", format="senml-json", enterprise="M001")
    assert route.readings("s", senml("CH4-01", 1.0)) != []
    points = list(route.directory.points.values())
    route.directory.replace(points[1:])
    assert route.reject("s", senml("CH4-01", 1.0))[0] == "unknown-point"
    assert [t for _, t, _, _ in rows(route.group("s", senml("CO-07", 1.0)))] == [0]


@pytest.mark.parametrize(
    ("current_ma", "value", "quality"),
    [  # standards.md 7.1 on a scale of 0 to 4
        (-1.0, None, 2),
        (0.0, None, 2),
        (3.59, None, 2),
        (3.6, -0.1, 1),
        (3.7, -0.075, 1),
        (3.8, -0.05, 1),
        (3.99, -0.0025, 1),
        (4.0, 0.0, 0),
        (12.0, 2.0, 0),
        (20.0, 4.0, 0),
        (20.01, 4.0025, 1),
        (20.5, 4.125, 1),
        (21.0, 4.25, 1),
        (21.01, None, 2),
        (float("nan"), None, 2),
        (float("inf"), None, 2),
    ],
)
def test_a_current_loop(current_ma: float, value: float | None, quality: int) -> None:
    got, q = CurrentLoop(0.0, 4.0).reading(current_ma)
    assert q == quality
    assert got == (value if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("code", "quality"),
    [
        *[(c, 0) for c in (192, 193, 194, 195, 216, 0xFFC0)],
        *[(c, 1) for c in (64, 68, 80, 84, 88, 128)],
        *[(c, 2) for c in (0, 4, 8, 12, 16, 20, 24, 32, 3)],
        *[(c, 3) for c in (28, 29, 30, 31)],
    ],
)
def test_opc_classic_quality(code: int, quality: int) -> None:
    assert from_opc_classic(code) == quality


@pytest.mark.parametrize(
    ("code", "quality"),
    [(0, 0), (0x00960000, 0), (0x40000000, 1), (0x408F0000, 1), (0x80000000, 2), (0x808A0000, 2), (0xC0000000, 2)],
)
def test_opc_ua_quality(code: int, quality: int) -> None:
    assert from_opc_ua(code) == quality
