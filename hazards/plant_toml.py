"""plant.toml: enterprises and their hazard sources."""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hazards.catalogue import Catalogue
from hazards.mistakes import Mistake, near_match
from hazards.plant import Enterprise, Name, Source
from hazards.toml_lines import TomlLines

__all__ = ["ID", "described", "parse_plant_toml", "syntax_mistake"]

ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What an enterprise, source or point may be called: it becomes a part of topics and tags."""

# GB/T 2260, first two digits.
_PROVINCES = frozenset(
    map(
        str,
        (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82),
    )
)
# Cities without counties (Jiayuguan, Dongguan, Zhongshan, Danzhou): the city's code is the lowest there is.
_CITIES_WITHOUT_COUNTIES = frozenset({"620200", "441900", "442000", "460400"})
_SYNTAX_PLACE = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)")

_ENTERPRISE_KEYS = ("id", "name", "region", "lat", "lon", "source")
_SOURCE_KEYS = ("id", "type", "name")


def parse_plant_toml(text: str, file: str, catalogue: Catalogue) -> tuple[tuple[Enterprise, ...] | None, list[Mistake]]:
    """Enterprises in a plant.toml, and every mistake in it.

    Parameters
    ----------
    text : str
        The file's text.
    file : str
        What mistakes call it.
    catalogue : Catalogue
        Knows the types of sources.

    Returns
    -------
    tuple
        The enterprises and sources whose id can be read, right or wrong otherwise, so that points can be checked
        against them (None if the text is no TOML at all); the mistakes in the order of the file.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return None, [syntax_mistake(error, text, file)]
    reader = _Reader(file, TomlLines(text), catalogue, [])
    enterprises = reader.document(document)
    reader.mistakes.sort(key=lambda mistake: mistake.line or math.inf)
    return enterprises, reader.mistakes


def syntax_mistake(error: Exception, text: str, file: str) -> Mistake:
    """What keeps a text from being TOML, at its line if that is known."""
    if isinstance(error, RecursionError):
        return Mistake("toml-syntax", file, facts={"reason": "it is nested too deeply"})
    reason = str(error)
    place = _SYNTAX_PLACE.search(reason)
    line, column = text.rstrip("\n").count("\n") + 1, ""
    if place and place[1]:
        line, column = int(place[1]), f"column {place[2]}"
    return Mistake("toml-syntax", file, line if place else 0, column, facts={"reason": _SYNTAX_PLACE.sub("", reason)})


