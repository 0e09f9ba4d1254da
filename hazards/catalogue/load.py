"""Reading the catalogue's data files into objects.

A file holds kinds; a kind holds placements; both may be ``like`` a profile that several share. What is stated
nearest wins: placement, its profile, kind, its profile, and for severities and guidance `words.toml` behind all.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, get_args

from hazards.catalogue.entry import DESIGN, Catalogue, Confidence, Default, Kind, Placement
from hazards.condition import FAMILY_CONDITIONS, Condition, Family, Severity
from hazards.durations import parse_duration_ms
from hazards.plant import Name
from hazards.quality import Quality

__all__ = ["FIELD_OF_COLUMN", "CatalogueError", "load_catalogue"]

FIELD_OF_COLUMN: Mapping[str, str] = MappingProxyType({
    "range_low": "range_low", "range_high": "range_high",
    "low_low": "low_low", "low_low_clear": "low_low_clear", "low": "low", "low_clear": "low_clear",
    "high": "high", "high_clear": "high_clear", "high_high": "high_high", "high_high_clear": "high_high_clear",
    "on_delay": "on_delay_ms", "off_delay": "off_delay_ms", "rate": "rate_per_s", "rate_window": "rate_window_ms",
    "frozen_after": "frozen_after_ms", "frozen_band": "frozen_band", "no_data_after": "no_data_after_ms",
})  # fmt: skip
"""Field of `Checks` behind each column of points.csv; the data files use the columns' names too."""

_FILES = ("gas.toml", "process.toml", "coal-mine.toml", "tailings-pond.toml", "derived.toml", "logic.toml")
_LEVEL_KEYS = frozenset({"like", "unit", "clause", "confidence", "source", "design", "off", "severity", "guidance",
                         "deadband_percent", "span", *FIELD_OF_COLUMN})  # fmt: skip
_KIND_KEYS = _LEVEL_KEYS | {"id", "name", "units", "molar_mass", "percent", "states", "placement", "usual_placement"}
_PLACEMENT_KEYS = _LEVEL_KEYS | {"id", "name", "when", "inputs"}  # the last two: hazards.logic_templates
_EXTENSION_KEYS = frozenset({"extends", "placement", "usual_placement"})
_MOLAR_VOLUME = 24.04
"""Of a gas at 20 °C and 101.3 kPa. [L/mol]"""

_CONDITION = {c.word: c for c in Condition}
_SEVERITY = {s.word: s for s in Severity}


class CatalogueError(ValueError):
    """A data file of the catalogue contradicts itself; only someone who edits it can see this."""


@dataclass(slots=True)
class _Level:
    """All that is stated down to some table: what a placement is made of."""

    unit: str
    severities: dict[Condition, Severity]
    guidance: dict[Condition, Name]
    clause: str = ""
    confidence: str = ""
    source: str = ""
    rows: dict[str, Default] = field(default_factory=dict)
    stated: set[str] = field(default_factory=set)
    deadband_percent: Default | None = None
    span: float | None = None

    def copy(self) -> "_Level":
        return replace(
            self,
            severities=dict(self.severities),
            guidance=dict(self.guidance),
            rows=dict(self.rows),
            stated=set(),
        )

    def take(self, table: Mapping[str, Any], where: str) -> None:
        """Put what a table states over what was stated before."""
        if table.keys() & {"clause", "confidence"} and "source" not in table:
            self.source = ""  # the source of another clause says nothing about this one
        self.clause = table.get("clause", self.clause)
        self.confidence = table.get("confidence", self.confidence)
        self.source = table.get("source", self.source)
        for column in table.keys() & FIELD_OF_COLUMN.keys() | table.get("design", {}).keys():
            self.rows.pop(f"{column}_clear", None)  # a clearing value belongs to the limit it was stated with
        for column in table.keys() & FIELD_OF_COLUMN.keys():
            self._put(FIELD_OF_COLUMN[column], self._default(column, table[column], where))
        for column, (value, reason) in table.get("design", {}).items():
            default = Default(_number(column, value), DESIGN, "design", reason)
            self._put(FIELD_OF_COLUMN[column], default)
        for column in table.get("off", ()):
            self.rows.pop(FIELD_OF_COLUMN[column], None)
            self.rows.pop(f"{column}_clear", None)
        if "deadband_percent" in table:
            self.deadband_percent = self._default("deadband_percent", table["deadband_percent"], where)
        self.span = table.get("span", self.span)
        for word, severity in table.get("severity", {}).items():
            self.severities[_CONDITION[word]] = _SEVERITY[severity]
        self.guidance.update(_guidance(table.get("guidance", {})))

    def _put(self, field_name: str, default: Default) -> None:
        self.rows[field_name] = default
        self.stated.add(field_name)

    def _default(self, column: str, row: Any, where: str) -> Default:
        stated = row if isinstance(row, dict) else {"value": row}
        clause, confidence = stated.get("clause", self.clause), stated.get("confidence", self.confidence)
        source = stated.get("source", "" if "confidence" in stated else self.source)
        if not clause or confidence not in get_args(Confidence):
            raise CatalogueError(f"{where}: {column} has clause {clause!r} and confidence {confidence!r}; give both")
        return Default(_number(column, stated["value"]), clause, confidence, source)


