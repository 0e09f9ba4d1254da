"""What the documentation's own extensions make: the configuration page and the search index."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


def extension(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXTENSIONS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_key_becomes_a_heading_with_its_sentence_default_and_variable() -> None:
    config = extension("sample_config")
    sample = (
        "# About the file.\n\n[mqtt]\n# Address.\n#   mqtt://HOST\n# [text]\n"
        '#url = "mqtt://127.0.0.1:1883"\n# User.\n##username = "hazmon"\n'
    )
    assert config.markdown(config.read_sample(sample)).split("\n\n") == [
        "## `[mqtt]`",
        "### `url`",
        "Address.",
        "    mqtt://HOST",
        "[text]",
        'Default: `url = "mqtt://127.0.0.1:1883"`\\\nEnvironment: `HAZMON_MQTT__URL`',
        "### `username`",
        "User.",
        'No default; for example: `username = "hazmon"`\\\nEnvironment: `HAZMON_MQTT__USERNAME`\n',
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("on-delay of CH4", ["on", "delay", "of", "CH4"]),
        ("报警", ["报警", "报", "警", "报警"]),
        ("可燃气体GB50493", ["可燃气体", "可", "燃", "气", "体", "可燃", "燃气", "气体", "GB50493"]),
    ],
)
def test_chinese_is_indexed_by_characters_and_pairs(text: str, found: list[str]) -> None:
    assert extension("chinese_search").SearchChineseAndEnglish({}).split(text) == found
