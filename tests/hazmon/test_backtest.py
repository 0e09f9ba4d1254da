"""`hazmon backtest`: the live engine over a history."""

import csv

import pytest
from typer.testing import CliRunner

from alerting.times import rfc3339
from hazmon.cli import app
from tests.support.hazmon_process import write_plant
from tests.support.longwall import PLANT_POINTS, episodes, recording_file

START_MS = 1_767_567_600_000  # 2026-01-05T07:00:00+08:00


def run(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def test_a_longwall_has_exactly_the_alarms_that_a_plain_reading_gives(tmp_path):
    file = recording_file()
    write_plant(tmp_path / "plant", PLANT_POINTS)
    result = run(
        "backtest", "--plant", tmp_path / "plant", "--data", file, "--map", "MM116=M001/MM116",
        "--start", "2026-01-05T07:00:00+08:00", "--out", tmp_path / "alarms.csv",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    with (tmp_path / "alarms.csv").open(newline="") as lines:
        alarms = [(a["raised_at"], a["cleared_at"]) for a in csv.DictReader(lines)]
    expected = [
        (rfc3339(START_MS + raised), "" if cleared is None else rfc3339(START_MS + cleared))
        for raised, cleared in episodes(file)
    ]
    assert alarms == expected
    assert len(alarms) == 140


LONG = """time,enterprise,point,value
2026-01-05T07:00:00+08:00,M001,CH4-01,0.9
2026-01-05T07:00:10+08:00,M001,CH4-01,1.2
2026-01-05T07:00:20+08:00,M001,CH4-01,1.6
2026-01-05T07:00:30+08:00,M001,CH4-01,1.2
"""


def test_an_alarm_that_still_stands_at_the_end_has_no_end(tmp_path):
    write_plant(tmp_path / "plant", PLANT_POINTS.replace("MM116", "CH4-01").replace("T2", "T1"))
    (tmp_path / "history.csv").write_text(LONG)
    result = run("backtest", "--plant", tmp_path / "plant", "--data", tmp_path / "history.csv")
    assert result.exit_code == 0, result.output
    (alarm,) = csv.DictReader(result.output.splitlines())
    assert (alarm["condition"], alarm["worst"], alarm["cleared_at"]) == ("high_high", "red", "")
    assert alarm["raised_at"] == "2026-01-04T23:00:10.000Z"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--data", "history.csv", "--plant", "nowhere"], "nowhere"),
        (["--data", "nowhere.csv", "--plant", "plant"], "nowhere.csv"),
        (["--data", "history.csv", "--plant", "plant", "--start", "noon"], "--start"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    write_plant(tmp_path / "plant", PLANT_POINTS.replace("MM116", "CH4-01"))
    (tmp_path / "history.csv").write_text(LONG)
    result = run("backtest", *words)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output


def test_a_point_that_the_plant_does_not_know(tmp_path):
    write_plant(tmp_path / "plant", PLANT_POINTS)
    (tmp_path / "history.csv").write_text(LONG)
    result = run("backtest", "--plant", tmp_path / "plant", "--data", tmp_path / "history.csv")
    assert result.exit_code == 2
    assert "the plant has no point M001/CH4-01" in result.output


DERIVED = """
[[derived]]
enterprise = "M001"
source = "face-1203"
point = "RISE"
kind = "ch4"
placement = "T1"
function = "difference"
inputs = ["CH4-01", "CH4-02"]
high = 0.5
high_high = "-"
high_high_clear = "-"
high_clear = 0.5
off_delay = "0s"
"""


def test_derived_points_are_judged_too(tmp_path):
    points = PLANT_POINTS.replace("MM116", "CH4-01").replace("T2", "T1")
    write_plant(tmp_path / "plant", points + "M001,face-1203,CH4-02,ch4,T1,0s,-,-\n")
    (tmp_path / "plant" / "derived.toml").write_text(DERIVED)
    (tmp_path / "history.csv").write_text(
        "time,enterprise,point,value\n"
        "2026-01-05T07:00:00Z,M001,CH4-01,0.7\n2026-01-05T07:00:00Z,M001,CH4-02,0.6\n"
        "2026-01-05T07:00:10Z,M001,CH4-01,0.9\n2026-01-05T07:00:10Z,M001,CH4-02,0.2\n"
    )
    result = run("backtest", "--plant", tmp_path / "plant", "--data", tmp_path / "history.csv")
    assert result.exit_code == 0, result.output
    (alarm,) = csv.DictReader(result.output.splitlines())
    assert (alarm["point"], alarm["condition"], alarm["raised_at"]) == ("RISE", "high", "2026-01-05T07:00:10.000Z")