def _number(column: str, value: Any) -> float:
    return float(parse_duration_ms(value)) if isinstance(value, str) else float(value)


def _name(table: Mapping[str, str]) -> Name:
    return Name(zh=table["zh"], en=table["en"])


def _guidance(table: Mapping[str, Mapping[str, str]]) -> dict[Condition, Name]:
    """By condition, from texts by family or by condition; a condition's own text wins."""
    found: dict[Condition, Name] = {}
    for family in Family:
        if family.value in table:
            found.update(dict.fromkeys(FAMILY_CONDITIONS[family], _name(table[family.value])))
    for word in table.keys() & _CONDITION.keys():
        found[_CONDITION[word]] = _name(table[word])
    if unknown := table.keys() - _CONDITION.keys() - set(Family):
        raise CatalogueError(f"guidance for {', '.join(sorted(unknown))}: give families or conditions")
    return found


@dataclass(slots=True)
class _Loader:
    """One pass over the data files."""

    words: Mapping[str, Any]
    profiles: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    levels: dict[str, _Level] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)

    def file(self, stream: str, document: Mapping[str, Any]) -> None:
        self.profiles.update(document.get("profile", {}))
        for table in document["kind"]:
            if "extends" in table:
                _only(table, _EXTENSION_KEYS, f"{stream}: {table['extends']}")
                kind = self.kinds[table["extends"]]
            else:
                _only(table, _KIND_KEYS, f"{stream}: {table['id']}")
                kind = self.kind(stream, table)
            placements = {**kind.placements, **dict(self.placements(kind, table))}
            usual = {**kind.usual_placement, **table.get("usual_placement", {})}
            if missing := set(usual.values()) - placements.keys():
                raise CatalogueError(f"{stream}: {kind.id} has no placement {missing}")
            self.kinds[kind.id] = replace(
                kind, placements=MappingProxyType(placements), usual_placement=MappingProxyType(usual)
            )

    def kind(self, stream: str, table: Mapping[str, Any]) -> Kind:
        kind_id = table["id"]
        if kind_id in self.kinds:
            raise CatalogueError(f"{stream}: kind {kind_id} is there twice")
        level = _Level(
            unit="",
            severities={c: _SEVERITY[self.words["severity"][c.word]] for c in Condition},
            guidance=_guidance(self.words["guidance"]),
        )
        for part, where in self.chain(table, f"{stream}: {kind_id}"):
            level.unit = part.get("unit", level.unit)
            level.take(part, where)
        self.levels[kind_id] = level
        return Kind(
            id=kind_id,
            name=_name(table["name"]),
            stream=stream,
            unit=level.unit,
            units=MappingProxyType(_units(level.unit, table)),
            states=MappingProxyType({int(value): _name(name) for value, name in table.get("states", {}).items()}),
            anywhere=_placement("", _name(table["name"]), level),
            placements={},
            usual_placement={},
        )

    def placements(self, kind: Kind, table: Mapping[str, Any]) -> Iterator[tuple[str, Placement]]:
        for part in table.get("placement", ()):
            placement_id, where = part["id"], f"{kind.stream}: {kind.id} at {part['id']}"
            if placement_id in kind.placements:
                raise CatalogueError(f"{where} is there twice")
            _only(part, _PLACEMENT_KEYS, where)
            level = self.levels[kind.id].copy()
            chain = list(self.chain(part, where))
            unit = next((p["unit"] for p, _ in reversed(chain) if "unit" in p), kind.unit)
            if unit not in kind.units:
                raise CatalogueError(f"{where}: unit {unit} is none of the kind's")
            level.rows = dict(kind.defaults_in(kind.anywhere, unit))
            level.unit = unit
            for stated, where_stated in chain:
                level.take(stated, where_stated)
            yield placement_id, _placement(placement_id, _name(part["name"]), level)

    def chain(self, table: Mapping[str, Any], where: str) -> Iterator[tuple[Mapping[str, Any], str]]:
        """The profiles that a table is like, the remotest first, then the table."""
        if "like" in table:
            profile = self.profiles[table["like"]]
            _only(profile, _LEVEL_KEYS, f"profile {table['like']}")
            yield from self.chain(profile, f"profile {table['like']}")
        yield table, where


