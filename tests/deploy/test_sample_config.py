"""The sample configuration loads as shipped and uncommented, and leaves no key out."""

import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, SecretStr

from hazmon.config import Channel, Match, RouteSettings, Settings, load_settings

SAMPLE = Path("deploy/hazmon.toml")
SECRETS = {"DUTY_SECRET": "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"}


@pytest.fixture(autouse=True)
def repository_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


def uncommented(marks: str) -> str:
    """The sample with the lines behind these marks (``#`` defaults, ``##`` examples) switched on."""
    return re.sub(rf"^{marks}(?=[^\s#])", "", SAMPLE.read_text("utf-8"), flags=re.MULTILINE)


def load(folder: Path, text: str) -> Settings:
    (folder / "hazmon.toml").write_text(text, "utf-8")
    return load_settings(folder / "hazmon.toml", SECRETS)


def keys(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Every key of the settings that a file may have, by its dotted path."""
    for name, field in model.model_fields.items():
        inner: Any = next((a for a in get_args(field.annotation) if isinstance(a, type)), field.annotation)
        if inner is SecretStr or SecretStr in get_args(field.annotation):
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner is not Match:
            yield from keys(inner, f"{path}{field.alias or name}.")
        else:
            yield f"{path}{field.alias or name}"


def written_keys(table: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for element in value:
                yield from written_keys(element, f"{path}{name}.")
        elif isinstance(value, dict) and name != "match":
            yield from written_keys(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def test_it_loads_as_shipped(tmp_path: Path) -> None:
    settings = load(tmp_path, SAMPLE.read_text("utf-8"))
    assert settings.mqtt == Settings().mqtt


def test_uncommenting_every_default_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, uncommented("#")) == load(tmp_path, SAMPLE.read_text("utf-8"))


def test_every_default_is_written(tmp_path: Path) -> None:
    written = set(written_keys(tomllib.loads(uncommented("#"))))
    repeated = ("notify.", "ingest.routes.")
    have_a_default = {key for key in keys(Settings) if not key.startswith(repeated) and _default(key) is not None}
    assert written == have_a_default


def _default(key: str) -> object:
    section, name = key.split(".", 1)
    return getattr(getattr(Settings(), section), name)


def test_it_loads_with_every_example_too(tmp_path: Path) -> None:
    for name in ("mqtt-password", "influx-token"):
        (tmp_path / name).write_text("s3cret\n")
    (tmp_path / "devices.csv").write_text("name,point\n")
    text = uncommented("##?").replace("/etc/hazmon/secrets/", f"{tmp_path}/")
    settings = load(tmp_path, text)
    assert settings.mqtt.password is not None
    assert settings.notify.channels == [
        Channel(name="duty", kind="webhook", url="https://duty.example/hook", secret_env="DUTY_SECRET")
    ]
    assert [route.format for route in settings.ingest.routes] == ["json", "influx-line", "sparkplug-b"]
    assert settings.ingest.routes[1].mapping == tmp_path / "devices.csv"
    assert settings.notify.routes == [
        RouteSettings.model_validate({"match": {"severity": ["red", "orange"]}, "channels": ["duty"]})
    ]


def test_no_key_is_left_out() -> None:
    assert set(written_keys(tomllib.loads(uncommented("##?")))) == set(keys(Settings))


def test_every_match_key_is_named() -> None:
    sentence = next(line for line in SAMPLE.read_text("utf-8").splitlines() if line.startswith("# Which alarms:"))
    assert all(name in sentence for name in Match.model_fields)


def test_every_key_has_its_sentence() -> None:
    """The line before a key is prose, or another key of the same sentence."""
    lines = SAMPLE.read_text("utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if re.match(r"##?[a-z_]+ = ", line):
            assert before.startswith("#"), f"no sentence above {line!r}"
