"""Recordings are read as they are, and what is wrong with them is said in one line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hazards.plant import PointKey
from simulators.errors import SimulatorError
from simulators.recording import Recording, parse_mapping, read_recording
from simulators.replay import replay_steps

LONGWALL = Path(__file__).parents[3] / "shared" / "data" / "longwall-30s.csv"


def write(folder: Path, text: str, name: str = "run.csv") -> Path:
    """A file of the test's own."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def flat(recording: Recording) -> list[tuple[int, str, float, int]]:
    """Rows, for comparison; NaN becomes a word."""
    return [
        (t, str(recording.keys[p]), v if np.isfinite(v) else -999.0, q)
        for t, p, v, q in zip(
            recording.time_ms.tolist(),
            recording.point.tolist(),
            recording.value.tolist(),
            recording.quality.tolist(),
            strict=True,
        )
    ]


def test_wide_with_a_mapping_takes_the_mapped_columns_alone(tmp_path: Path) -> None:
    file = write(tmp_path, "seconds,MM31,MM116\n0,0.46,1.3\n30,,1.4\n60,NaN,1.5\n")
    got = read_recording([file], mapping=parse_mapping(["MM116=M001/CH4-03"]))
    assert flat(got) == [(0, "M001/CH4-03", 1.3, 0), (30_000, "M001/CH4-03", 1.4, 0), (60_000, "M001/CH4-03", 1.5, 0)]
    assert not got.dated


def test_wide_with_an_enterprise_takes_every_column(tmp_path: Path) -> None:
    file = write(tmp_path, "time,A,X\n2026-01-01T00:00:00Z,1,\n2026-01-01T08:00:01+08:00,2,3\n")
    got = read_recording([file], enterprise="M1", mapping=parse_mapping(["X=M2/B"]))
    t = 1_767_225_600_000
    assert flat(got) == [(t, "M1/A", 1.0, 0), (t + 1000, "M1/A", 2.0, 0), (t + 1000, "M2/B", 3.0, 0)]
    assert got.dated


def test_wide_columns_may_name_their_points(tmp_path: Path) -> None:
    file = write(tmp_path, "\ufefftime,M1/A,M1/B\n1764000000000,true,\n")
    assert flat(read_recording([file])) == [(1_764_000_000_000, "M1/A", 1.0, 0)]


def test_long_with_and_without_quality(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "point,enterprise,value,time,quality\nA,M1,1.5,1000,\nA,M1,,2000,\nA,M1,,3000,2\nA,M1,7,4000,3\n",
    )
    assert flat(read_recording([file])) == [
        (1000, "M1/A", 1.5, 0),
        (3000, "M1/A", -999.0, 2),
        (4000, "M1/A", 7.0, 3),
    ]


def test_several_files_become_one_in_the_order_of_time(tmp_path: Path) -> None:
    one = write(tmp_path, "time,M1/A\n2000,2\n1000,1\n", "one.csv")
    two = write(tmp_path, "time,enterprise,point,value\n1500,M2,B,9\n", "two.csv")
    assert [t for t, *_ in flat(read_recording([one, two]))] == [1000, 1500, 2000]