def _units(unit: str, table: Mapping[str, Any]) -> dict[str, float | None]:
    units: dict[str, float | None] = {unit: 1.0}
    if "molar_mass" in table:
        units["ppm"] = _MOLAR_VOLUME / table["molar_mass"]
        if table.get("percent"):
            units["%"] = _MOLAR_VOLUME / table["molar_mass"] / 10_000
    for other in table.get("units", ()):
        if isinstance(other, str):
            units[other] = None
        else:
            units[other["unit"]] = float(other["factor"])
    return units


def _placement(placement_id: str, name: Name, level: _Level) -> Placement:
    return Placement(
        id=placement_id,
        name=name,
        unit=level.unit,
        defaults=MappingProxyType(dict(level.rows)),
        severities=MappingProxyType(dict(level.severities)),
        guidance=MappingProxyType(dict(level.guidance)),
        deadband_percent=level.deadband_percent,
        span=level.span,
        stated=frozenset(level.stated),
    )


def _only(table: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    if unknown := table.keys() - known:
        raise CatalogueError(f"{where}: unknown {', '.join(sorted(unknown))}")


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("hazards.catalogue").joinpath(file).read_text("utf-8"))


@cache
def load_catalogue() -> Catalogue:
    """The shipped catalogue; read once and kept.

    Raises
    ------
    CatalogueError
        If a data file contradicts itself. The shipped ones do not; a test says so.

    Examples
    --------
    >>> high = load_catalogue().kinds["ch4"].placements["T1"].defaults["high"]
    >>> high.value, high.clause, high.confidence
    (1.0, 'AQ 1029-2019 table 1', 'confirmed')
    """
    words = _read("words.toml")
    loader = _Loader(words)
    for file in _FILES:
        loader.file(file.removesuffix(".toml"), _read(file))

    def names(section: str) -> dict[str, Name]:
        return {key: _name(name) for key, name in words[section].items()}

    conditions, families, severities, qualities = map(names, ("conditions", "families", "severities", "qualities"))
    return Catalogue(
        kinds=MappingProxyType(loader.kinds),
        source_types=MappingProxyType(names("source_types")),
        streams=MappingProxyType(names("streams")),
        conditions=MappingProxyType({c: conditions[c.word] for c in Condition}),
        families=MappingProxyType({f: families[f.value] for f in Family}),
        severities=MappingProxyType({s: severities[s.word] for s in Severity}),
        qualities=MappingProxyType({q: qualities[q.name.lower()] for q in Quality}),
        unit_spellings=MappingProxyType(dict(words["unit_spellings"])),
    )
