"""What the catalogue consists of: kinds, their placements, and defaults that say where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hazards.condition import Condition, Family, Severity
from hazards.plant import Name
from hazards.quality import Quality

__all__ = ["DESIGN", "VALUED_FIELDS", "Catalogue", "Confidence", "Default", "Kind", "Placement"]

Confidence = Literal["confirmed", "recalled", "derived", "design"]
"""confirmed: found in a public source; recalled: from general knowledge, check before relying on it; derived:
arithmetic from such values; design: hazmon's own choice, no standard says it."""

DESIGN = "hazmon default"
"""The clause shown for a value that is hazmon's own choice."""

VALUED_FIELDS = frozenset({
    "high_high", "high", "low", "low_low", "high_high_clear", "high_clear", "low_clear", "low_low_clear",
    "rate_per_s", "frozen_band", "range_low", "range_high",
})  # fmt: skip
"""Checks whose number is in the unit of the point (the rate: that unit per second)."""


@dataclass(frozen=True, slots=True)
class Default:
    """A shipped value, editable in `points.csv`, and why it is what it is."""

    value: float
    """In the unit of the placement that holds it; times in ms."""
    clause: str
    """Standard and place in it, as alarms show it: ``AQ 1029-2019 table 1``."""
    confidence: Confidence
    source: str = ""
    """Where the number was found (the document's title), or the reason for it."""

    @property
    def standard(self) -> str:
        """The clause as alarms show it; a number that is only recalled says so.

        >>> Default(0.7, "AQ 1029-2019 table 1", "recalled").standard
        'AQ 1029-2019 table 1 (unconfirmed)'
        """
        return f"{self.clause} (unconfirmed)" if self.confidence == "recalled" else self.clause


@dataclass(frozen=True, slots=True)
class Placement:
    """A kind at a kind of place: all that holds there, the kind's own values included."""

    id: str
    """Empty for the kind wherever it is."""
    name: Name
    unit: str
    defaults: Mapping[str, Default]
    """By the field of `Checks`; values in `unit`. A field that is missing has no shipped value."""
    severities: Mapping[Condition, Severity]
    """Of every condition."""
    guidance: Mapping[Condition, Name]
    """What to do, of every condition."""
    deadband_percent: Default | None
    """Where the plant gives a limit and nobody a clearing value: this much of the span apart. [%]"""
    span: float | None
    """Nominal measuring span for `deadband_percent`, where the plant gives no range. [unit]"""
    stated: frozenset[str]
    """Fields that this placement states itself rather than takes from the kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a point measures: its units, how bad its conditions are, what to do, and its placements."""

    id: str
    name: Name
    stream: str
    """The part of the catalogue it stands in: gas, process, coal-mine, tailings-pond."""
    unit: str
    units: Mapping[str, float | None]
    """Every accepted unit; a value in `unit` times the factor is the value in that unit, None = not convertible."""
    states: Mapping[int, Name]
    """Names of the values of a switch; empty for a measurement."""
    anywhere: Placement
    """The kind without a placement."""
    placements: Mapping[str, Placement]
    usual_placement: Mapping[str, str]
    """Placement that a point without one has, by the type of its source; under an empty type for all others."""

    @property
    def severities(self) -> Mapping[Condition, Severity]:
        """Of every condition, where the placement says nothing else."""
        return self.anywhere.severities

    @property
    def guidance(self) -> Mapping[Condition, Name]:
        """What to do, of every condition, where the placement says nothing else."""
        return self.anywhere.guidance

    @property
    def defaults(self) -> Mapping[str, Default]:
        """Shipped values, where the placement says nothing else."""
        return self.anywhere.defaults

    def at(self, placement: str, source_type: str = "") -> Placement:
        """The kind at a placement; an empty id is the usual one for the type of source, if it has one.

        Raises
        ------
        KeyError
            If the kind has no such placement.

        Examples
        --------
        >>> from hazards.catalogue import load_catalogue
        >>> co = load_catalogue().kinds["co"]
        >>> co.at("", "coal-mine").defaults["high"].value, co.at("", "tank-farm").defaults["high"].value
        (24.0, 20.0)
        """
        usual = self.usual_placement
        placement = placement or usual.get(source_type, usual.get("", ""))
        return self.placements[placement] if placement else self.anywhere

    def convert(self, value: float, from_unit: str, to_unit: str) -> float | None:
        """A value in another accepted unit, to four significant digits; None where no conversion exists.

        >>> from hazards.catalogue import load_catalogue
        >>> load_catalogue().kinds["h2s"].convert(10.0, "mg/m3", "ppm")
        7.054
        """
        if from_unit == to_unit:
            return value
        from_factor, to_factor = self.units[from_unit], self.units[to_unit]
        if from_factor is None or to_factor is None:
            return None
        return float(f"{value / from_factor * to_factor:.4g}")

    def defaults_in(self, placement: Placement, unit: str) -> Mapping[str, Default]:
        """A placement's shipped values in another accepted unit.

        A value that was converted is ``derived`` unless it was only recalled; one that cannot be is left out.
        """
        if unit == placement.unit:
            return placement.defaults
        converted = {}
        for field, default in placement.defaults.items():
            if field not in VALUED_FIELDS:
                converted[field] = default
            elif (value := self.convert(default.value, placement.unit, unit)) is not None:
                confidence: Confidence = "derived" if default.confidence == "confirmed" else default.confidence
                converted[field] = Default(value, default.clause, confidence, default.source)
        return MappingProxyType(converted)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that the system knows about kinds of points and of sources, and the words for it in both languages."""

    kinds: Mapping[str, Kind]
    source_types: Mapping[str, Name]
    streams: Mapping[str, Name]
    conditions: Mapping[Condition, Name]
    families: Mapping[Family, Name]
    severities: Mapping[Severity, Name]
    qualities: Mapping[Quality, Name]
    unit_spellings: Mapping[str, str]
    """Other ways to write a unit, such as ``℃``, and the one that is used."""
