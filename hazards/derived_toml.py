"""derived.toml: points whose readings are computed from those of other points."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any

from hazards.catalogue import Catalogue
from hazards.catalogue.load import FIELD_OF_COLUMN
from hazards.cells import check_cell
from hazards.derivation import DEFAULT_STALE_MS, PARAMETERS, Derivation, Function, Input, order
from hazards.durations import parse_duration_ms
from hazards.mistakes import Mistake, near_match
from hazards.placing import find_placement, find_unit, name_of, say_unknown
from hazards.plant import Enterprise, Name, Point, PointKey
from hazards.plant_toml import ID, described, syntax_mistake
from hazards.point_checks import merge_checks
from hazards.toml_lines import TomlLines

__all__ = ["KEYS", "parse_derived_toml"]

_EXAMPLES = {
    "enterprise": '"M001"', "source": '"face-1203"', "point": '"CH4-FLOW-01"', "kind": '"ch4-flow"',
    "placement": '"class-3"', "name": '{ zh = "...", en = "..." }', "unit": '"m3/min"', "lat": "37.80",
    "lon": "112.60", "function": '"product"', "inputs": '["CH4-03", "WIND-01"]', "coefficients": "[1.0, -1.0]",
    "factor": "60.0", "constant": "1190.0", "denominator_min": "0.3", "window": '"24h"', "per": '"d"',
    "since": "2026-01-01", "at_least": "0.2", "band": "0.0", "incomplete": '"no-value"', "stale_after": '"2m"',
}  # fmt: skip
KEYS = (*_EXAMPLES, *FIELD_OF_COLUMN)
"""Every key of a table, in the order that the documents use."""

_REQUIRED = ("enterprise", "source", "point", "kind", "function", "inputs")
_OF_ALL = ("factor", "constant", "stale_after")
_OF_SOME = ("coefficients", "denominator_min", "window", "per", "since", "at_least", "band", "incomplete")
_NUMBERS = ("factor", "constant", "denominator_min", "at_least", "band")
_PER_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_INCOMPLETE = ("uncertain", "no-value")
_BEIJING = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  -- beside the other time zone


def parse_derived_toml(
    text: str,
    file: str,
    enterprises: Sequence[Enterprise] | None,
    points: Sequence[Point] | None,
    catalogue: Catalogue,
) -> tuple[tuple[Point, ...], tuple[Derivation, ...], list[Mistake]]:
    """Derived points in a derived.toml, and every mistake in it.

    Parameters
    ----------
    text : str
        The file's text.
    file : str
        What mistakes call it.
    enterprises : sequence of Enterprise or None
        What plant.toml names; None if it could not be read, and then nothing is checked against it.
    points : sequence of Point or None
        The measured points; None if they could not be read, and then inputs are not checked against them.
    catalogue : Catalogue
        Kinds, placements and defaults.

    Returns
    -------
    points : tuple of Point
        The derived points of the tables without mistakes, in the order of the file.
    derivations : tuple of Derivation
        What makes each of them, if there is no mistake at all.
    mistakes : list of Mistake
        In the order of the lines.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return (), (), [syntax_mistake(error, text, file)]
    reader = _Reader(file, TomlLines(text), catalogue, enterprises, points)
    made, derivations = reader.document(document)
    reader.mistakes.sort(key=lambda mistake: mistake.line or math.inf)
    return made, derivations, reader.mistakes


@dataclass(frozen=True, slots=True)
class _Draft:
    """A table as far as it stands for itself: inputs are looked up when all tables are read."""

    index: int
    point: Point
    function: Function
    inputs: tuple[PointKey, ...]
    stale_after_ms: int | None
    parameters: Mapping[str, Any]
    per: str
    scaled: bool


