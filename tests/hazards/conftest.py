"""Plant folders for the tests of hazards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hazards.mistakes import Mistake, PlantError
from hazards.plant import Plant
from hazards.plant_files import load_plant

PLANT_TOML = """\
[[enterprise]]
id = "M001"
name = { zh = "示例煤矿", en = "Sample colliery" }
region = "140105"
lat = 37.80
lon = 112.60
[[enterprise.source]]
id = "face-1203"
type = "coal-mine"
name = { zh = "1203综采工作面", en = "Longwall face 1203" }
[[enterprise.source]]
id = "tanks"
type = "tank-farm"
name = { zh = "罐区", en = "Tank farm" }
"""

Load = Callable[..., Plant]
Mistakes = Callable[..., tuple[Mistake, ...]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a plant's files (``None`` leaves one out) and load the folder."""

    def load_files(points: str | bytes | None = None, plant: str | bytes | None = PLANT_TOML) -> Plant:
        for name, content in (("plant.toml", plant), ("points.csv", points)):
            if content is not None:
                data = content.encode() if isinstance(content, str) else content
                (tmp_path / name).write_bytes(data)
        return load_plant(tmp_path)

    return load_files


@pytest.fixture
def mistakes(load: Load) -> Mistakes:
    """Load files that are wrong, and return what was said about them."""

    def mistakes_in(points: str | bytes | None = None, plant: str | bytes | None = PLANT_TOML) -> tuple[Mistake, ...]:
        with pytest.raises(PlantError) as caught:
            load(points, plant)
        return caught.value.mistakes

    return mistakes_in
