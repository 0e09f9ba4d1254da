"""The plant as objects: enterprises, their hazard sources, their points. `plant_files` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from hazards.checks import Checks
from hazards.condition import Condition, Severity

if TYPE_CHECKING:
    from hazards.derivation import Derivation
    from hazards.logic import LogicPoint

__all__ = ["Enterprise", "Name", "Plant", "Point", "PointKey", "Source"]


class PointKey(NamedTuple):
    """What names a point everywhere: its enterprise's id and its own."""

    enterprise: str
    point: str

    def __str__(self) -> str:
        return f"{self.enterprise}/{self.point}"


@dataclass(frozen=True, slots=True)
class Name:
    """A name in both languages that the system speaks."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The name in ``zh`` or, for anything else, in English."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Source:
    """A hazard source (危险源): a face, a tank farm, a pond."""

    enterprise: str
    id: str
    type: str
    name: Name


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A mine, plant or pond operator."""

    id: str
    name: Name
    region: str
    """GB/T 2260 code of the county; city and province follow from it."""
    lat: float | None
    lon: float | None
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A measuring point (测点) with its checks and where each limit comes from."""

    enterprise: str
    source: str
    id: str
    kind: str
    placement: str
    name: Name
    unit: str
    checks: Checks
    standards: Mapping[Condition, str] = field(default_factory=dict)
    """Clause behind each condition, e.g. ``AQ 1029-2019 table 1``."""
    severities: Mapping[Condition, Severity] = field(default_factory=dict)
    lat: float | None = None
    lon: float | None = None
    camera_url: str = ""
    calibrated_on: str = ""
    guidance: Mapping[Condition, Name] = field(default_factory=dict)
    """What to do, where the plant says it for this point; else the catalogue does."""

    @property
    def key(self) -> PointKey:
        """Enterprise and point id."""
        return PointKey(self.enterprise, self.id)


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything that is watched."""

    enterprises: tuple[Enterprise, ...]
    points: tuple[Point, ...]
    """Measured, derived and virtual ones."""
    logic: "tuple[LogicPoint, ...]" = ()
    """What makes the virtual points of logic.toml, which are among ``points``."""
    derivations: "tuple[Derivation, ...]" = ()
    """What makes the derived points of derived.toml, which are among ``points``."""

    @property
    def measured(self) -> tuple[Point, ...]:
        """The points that instruments report; readings of any other are nobody's to send."""
        made = {p.key for p in self.logic} | {d.key for d in self.derivations}
        return tuple(p for p in self.points if p.key not in made) if made else self.points
