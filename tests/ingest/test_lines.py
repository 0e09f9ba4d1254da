"""Line protocol: the vectorised encoder against a plain one, line by line."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.stores.base import AlarmEventRow
from ingest.stores.lines import LineEncoder, encode_events
from tests.support.ingest_parts import NOW_MS, Parts, make_points

T = NOW_MS


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LineEncoder]:
    parts = Parts(tmp_path_factory.mktemp("lines"))
    yield LineEncoder(parts.directory)
    parts.close()


def test_one_line_a_reading(encoder: LineEncoder) -> None:
    batch = ReadingBatch.of([0, 2], [T, T + 1], [0.42, 5], [0, 3])
    series = "reading,enterprise=M001,kind=ch4,point={},source=face-1203"
    assert encoder.encode(batch).decode().splitlines() == [
        f"{series.format('CH4-00000')} quality=0i,value=0.42 {T}",
        f"{series.format('CH4-00002')} quality=3i,value=5 {T + 1}",
    ]


def test_without_a_number_only_the_quality_is_written(encoder: LineEncoder) -> None:
    batch = ReadingBatch.of([0, 0, 0, 1], [T, T + 1, T + 2, T], [math.nan, math.inf, -math.inf, 1], [2, 0, 1, 0])
    lines = encoder.encode(batch).decode().splitlines()
    assert [line.split(" ")[1] for line in lines] == ["quality=2i", "quality=0i", "quality=1i", "quality=0i,value=1"]


def test_nothing_is_nothing(encoder: LineEncoder) -> None:
    assert encoder.encode(ReadingBatch.empty()) == b""
    with pytest.raises(ValueError, match="no point has the number 3"):
        encoder.encode(ReadingBatch.of([3], [T], [1.0], [0]))


LINE = re.compile(
    r"reading,enterprise=M001,kind=ch4,point=CH4-0000(\d),source=face-1203 quality=(\d)i(?:,value=(\S+))? (-?\d+)"
)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(-(2**62), 2**62),
            st.floats(allow_nan=True, allow_infinity=True),
            st.integers(0, 3),
        ),
        min_size=1,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_reading_is_one_line_with_the_very_same_value(
    encoder: LineEncoder, rows: list[tuple[int, int, float, int]]
) -> None:
    got = []
    for line in encoder.encode(ReadingBatch.of(*zip(*rows, strict=True))).decode().splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        point, q, v, t = match.groups()
        got.append((int(point), int(t), None if v is None else float(v), int(q)))
    expected = [(p, t, v if math.isfinite(v) else None, q) for p, t, v, q in rows]
    assert sorted(map(repr, got)) == sorted(map(repr, expected))


def test_points_the_plant_no_longer_has_and_changed_plants(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    encoder = LineEncoder(parts.directory)
    batch = ReadingBatch.of([0, 1], [T, T], [1.0, 2.0], [0, 0])
    encoder.encode(batch)
    moved = replace(make_points(4)[1], source="a b,c=d\\")
    parts.directory.replace([moved, make_points(4)[3]])
    assert encoder.encode(batch).decode().splitlines() == [
        f"reading,enterprise=M001,point=CH4-00000 quality=0i,value=1 {T}",
        f"reading,enterprise=M001,kind=ch4,point=CH4-00001,source=a\\ b\\,c\\=d quality=0i,value=2 {T}",
    ]
    number = parts.directory.number(PointKey("M001", "CH4-00003"))
    assert b"CH4-00003" in encoder.encode(ReadingBatch.of([number], [T], [1.0], [0]))
    parts.close()


def test_alarm_events_without_numbers_have_no_such_fields() -> None:
    row = AlarmEventRow("M1", "s", "p", "fault", "red", 'i"d\\', "raised", "fault", math.nan, None, T)
    assert encode_events([row]).decode().split(" ", 1)[1] == f'id="i\\"d\\\\",event="raised",condition="fault" {T}\n'
    assert encode_events([]) == b""
