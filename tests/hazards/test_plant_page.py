"""docs/plant.md names everything that plant files may hold."""

from pathlib import Path

import pytest

from hazards.catalogue import load_catalogue
from hazards.points_csv import COLUMNS

PAGE = (Path(__file__).parents[2] / "docs" / "plant.md").read_text("utf-8")


@pytest.mark.parametrize("word", [*COLUMNS, *load_catalogue().source_types])
def test_it_is_explained(word: str) -> None:
    assert f"`{word}`" in PAGE
