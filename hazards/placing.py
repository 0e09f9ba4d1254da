"""Where the catalogue has a point: its kind's placement and unit, and what is said where it has none."""

from collections.abc import Iterable, Mapping

from hazards.catalogue import Kind, Placement
from hazards.cells import Say
from hazards.mistakes import near_match
from hazards.plant import Name

__all__ = ["find_placement", "find_unit", "name_of", "say_unknown"]


def find_placement(kind: Kind, placement: str, source_type: str, say: Say) -> Placement | None:
    """The kind at a placement, or the usual one for the source; None, and said, if it has no such placement."""
    try:
        return kind.at("" if placement == "-" else placement, source_type)
    except KeyError:
        if kind.placements:
            say_unknown(say, "placement", placement, kind.placements)
        else:
            say("placement", "no-placements", kind=kind.id)
        return None


def find_unit(kind: Kind, where: Placement | None, unit: str, spellings: Mapping[str, str], say: Say) -> str | None:
    """A unit as the catalogue writes it, the placement's if none is given; None, and said, if the kind has no such."""
    if not unit or unit == "-":
        return where.unit if where else None
    unit = unit if unit in kind.units else spellings.get(unit, unit)
    if unit in kind.units:
        return unit
    if kind.unit:
        say("unit", "wrong-unit", kind=kind.id, got=unit, known=", ".join(kind.units))
    else:
        say("unit", "wrong-unit-switch", kind=kind.id)
    return None


def say_unknown(say: Say, column: str, got: str, known: Iterable[str]) -> None:
    """Say that there is no such word, and what was probably meant."""
    near = near_match(got, known)
    if near:
        say(column, "unknown-near", what=column, got=got, near=near)
    else:
        say(column, "unknown", what=column, got=got, known=", ".join(known))


def name_of(kind: Kind, where: Placement | None) -> Name:
    """What a point is called that has no name of its own."""
    if where is None or not where.id:
        return kind.name
    return Name(f"{where.name.zh}{kind.name.zh}", f"{kind.name.en}, {where.name.en}")
