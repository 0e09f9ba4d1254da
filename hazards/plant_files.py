"""A plant from its folder: plant.toml and points.csv, with everything that is wrong with them at once."""

from pathlib import Path

from hazards.catalogue import load_catalogue
from hazards.mistakes import Mistake, PlantError
from hazards.plant import Enterprise, Plant
from hazards.plant_toml import parse_plant_toml
from hazards.points_csv import parse_points_csv
from hazards.text_files import read_text

__all__ = ["Mistake", "PlantError", "load_plant"]


def load_plant(folder: Path) -> Plant:
    """Read a plant's folder.

    Parameters
    ----------
    folder : Path
        Holds plant.toml and points.csv as docs/plant.md describes them.

    Returns
    -------
    Plant
        Points in the order of the file, their checks filled in from the catalogue.

    Raises
    ------
    PlantError
        With every mistake in both files: file, line, column, what is wrong and what would be right.
    """
    folder, catalogue = Path(folder), load_catalogue()
    toml_file, csv_file = folder / "plant.toml", folder / "points.csv"
    mistakes: list[Mistake] = []
    enterprises: tuple[Enterprise, ...] | None = None
    toml_text = read_text(toml_file)
    if isinstance(toml_text, Mistake):
        mistakes.append(toml_text)
    else:
        enterprises, found = parse_plant_toml(toml_text, str(toml_file), catalogue)
        mistakes += found
    csv_text = read_text(csv_file)
    if isinstance(csv_text, Mistake):
        raise PlantError([*mistakes, csv_text])
    points, found = parse_points_csv(csv_text, str(csv_file), enterprises, catalogue)
    mistakes += found
    if mistakes or enterprises is None:
        raise PlantError(mistakes)
    return Plant(enterprises, points)
