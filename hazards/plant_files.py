"""A plant from its folder: plant.toml, points.csv, derived.toml and logic.toml, with all that is wrong with them."""

from pathlib import Path

from hazards.catalogue import load_catalogue
from hazards.derivation import Derivation
from hazards.derived_toml import parse_derived_toml
from hazards.logic import LogicPoint
from hazards.logic_toml import parse_logic_toml
from hazards.mistakes import Mistake, PlantError
from hazards.plant import Enterprise, Plant, Point
from hazards.plant_toml import parse_plant_toml
from hazards.points_csv import parse_points_csv
from hazards.text_files import read_text

__all__ = ["Mistake", "PlantError", "load_plant"]


def load_plant(folder: Path) -> Plant:
    """Read a plant's folder.

    Parameters
    ----------
    folder : Path
        Holds plant.toml and points.csv as docs/plant.md describes them, derived.toml (docs/derived.md) if there are
        derived points, and logic.toml (docs/logic.md) if there is logic across points.

    Returns
    -------
    Plant
        Points in the order of the files, their checks filled in from the catalogue.

    Raises
    ------
    PlantError
        With every mistake in all files: file, line, column, what is wrong and what would be right.
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
    # Where points.csv has mistakes, points may be missing that are not missing.
    inputs = None if found else points
    derived: tuple[Point, ...] = ()
    derivations: tuple[Derivation, ...] = ()
    if (derived_file := folder / "derived.toml").exists():
        derived_text = read_text(derived_file)
        if isinstance(derived_text, Mistake):
            mistakes.append(derived_text)
            inputs = None
        else:
            derived, derivations, wrong = parse_derived_toml(
                derived_text, str(derived_file), enterprises, inputs, catalogue
            )
            mistakes += wrong
            inputs = None if inputs is None or wrong else inputs + derived
    virtual: tuple[Point, ...] = ()
    logic: tuple[LogicPoint, ...] = ()
    if (logic_file := folder / "logic.toml").exists():
        logic_text = read_text(logic_file)
        if isinstance(logic_text, Mistake):
            mistakes.append(logic_text)
        else:
            virtual, logic, wrong = parse_logic_toml(logic_text, str(logic_file), enterprises, inputs, catalogue)
            mistakes += wrong
    if mistakes or enterprises is None:
        raise PlantError(mistakes)
    return Plant(enterprises, points + derived + virtual, logic, derivations)
