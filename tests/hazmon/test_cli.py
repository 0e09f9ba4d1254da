"""The command line as a person meets it: help with an example, one line for a mistake, the right exit status."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hazmon import __version__
from hazmon.cli import app
from tests.support.hazmon_process import write_plant
from tests.support.longwall import PLANT_POINTS

POINTS = PLANT_POINTS.replace("MM116", "CH4-01")


def run(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def commands(group=None, path=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_explains_itself_with_an_example(words):
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert f"Example: hazmon {' '.join(words)}" in result.output


def test_the_program_starts_quickly_enough_to_be_asked_for_help():
    """The heavy parts are imported by the commands that need them."""
    code = (
        "import sys, hazmon.cli; print([m for m in ('duckdb', 'nicegui', 'sqlalchemy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version():
    assert run("--version").output.strip() == f"hazmon {__version__}"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["demo", "--for", "soon"], "'soon' is not a duration"),
        (["demo", "--speed", "max"], "the demo is live"),
        (["demo", "--port", "70000"], "--port"),
        (["simulate", "no-such-scenario"], "no-such-scenario"),
        (["simulate", "quiet", "--speed", "-1"], "no speed"),
        (["simulate", "quiet", "--broker", "http://x"], "http://x"),
        (["simulate", "quiet", "--speed", "max"], "duration"),
        (["replay", "nowhere.csv"], "nowhere.csv"),
        (["replay", "history.csv", "--start", "noon"], "--start"),
        (["record", "--out", "history.txt"], "history.txt"),
        (["plant", "check", "nowhere"], "nowhere"),
        (["run", "-c", "nowhere.toml"], "nowhere.toml: no such file"),
        (["key", "create", "-c", "hazmon.toml", "--role", "boss", "--name", "x"], "viewer, operator, engineer, admin"),
        (["key", "create", "-c", "hazmon.toml", "--role", "viewer", "--name", " "], "--name"),
        (["key", "create", "-c", "nowhere.toml", "--role", "viewer", "--name", "x"], "nowhere.toml: no such file"),
        (["fly"], "fly"),
    ],
)
def test_a_mistake_is_told_in_a_line_and_exits_with_2(tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hazmon.toml").write_text('[data]\ndir = "data"\n')
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert says in result.output.replace("│", "").replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in result.output


def test_every_mistake_of_a_plant_has_a_line(tmp_path):
    write_plant(tmp_path / "plant", POINTS + "M001,face-9999,X,ch4,T1,,,\nM001,face-1203,Y,ch5,T1,,,\n")
    result = run("plant", "check", tmp_path / "plant")
    assert result.exit_code == 2
    lines = result.output.strip().splitlines()
    assert len(lines) == 2
    assert "points.csv line 3" in lines[0]
    assert "points.csv line 4" in lines[1]


def test_a_good_plant_is_counted(tmp_path):
    write_plant(tmp_path / "plant", POINTS)
    result = run("plant", "check", tmp_path / "plant")
    assert result.exit_code == 0
    assert "1 enterprises, 1 hazard sources, 1 points" in result.output


def test_run_refuses_a_plant_with_mistakes(tmp_path):
    write_plant(tmp_path / "plant", POINTS.replace(",ch4,", ",ch5,"))
    (tmp_path / "hazmon.toml").write_text('[data]\ndir = "data"\n')
    result = run("run", "-c", tmp_path / "hazmon.toml")
    assert result.exit_code == 2
    assert "points.csv line 2" in result.output
    assert not (tmp_path / "data").exists(), "nothing is begun"


def test_the_sample_plant_is_whole():
    assert run("plant", "check", Path(__file__).parents[2] / "simulators" / "plant").exit_code == 0