def described(value: object) -> str:
    """A TOML value for a person: what it is."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value}"' if value else "empty"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


@dataclass(slots=True)
class _Reader:
    file: str
    lines: TomlLines
    catalogue: Catalogue
    mistakes: list[Mistake]

    def say(self, code: str, path: tuple[str | int, ...], subject: str = "", **facts: object) -> None:
        column = ".".join(str(part) for part in path if isinstance(part, str))
        shown = {key: str(value) for key, value in facts.items()}
        self.mistakes.append(Mistake(code, self.file, self.lines.of(*path), column, subject, shown))

    def document(self, document: Mapping[str, Any]) -> tuple[Enterprise, ...]:
        self.unknown_keys(document, ("enterprise",), ())
        tables = self.tables(document, "enterprise", ())
        if not tables and "enterprise" not in document:
            self.mistakes.append(Mistake("no-enterprise", self.file))
        seen: dict[str, int] = {}
        return tuple(
            enterprise
            for index, table in enumerate(tables)
            if (enterprise := self.enterprise(table, ("enterprise", index), seen)) is not None
        )

    def enterprise(
        self, table: Mapping[str, Any], path: tuple[str | int, ...], seen: dict[str, int]
    ) -> Enterprise | None:
        enterprise_id = self.id(table, path, seen, "M001")
        subject = enterprise_id or ""
        self.unknown_keys(table, _ENTERPRISE_KEYS, path, subject)
        seen_sources: dict[str, int] = {}
        sources = tuple(
            source
            for index, part in enumerate(self.tables(table, "source", path))
            if (source := self.source(part, (*path, "source", index), subject, seen_sources)) is not None
        )
        name = self.name(table, path, subject)
        region = self.region(table, path, subject)
        lat = self.degrees(table, "lat", 90, "37.80", path, subject)
        lon = self.degrees(table, "lon", 180, "112.60", path, subject)
        return Enterprise(enterprise_id, name, region, lat, lon, sources) if enterprise_id else None

    def source(
        self, table: Mapping[str, Any], path: tuple[str | int, ...], enterprise: str, seen: dict[str, int]
    ) -> Source | None:
        source_id = self.id(table, path, seen, "face-1203")
        subject = f"{enterprise}/{source_id or ''}"
        self.unknown_keys(table, _SOURCE_KEYS, path, subject)
        name = self.name(table, path, subject)
        known = ", ".join(self.catalogue.source_types)
        source_type = table.get("type")
        if source_type is None:
            self.say("missing-key", path, subject, key="type", example='type = "coal-mine"')
        elif not isinstance(source_type, str):
            self.say(
                "wrong-type", (*path, "type"), subject, key="type", got=described(source_type), example='"coal-mine"'
            )
        elif source_type not in self.catalogue.source_types:
            near = near_match(source_type, self.catalogue.source_types)
            if near:
                self.say("unknown-near", (*path, "type"), subject, what="type", got=source_type, near=near)
            else:
                self.say("unknown-source-type", (*path, "type"), subject, got=source_type, known=known)
        return (
            Source(enterprise, source_id, source_type if isinstance(source_type, str) else "", name)
            if source_id
            else None
        )

    def id(
        self, table: Mapping[str, Any], path: tuple[str | int, ...], seen: dict[str, int], example: str
    ) -> str | None:
        value = table.get("id")
        if value is None:
            self.say("missing-key", path, key="id", example=f'id = "{example}"')
            return None
        if not isinstance(value, str):
            self.say("wrong-type", (*path, "id"), key="id", got=described(value), example=f'"{example}"')
            return None
        if not ID.fullmatch(value):
            self.say("bad-id", (*path, "id"), got=f'"{value}"')
            return None
        if value in seen:
            self.say("duplicate-id", (*path, "id"), got=value, first=seen[value])
            return None
        seen[value] = self.lines.of(*path, "id")
        return value

    def name(self, table: Mapping[str, Any], path: tuple[str | int, ...], subject: str) -> Name:
        """One text for both languages or one for each; without any, the id serves."""
        fallback = str(table.get("id", ""))
        value = table.get("name", fallback)
        if isinstance(value, str):
            return Name(value or fallback, value or fallback)
        example = '{ zh = "示例煤矿", en = "Sample colliery" }'
        if not isinstance(value, dict):
            self.say("wrong-type", (*path, "name"), subject, key="name", got=described(value), example=example)
            return Name(fallback, fallback)
        self.unknown_keys(value, ("zh", "en"), (*path, "name"), subject)
        texts: dict[str, str] = {}
        for language in ("zh", "en"):
            text = value.get(language)
            if isinstance(text, str) and text:
                texts[language] = text
            elif text is not None:
                key = f"name.{language}"
                self.say(
                    "wrong-type", (*path, "name", language), subject, key=key, got=described(text), example='"..."'
                )
        either = next(iter(texts.values()), fallback)
        return Name(texts.get("zh", either), texts.get("en", either))

    def region(self, table: Mapping[str, Any], path: tuple[str | int, ...], subject: str) -> str:
        value = table.get("region")
        path = (*path, "region")
        if value is None:
            self.say("missing-key", path[:-1], subject, key="region", example='region = "140105"')
        elif isinstance(value, int) and not isinstance(value, bool):
            self.say("wrong-type", path, subject, key="region", got=described(value), example=f'"{value}"')
        elif not isinstance(value, str):
            self.say("wrong-type", path, subject, key="region", got=described(value), example='"140105"')
        elif not re.fullmatch(r"[0-9]{6}", value):
            self.say("region-shape", path, subject, got=f'"{value}"')
        elif value[:2] not in _PROVINCES:
            self.say("region-province", path, subject, got=value, province=value[:2])
        elif value.endswith("00") and value not in _CITIES_WITHOUT_COUNTIES:
            self.say("region-county", path, subject, got=value)
        else:
            return value
        return ""

    def degrees(
        self, table: Mapping[str, Any], key: str, most: int, example: str, path: tuple[str | int, ...], subject: str
    ) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.say("wrong-type", (*path, key), subject, key=key, got=described(value), example=example)
            return None
        if not (math.isfinite(value) and -most <= value <= most):
            self.say("coordinate", (*path, key), subject, got=value, key=key, low=-most, high=most, example=example)
            return None
        return float(value)

    def tables(self, table: Mapping[str, Any], key: str, path: tuple[str | int, ...]) -> list[Mapping[str, Any]]:
        value = table.get(key, [])
        dotted = ".".join(str(part) for part in (*path, key) if isinstance(part, str))
        if isinstance(value, list) and all(isinstance(part, dict) for part in value):
            return value
        self.say("wrong-type", (*path, key), key=key, got=described(value), example=f"[[{dotted}]], one for each")
        return []

    def unknown_keys(
        self, table: Mapping[str, Any], known: Iterable[str], path: tuple[str | int, ...], subject: str = ""
    ) -> None:
        for key in table.keys() - set(known):
            near = near_match(key, known)
            if near:
                self.say("unknown-key-near", (*path, key), subject, key=key, near=near)
            else:
                self.say("unknown-key", (*path, key), subject, key=key, known=", ".join(known))