@dataclass(slots=True)
class _Reader:
    file: str
    lines: TomlLines
    catalogue: Catalogue
    enterprises: Sequence[Enterprise] | None
    points: Sequence[Point] | None
    mistakes: list[Mistake] = field(default_factory=list)
    index: int = 0
    """Of the table that is being read."""
    subject: str = ""

    def say(self, key: str, code: str, /, **facts: object) -> None:
        path: tuple[str | int, ...] = ("derived", self.index, key) if key else ("derived", self.index)
        shown = {name: str(fact) for name, fact in facts.items()}
        self.mistakes.append(Mistake(code, self.file, self.lines.of(*path), key, self.subject, shown))

    # The file

    def document(self, document: Mapping[str, Any]) -> tuple[tuple[Point, ...], tuple[Derivation, ...]]:
        for word in document.keys() - {"derived"}:
            facts = {"key": word, "known": "derived"}
            self.mistakes.append(Mistake("unknown-key", self.file, self.lines.of(word), word, facts=facts))
        tables = document.get("derived", [])
        if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            facts = {"key": "derived", "got": described(tables), "example": "[[derived]], one for each derived point"}
            self.mistakes.append(Mistake("wrong-type", self.file, self.lines.of("derived"), "derived", facts=facts))
            return (), ()
        written = self.written(tables)
        drafts = [d for self.index, table in enumerate(tables) if (d := self.table(table)) is not None]
        unique = list({d.point.key: d for d in reversed(drafts)}.values())[::-1]
        known = {p.key: p for p in (*(self.points or ()), *(d.point for d in unique))}
        made = (self.derivation(draft, known, written) for draft in unique)
        derivations = [d for d in made if d is not None]
        self.circles(unique, derivations)
        return tuple(d.point for d in unique), () if self.mistakes else tuple(derivations)

    def written(self, tables: Sequence[Mapping[str, Any]]) -> set[PointKey]:
        """The points that tables are about, right or wrong otherwise."""
        lines: dict[PointKey, int] = {}
        taken = {p.key for p in self.points or ()}
        for self.index, table in enumerate(tables):
            enterprise, point = table.get("enterprise"), table.get("point")
            if not (isinstance(enterprise, str) and isinstance(point, str)):
                continue
            key, self.subject = PointKey(enterprise, point), f"{enterprise}/{point}"
            if key in taken:
                self.say("point", "derived-taken", got=point)
            elif key in lines:
                self.say("point", "duplicate-id", got=point, first=lines[key])
            lines.setdefault(key, self.lines.of("derived", self.index, "point"))
        return set(lines)

    # One table

    def table(self, table: Mapping[str, Any]) -> _Draft | None:
        before = len(self.mistakes)
        self.subject = "/".join(str(table[k]) for k in ("enterprise", "point") if isinstance(table.get(k), str))
        for unknown in sorted(table.keys() - set(KEYS)):
            if near := near_match(unknown, KEYS):
                self.say(unknown, "unknown-key-near", key=unknown, near=near)
            else:
                self.say(unknown, "unknown-key", key=unknown, known=", ".join(KEYS))
        for key in _REQUIRED:
            if key not in table:
                self.say("", "missing-key", key=key, example=f"{key} = {_EXAMPLES[key]}")
        point = self.point(table)
        function = self.function(table)
        inputs = self.inputs(table, function)
        parameters, per = self.parameters(table, function, inputs)
        stale_after_ms = self.duration(table, "stale_after")
        if point is None or function is None or len(self.mistakes) > before:
            return None
        scaled = "factor" in table
        return _Draft(self.index, point, function, inputs, stale_after_ms, parameters, per, scaled)

    def point(self, table: Mapping[str, Any]) -> Point | None:
        enterprise, source, point = (self.text(table, key) for key in ("enterprise", "source", "point"))
        for key, value in (("enterprise", enterprise), ("source", source), ("point", point)):
            if value and not ID.fullmatch(value):
                self.say(key, "bad-id", got=f'"{value}"')
                return None
        source_type = self.source_type(enterprise, source)
        kind_id, placement = self.text(table, "kind"), self.text(table, "placement")
        unit_given, name = self.text(table, "unit"), self.name(table)
        lat, lon = self.degrees(table, "lat", 90), self.degrees(table, "lon", 180)
        unread: set[str] = set()

        def said(column: str, code: str, **facts: str) -> None:
            unread.add(column)
            self.say(column, code, **facts)

        cells = {f: check_cell(c, self.cell(table, c), said) for c, f in FIELD_OF_COLUMN.items() if c in table}
        kind = self.catalogue.kinds.get(kind_id)
        if kind is None:
            if kind_id:
                say_unknown(said, "kind", kind_id, self.catalogue.kinds)
            return None
        where = find_placement(kind, placement, source_type, said)
        unit = find_unit(kind, where, unit_given, self.catalogue.unit_spellings, said)
        if where is None or unit is None or not (enterprise and source and point):
            return None
        merged = merge_checks(kind, where, unit, cells, "derived.toml")
        for m in merged.mistakes:
            # What depends on a cell that could not be read is not known to be wrong.
            if not unread & {m.column, *m.facts.values()}:
                self.say(m.column, m.code, **m.facts)
        return Point(
            enterprise=enterprise,
            source=source,
            id=point,
            kind=kind.id,
            placement=where.id,
            name=name or name_of(kind, where),
            unit=unit,
            checks=merged.checks,
            standards=merged.standards,
            severities=where.severities,
            lat=lat,
            lon=lon,
        )

    def source_type(self, enterprise: str, source: str) -> str:
        if self.enterprises is None or not enterprise:
            return ""
        known = {e.id: e for e in self.enterprises}
        if enterprise not in known:
            self.say("enterprise", "unknown-enterprise", got=enterprise, known=", ".join(known))
            return ""
        types = {s.id: s.type for s in known[enterprise].sources}
        if source and source not in types:
            self.say("source", "unknown-source", got=source, enterprise=enterprise, known=", ".join(types))
        return types.get(source, "")

    def function(self, table: Mapping[str, Any]) -> Function | None:
        word = self.text(table, "function")
        if word in list(Function):
            return Function(word)
        if word:
            say_unknown(self.say, "function", word, list(Function))
        return None

    def inputs(self, table: Mapping[str, Any], function: Function | None) -> tuple[PointKey, ...]:
        """The points that go in; of the point's own enterprise, where none is given."""
        given, enterprise = table.get("inputs"), str(table.get("enterprise", ""))
        if given is None:
            return ()
        words = given if isinstance(given, list) else [given]
        parts = [word.split("/") if isinstance(word, str) else [] for word in words]
        if not isinstance(given, list) or not all(1 <= len(p) <= 2 and all(map(ID.fullmatch, p)) for p in parts):
            self.say("inputs", "wrong-type", key="inputs", got=described(given), example=_EXAMPLES["inputs"])
            return ()
        if function is not None:
            wanted = PARAMETERS[function]
            if not wanted.least_inputs <= len(parts) <= wanted.most_inputs:
                least, most = wanted.least_inputs, wanted.most_inputs
                en = f"{least} input{'s' if least > 1 else ''}" if least == most else f"{least} to {most} inputs"
                zh = f"{least} 个" if least == most else f"{least} 至 {most} 个"
                self.say("inputs", "derived-inputs", function=function, got=len(parts), wanted=en, wanted_zh=zh)
        return tuple(PointKey(*part) if len(part) == 2 else PointKey(enterprise, part[0]) for part in parts)

    def parameters(
        self, table: Mapping[str, Any], function: Function | None, inputs: Sequence[PointKey]
    ) -> tuple[dict[str, Any], str]:
        """Parameters as `Derivation` has them, and the unit of time of ``per``."""
        made: dict[str, Any] = {key: v for key in _NUMBERS if (v := self.number(table, key)) is not None}
        if (coefficients := self.coefficients(table)) is not None:
            made["coefficients"] = coefficients
            if function is Function.LINEAR and inputs and len(coefficients) != len(inputs):
                self.say("coefficients", "derived-coefficients", got=len(coefficients), inputs=len(inputs))
        if (window := self.duration(table, "window")) is not None:
            made["window_ms"] = window
            if window == 0:
                self.say("window", "derived-window", got=table["window"])
        per = self.one_of(table, "per", _PER_MS)
        if per:
            made["per_ms"] = _PER_MS[per]
        if incomplete := self.one_of(table, "incomplete", _INCOMPLETE):
            made["incomplete"] = incomplete
        if (since := self.since(table)) is not None:
            made["since_ms"] = since
        if function is not None:
            wanted = PARAMETERS[function]
            for key in wanted.required:
                if key not in table:
                    self.say("", "missing-key", key=key, example=f"{key} = {_EXAMPLES[key]}")
            takes = (*wanted.required, *wanted.optional)
            for key in _OF_SOME:
                if key in table and key not in takes:
                    self.say(key, "derived-parameter", key=key, function=function, known=", ".join((*takes, *_OF_ALL)))
        return made, per

    # All tables together

    def derivation(self, draft: _Draft, known: Mapping[PointKey, Point], written: set[PointKey]) -> Derivation | None:
        self.index, self.subject = draft.index, str(draft.point.key)
        inputs: list[Point] = []
        for key in draft.inputs:
            found = known.get(key)
            if found is not None:
                inputs.append(found)
            elif self.points is not None and key not in written:
                own = key.enterprise == draft.point.enterprise
                near = near_match(key.point, [k.point for k in known if k.enterprise == key.enterprise])
                if near:
                    self.say("inputs", "unknown-near", what="point", got=key.point if own else key, near=near)
                else:
                    self.say("inputs", "derived-unknown-point", got=key.point if own else key)
        if len(inputs) < len(draft.inputs):
            return None
        self.units(draft, inputs)
        stale_ms = draft.stale_after_ms
        return Derivation(
            draft.point.key,
            draft.function,
            tuple(
                Input(
                    p.key,
                    (p.checks.no_data_after_ms or DEFAULT_STALE_MS) if stale_ms is None else stale_ms,
                    p.checks.range_low,
                    p.checks.range_high,
                )
                for p in inputs
            ),
            **draft.parameters,
        )

    def units(self, draft: _Draft, inputs: Sequence[Point]) -> None:
        """Inputs that are added or compared have one unit; a result that nothing converts has it too."""
        units = list(dict.fromkeys(p.unit for p in inputs))
        if PARAMETERS[draft.function].same_unit and len(units) > 1:
            self.say("inputs", "derived-units", function=draft.function, units=", ".join(u or "0/1" for u in units))
            return
        match draft.function:
            case Function.RATE:
                result = f"{units[0]}/{draft.per}"
            case Function.TIME_SINCE_CHANGE:
                result = draft.per
            case function if PARAMETERS[function].same_unit:
                result = units[0]
            case _:
                return
        if not draft.scaled and result != draft.point.unit:
            self.say("unit", "derived-unit", result=result or "0/1", got=draft.point.unit or "0/1")

    def circles(self, drafts: Sequence[_Draft], derivations: Sequence[Derivation]) -> None:
        try:
            order(derivations)
        except ValueError as circle:
            first = str(circle).split(" -> ")[0]
            self.index = next(d.index for d in drafts if str(d.point.key) == first)
            self.subject = first
            self.say("inputs", "derived-circle", circle=circle)

    # Values

    def text(self, table: Mapping[str, Any], key: str) -> str:
        value = table.get(key, "")
        if isinstance(value, str) and (value or key not in table or key in ("placement", "unit")):
            return value
        self.say(key, "wrong-type", key=key, got=described(value), example=_EXAMPLES[key])
        return ""

    def name(self, table: Mapping[str, Any]) -> Name | None:
        """One text for both languages or one for each."""
        value = table.get("name")
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return Name(value, value)
        texts = value if isinstance(value, dict) else {}
        if texts and texts.keys() <= {"zh", "en"} and all(isinstance(v, str) and v.strip() for v in texts.values()):
            either = next(iter(texts.values()))
            return Name(texts.get("zh", either), texts.get("en", either))
        self.say("name", "wrong-type", key="name", got=described(value), example=_EXAMPLES["name"])
        return None

    def cell(self, table: Mapping[str, Any], column: str) -> str:
        """A check as points.csv would have it."""
        value = table[column]
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return repr(value)
        self.say(column, "derived-number", key=column, got=described(value), example="1.5")
        return ""

    def number(self, table: Mapping[str, Any], key: str) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.say(key, "derived-number", key=key, got=described(value), example=_EXAMPLES[key])
            return None
        if key == "band" and value < 0:
            self.say(key, "negative", got=value)
        return float(value)

    def degrees(self, table: Mapping[str, Any], key: str, most: int) -> float | None:
        value = self.number(table, key)
        if value is not None and not -most <= value <= most:
            self.say(key, "coordinate", got=value, key=key, low=-most, high=most, example=_EXAMPLES[key])
        return value

    def coefficients(self, table: Mapping[str, Any]) -> tuple[float, ...] | None:
        value = table.get("coefficients")
        if value is None:
            return None
        numbers = value if isinstance(value, list) else [value]
        if isinstance(value, list) and all(
            isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
        ):
            return tuple(float(n) for n in numbers)
        example = _EXAMPLES["coefficients"]
        self.say("coefficients", "wrong-type", key="coefficients", got=described(value), example=example)
        return None

    def duration(self, table: Mapping[str, Any], key: str) -> int | None:
        value = table.get(key)
        if value is None:
            return None
        try:
            return parse_duration_ms(value if isinstance(value, str) else "")
        except ValueError:
            self.say(key, "derived-duration", got=value, example=_EXAMPLES[key].strip('"'))
            return None

    def one_of(self, table: Mapping[str, Any], key: str, known: "Mapping[str, int] | tuple[str, ...]") -> str:
        word = self.text(table, key)
        if word and word not in known:
            say_unknown(self.say, key, word, known)
            return ""
        return word

    def since(self, table: Mapping[str, Any]) -> int | None:
        """A moment in ms since 1970; a date, or a time without a zone, is Beijing's."""
        value = table.get("since")
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=_BEIJING)
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=_BEIJING)
            return (moment - _EPOCH) // timedelta(milliseconds=1)
        if value is not None:
            self.say("since", "derived-date", got=value)
        return None
