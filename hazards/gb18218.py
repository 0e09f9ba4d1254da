"""Is a unit a major hazard (重大危险源), and of which grade: GB 18218-2018.

A unit is one when S = Σ q/Q reaches 1, q being the most that the design lets it hold. Its grade comes from
R = α · Σ β·q/Q, where β weighs the substance and α the people within 500 m of the boundary. What counts as one unit,
and which mixtures count as pure, is for people to decide.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Literal

from hazards.plant import Name

__all__ = ["Assessment", "HazardQuantityError", "Substance", "assess", "load_substances"]


class HazardQuantityError(ValueError):
    """A substance that is not listed, or a quantity or number of people that cannot be."""


@dataclass(frozen=True, slots=True)
class Substance:
    """A substance of table 1 or a class of table 2, with its critical quantity and its factor."""

    id: str
    name: Name
    q_t: float
    """Critical quantity Q. [t]"""
    q_confidence: Literal["confirmed", "recalled"]
    beta: float
    """Correction factor β."""
    beta_confidence: Literal["confirmed", "recalled"]
    is_class: bool
    """A class of table 2, for substances that table 1 does not name."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What GB 18218 says of a unit."""

    s: float
    """Σ q/Q."""
    alpha: float
    r: float
    """α · Σ β·q/Q."""
    grade: int | None
    """1 (the worst) to 4; None if the unit is no major hazard."""
    unconfirmed: tuple[str, ...]
    """Substances whose Q or β is only recalled: check them before the result is used."""

    @property
    def is_major_hazard(self) -> bool:
        """S reaches 1."""
        return self.grade is not None


@dataclass(frozen=True, slots=True)
class _Tables:
    substances: Mapping[str, Substance]
    alpha: tuple[tuple[float, float], ...]
    grade: tuple[tuple[float, float], ...]


@cache
def _tables() -> _Tables:
    document = tomllib.loads(resources.files("hazards").joinpath("gb18218.toml").read_text("utf-8"))
    substances = {
        row["id"]: Substance(**(row | {"name": Name(**row["name"]), "is_class": table == "class"}))
        for table in ("substance", "class")
        for row in document[table]
    }
    steps = {
        key: tuple(sorted(((float(least), value) for least, value in document[key].items()), reverse=True))
        for key in ("alpha", "grade")
    }
    return _Tables(MappingProxyType(substances), steps["alpha"], steps["grade"])


def load_substances() -> Mapping[str, Substance]:
    """Every substance of table 1 and class of table 2, by id.

    >>> load_substances()["chlorine"].q_t, load_substances()["J1"].is_class
    (5, True)
    """
    return _tables().substances


def assess(quantity_t: Mapping[str, float], people_within_500_m: int) -> Assessment:
    """Identify and grade one unit.

    Parameters
    ----------
    quantity_t : mapping of str to float
        The most that the design lets the unit hold, by substance or, where table 1 does not name it, by class. [t]
    people_within_500_m : int
        Permanently present within 500 m outside the boundary.

    Returns
    -------
    Assessment

    Raises
    ------
    HazardQuantityError
        If a substance is not listed, a quantity is negative or no number, or the number of people is negative.

    References
    ----------
    GB 18218-2018; order 40 (2011) of the former State Administration of Work Safety, annex 1.

    Examples
    --------
    >>> assess({"chlorine": 10.0, "ammonia": 5.0}, people_within_500_m=60)
    Assessment(s=2.5, alpha=1.5, r=13.5, grade=3, unconfirmed=('chlorine', 'ammonia'))
    """
    tables = _tables()
    if people_within_500_m < 0:
        raise HazardQuantityError(f"{people_within_500_m} people within 500 m; give zero or more")
    for substance, q in quantity_t.items():
        if substance not in tables.substances:
            raise HazardQuantityError(f"{substance!r} is in neither table; give its class, such as W5.3 or J2")
        if not (math.isfinite(q) and q >= 0):
            raise HazardQuantityError(f"{q} t of {substance}; give zero or more")
    shares = [
        (tables.substances[substance], q / tables.substances[substance].q_t) for substance, q in quantity_t.items()
    ]
    # fsum: the threshold is exactly 1, and ten times a tenth must reach it.
    s = math.fsum(share for _, share in shares)
    alpha = _step(tables.alpha, people_within_500_m)
    r = alpha * math.fsum(substance.beta * share for substance, share in shares)
    return Assessment(
        s=s,
        alpha=alpha,
        r=r,
        grade=int(_step(tables.grade, r)) if s >= 1 else None,
        unconfirmed=tuple(
            substance.id for substance, _ in shares if "recalled" in (substance.q_confidence, substance.beta_confidence)
        ),
    )


def _step(steps: tuple[tuple[float, float], ...], value: float) -> float:
    """The value beside the highest bound that is reached."""
    return next(result for least, result in steps if value >= least)