def test_parquet_wide_and_long(tmp_path: Path) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = pa.array([start, start + timedelta(seconds=1)], pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"time": times, "M1/A": [1.0, None]}), tmp_path / "wide.parquet")
    pq.write_table(
        pa.table({"time": [1, 2], "enterprise": ["M1"] * 2, "point": ["A"] * 2, "value": [1, 2], "quality": [None, 3]}),
        tmp_path / "long.parquet",
    )
    assert flat(read_recording([tmp_path / "wide.parquet"])) == [(1_767_225_600_000, "M1/A", 1.0, 0)]
    assert flat(read_recording([tmp_path / "long.parquet"])) == [(1, "M1/A", 1.0, 0), (2, "M1/A", 2.0, 3)]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "line 1: no header"),
        ("a,b\n1,2\n", {}, "no column says when"),
        ("seconds,MM31\n0,1\n", {}, "column 'MM31' belongs to no point; map it (MM31=M001/CH4-01)"),
        (
            "seconds,MM31\n0,1\n",
            {"mapping": {"MM9": PointKey("M1", "A")}},
            "has none of the mapped columns (MM9); it has MM31",
        ),
        (
            "seconds,A,B\n0,1,1\n",
            {"mapping": {"A": PointKey("M1", "A"), "C": PointKey("M1", "C")}},
            "no file has a column 'C'",
        ),
        ("seconds,A A\n0,1\n", {"enterprise": "M1"}, "column 'A A' is no name of a point"),
        ("seconds,A\n0,1\n", {"enterprise": "M 1"}, "enterprise 'M 1'"),
        ("seconds,A,A\n0,1,1\n", {"enterprise": "M1"}, "line 1: column 'A' is there twice"),
        ("seconds,A\n0,high\n", {"enterprise": "M1"}, "line 2: A is 'high'; give a number, or nothing"),
        ("seconds,A\nzero,1\n", {"enterprise": "M1"}, "line 2: seconds 'zero' is not a number"),
        ("time,A\nnoon,1\n", {"enterprise": "M1"}, "line 2: time 'noon' is neither RFC 3339"),
        ("time,A\n2026-01-01T00:00:00,1\n", {"enterprise": "M1"}, "with an offset"),
        ("seconds,A\n0,1\n\n1\n", {"enterprise": "M1"}, "line 4: 1 cells; the header has 2"),
        ("seconds,A\n0,\n", {"enterprise": "M1"}, "has no readings"),
        ("time,point,value\n1,A,2\n", {}, "column 'enterprise' is missing"),
        ("time,enterprise,point,value\n1,M1,A A,2\n", {}, "line 2: M1/A A is no name"),
        ("time,enterprise,point,value,quality\n1,M1,A,2,9\n", {}, "line 2: quality is '9'"),
        ('seconds,A\n0,"1\n', {"enterprise": "M1"}, "is not CSV in UTF-8"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, options: dict[str, object], words: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(SimulatorError) as caught:
        read_recording([file], **options)  # type: ignore[arg-type]
    message = str(caught.value)
    assert words in message
    assert "\n" not in message


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("seconds,A\n0,°\n".encode("latin-1"))
    (tmp_path / "not.parquet").write_bytes(b"PAR1 but no")
    for name, words in [
        ("missing.csv", "cannot be read"),
        ("run.xlsx", "give a .csv or a .parquet file"),
        ("latin.csv", "is not CSV in UTF-8"),
        ("not.parquet", "cannot be read as Parquet"),
        ("missing.parquet", "cannot be read as Parquet"),
    ]:
        with pytest.raises(SimulatorError) as caught:
            read_recording([tmp_path / name], enterprise="M1")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(SimulatorError, match="at least one"):
        read_recording([])


def test_dates_and_seconds_do_not_mix(tmp_path: Path) -> None:
    one = write(tmp_path, "time,M1/A\n2000,2\n", "one.csv")
    two = write(tmp_path, "seconds,M1/A\n0,2\n", "two.csv")
    with pytest.raises(SimulatorError, match=r"two\.csv.*either dates or seconds"):
        read_recording([one, two])


@pytest.mark.parametrize("text", ["MM116", "MM116=", "=M1/A", "A=M1", "A=M1/A B", "A=M1/A/B"])
def test_a_wrong_map_is_one_line(text: str) -> None:
    with pytest.raises(SimulatorError, match="give COLUMN=ENTERPRISE/POINT"):
        parse_mapping([text])


NOW_MS = 1_800_000_000_000


@pytest.fixture
def minute(tmp_path: Path) -> Recording:
    """Three readings half a minute apart, with dates."""
    return read_recording([write(tmp_path, "time,M1/A\n10000,1\n40000,2\n70000,3\n")])


@pytest.mark.parametrize(
    ("options", "stamps", "due"),
    [
        ({}, [NOW_MS, NOW_MS + 30_000, NOW_MS + 60_000], [0, 30, 60]),
        ({"speed": 60.0}, [NOW_MS, NOW_MS + 500, NOW_MS + 1000], [0, 0.5, 1]),
        ({"speed": "max"}, [NOW_MS - 60_000, NOW_MS - 30_000, NOW_MS], None),
        ({"speed": "max", "keep_times": True}, [10_000, 40_000, 70_000], None),
        ({"speed": 60.0, "start_ms": 5}, [5, 30_005, 60_005], [0, 0.5, 1]),
    ],
)
def test_stamps_and_pace(
    minute: Recording, options: dict[str, object], stamps: list[int], due: list[float] | None
) -> None:
    steps = list(replay_steps(minute, now_ms=NOW_MS, **options))  # type: ignore[arg-type]
    assert [s.time_ms for s in steps] == stamps
    if due is not None:
        assert [s.due_s for s in steps] == due


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speed": 0.0}, "above 0, or max"),
        ({"speed": 40_000.0}, "give at most 30000, or max"),
        ({"start_ms": 1, "keep_times": True}, "exclude each other"),
    ],
)
def test_options_that_cannot_be(minute: Recording, options: dict[str, object], words: str) -> None:
    with pytest.raises(SimulatorError, match=words):
        replay_steps(minute, now_ms=NOW_MS, **options)  # type: ignore[arg-type]


def test_seconds_have_no_dates_to_keep(tmp_path: Path) -> None:
    recording = read_recording([write(tmp_path, "seconds,M1/A\n0,1\n")])
    with pytest.raises(SimulatorError, match="no dates to keep"):
        replay_steps(recording, now_ms=NOW_MS, keep_times=True)


def test_readings_of_one_time_are_one_step_per_enterprise(tmp_path: Path) -> None:
    recording = read_recording([write(tmp_path, "time,M1/A,M2/B,M1/C\n1,1,2,3\n2,4,,5\n")])
    steps = list(replay_steps(recording, now_ms=NOW_MS, keep_times=True, speed="max"))
    assert sum(len(s) for s in steps) == 5
    assert [(s.time_ms, s.enterprise) for s in steps][-1] == (2, "M1")
    assert {(s.enterprise, p) for s in steps for p in s.points} == {("M1", "A"), ("M1", "C"), ("M2", "B")}


def test_the_recorded_longwall_is_read_whole() -> None:
    if not LONGWALL.exists():
        pytest.skip(f"{LONGWALL} is not part of the project")
    got = read_recording([LONGWALL], mapping=parse_mapping(["MM116=M001/CH4-03"]))
    assert len(got) == 13_368
    assert int((got.value >= 1.0).sum()) == 3440
    steps = list(replay_steps(got, now_ms=NOW_MS, speed="max"))
    assert steps[-1].time_ms == NOW_MS
    assert steps[0].time_ms == NOW_MS - 13_367 * 30_000
