"""logic.toml: logic points over the conditions of other points."""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hazards.catalogue import Catalogue
from hazards.checks import Checks
from hazards.condition import Condition, Severity
from hazards.durations import parse_duration_ms
from hazards.logic import Expression, LogicPoint, levels, terms_of
from hazards.logic_expression import ExpressionError, parse_expression
from hazards.logic_templates import Template, fill, load_templates
from hazards.mistakes import Mistake, near_match
from hazards.plant import Enterprise, Name, Point, PointKey
from hazards.plant_toml import ID
from hazards.point_checks import merge_checks
from hazards.toml_lines import TomlLines

__all__ = ["KIND", "check_on", "parse_logic_toml"]

KIND = "logic"
"""The kind of every logic point."""

_KEYS = ("enterprise", "source", "point", "name", "when", "template", "points", "severity", "guidance", "standard",
         "on_delay", "off_delay")  # fmt: skip
_CONDITIONS = {c.word: c for c in Condition}
_SEVERITIES = {s.word: s for s in Severity}
_TERM = re.compile(r"((?:[A-Za-z0-9_.-]{1,64}/)?[A-Za-z0-9_.-]{1,64})(?::([a-z_]+))?")
_SYNTAX_PLACE = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)")
_EXAMPLES = {
    "enterprise": '"M001"', "source": '"face-1203"', "point": '"LOGIC-01"', "name": '"..."',
    "when": '"FAN-01:low and CH4-01:high"', "template": '"fan-stopped-and-ch4-rising"', "severity": '"red"',
    "guidance": '"..."', "standard": '"AQ 6201-2019"', "on_delay": '"10s"', "off_delay": '"10s"',
    "points": '{ fan = "FAN-01", ch4 = ["CH4-01", "CH4-02"] }',
}  # fmt: skip


def check_on(checks: Checks, condition: Condition) -> bool:
    """Whether a point's checks can ever make a condition true.

    >>> check_on(Checks(high=1.0), Condition.HIGH), check_on(Checks(high=1.0), Condition.RATE)
    (True, False)
    """
    match condition:
        case Condition.LOW_LOW | Condition.LOW | Condition.HIGH | Condition.HIGH_HIGH:
            limit: float = getattr(checks, condition.word)
            return not math.isnan(limit)
        case Condition.RATE:
            return not math.isnan(checks.rate_per_s)
        case Condition.FROZEN:
            return checks.frozen_after_ms > 0
        case Condition.NO_DATA:
            return checks.no_data_after_ms > 0
        case Condition.FAULT:
            return True


def parse_logic_toml(
    text: str,
    file: str,
    enterprises: Sequence[Enterprise] | None,
    points: Sequence[Point] | None,
    catalogue: Catalogue,
) -> tuple[tuple[Point, ...], tuple[LogicPoint, ...], list[Mistake]]:
    """Logic points in a logic.toml, and every mistake in it.

    Parameters
    ----------
    text : str
        The file's text.
    file : str
        What mistakes call it.
    enterprises : sequence of Enterprise or None
        What plant.toml names; None if it could not be read, and then nothing is checked against it.
    points : sequence of Point or None
        The plant's other points; None if they could not be read, and then terms are not checked against them.
    catalogue : Catalogue
        Has the kind ``logic`` with the templates as placements.

    Returns
    -------
    points : tuple of Point
        The virtual points, in the order of the file.
    logic : tuple of LogicPoint
        What makes each of them 1.
    mistakes : list of Mistake
        In the order of the lines.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return (), (), [_syntax(error, text, file)]
    reader = _Reader(file, TomlLines(text), catalogue, enterprises, points)
    made, logic = reader.document(document)
    reader.mistakes.sort(key=lambda mistake: mistake.line or math.inf)
    return made, logic, reader.mistakes


def _syntax(error: Exception, text: str, file: str) -> Mistake:
    if isinstance(error, RecursionError):
        return Mistake("toml-syntax", file, facts={"reason": "it is nested too deeply"})
    reason = str(error)
    place = _SYNTAX_PLACE.search(reason)
    line, column = text.rstrip("\n").count("\n") + 1, ""
    if place and place[1]:
        line, column = int(place[1]), f"column {place[2]}"
    return Mistake("toml-syntax", file, line if place else 0, column, facts={"reason": _SYNTAX_PLACE.sub("", reason)})


def _shown(value: object) -> str:
    match value:
        case str():
            return f'the text "{value}"' if value else "empty"
        case bool() | int() | float():
            return str(value).lower()
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
    enterprises: Sequence[Enterprise] | None
    points: Sequence[Point] | None
    mistakes: list[Mistake] = field(default_factory=list)
    index: int = 0
    """Of the table that is being read."""
    subject: str = ""

    def say(self, code: str, key: str = "", /, **facts: object) -> None:
        path: tuple[str | int, ...] = ("logic", self.index, key) if key else ("logic", self.index)
        shown = {name: str(fact) for name, fact in facts.items()}
        self.mistakes.append(Mistake(code, self.file, self.lines.of(*path), key, self.subject, shown))

    def say_unknown(self, key: str, what: str, got: str, known: Iterable[str]) -> None:
        words = list(known)
        if near := near_match(got, words):
            self.say("unknown-near", key, what=what, got=got, near=near)
        else:
            self.say("unknown", key, what=what, got=got, known=", ".join(words[:20]))

    # The file

    def document(self, document: Mapping[str, Any]) -> tuple[tuple[Point, ...], tuple[LogicPoint, ...]]:
        for word in document.keys() - {"logic"}:
            line = self.lines.of(word)
            self.mistakes.append(Mistake("unknown-key", self.file, line, word, facts={"key": word, "known": "logic"}))
        tables = document.get("logic", [])
        if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            facts = {"key": "logic", "got": _shown(tables), "example": "[[logic]], one for each logic point"}
            self.mistakes.append(Mistake("wrong-type", self.file, self.lines.of("logic"), "logic", facts=facts))
            return (), ()
        made: dict[PointKey, Point] = {}
        logic: list[tuple[int, LogicPoint]] = []
        lines: dict[PointKey, int] = {}
        taken = {p.key for p in self.points or ()}
        for self.index, table in enumerate(tables):
            key = self.key(table)
            if key is not None:
                if key in taken:
                    self.say("logic-taken", "point", got=key.point)
                elif key in lines:
                    self.say("duplicate-id", "point", got=key.point, first=lines[key])
                lines.setdefault(key, self.lines.of("logic", self.index, "point"))
            point, when = self.table(table, key)
            if point is not None and when is not None and key is not None and key not in made:
                made[key] = point
                logic.append((self.index, LogicPoint(key, when)))
        self.inputs(logic, made, lines.keys())
        definitions = tuple(p for _, p in logic)
        try:
            levels(definitions)
        except ValueError as circle:
            first = PointKey(*str(circle).split(" -> ")[0].split("/"))
            self.index = next(index for index, p in logic if p.key == first)
            self.subject = str(first)
            self.say("logic-circle", circle=circle)
        return tuple(made.values()), definitions

    def key(self, table: Mapping[str, Any]) -> PointKey | None:
        """Where the point stands, if that can be read."""
        self.subject = "/".join(str(table[k]) for k in ("enterprise", "point") if isinstance(table.get(k), str))
        names = ("enterprise", "source", "point")
        enterprise, source, point = found = [self.text(table, name, required=True) for name in names]
        for name, value in zip(names, found, strict=True):
            if value and not ID.fullmatch(value):
                self.say("bad-id", name, got=f'"{value}"')
                return None
        if self.enterprises is not None and enterprise:
            known = {e.id: e for e in self.enterprises}
            if enterprise not in known:
                self.say("unknown-enterprise", "enterprise", got=enterprise, known=", ".join(known))
            elif source and source not in (ids := [s.id for s in known[enterprise].sources]):
                self.say("unknown-source", "source", got=source, enterprise=enterprise, known=", ".join(ids))
        return PointKey(enterprise, point) if enterprise and point else None

    # One table

    def table(self, table: Mapping[str, Any], key: PointKey | None) -> tuple[Point | None, Expression | None]:
        for unknown in sorted(table.keys() - set(_KEYS)):
            if near := near_match(unknown, _KEYS):
                self.say("unknown-key-near", unknown, key=unknown, near=near)
            else:
                self.say("unknown-key", unknown, key=unknown, known=", ".join(_KEYS))
        enterprise = key.enterprise if key else ""
        template, when = self.expression(table, enterprise)
        cells = {f"{k}_ms": self.duration(table, k) for k in ("on_delay", "off_delay")}
        severity = self.severity(table)
        name, guidance = self.name(table, "name"), self.name(table, "guidance")
        standard = self.text(table, "standard")
        if key is None:
            return None, when
        kind = self.catalogue.kinds[KIND]
        where = kind.placements[template.id] if template else kind.anywhere
        merged = merge_checks(kind, where, "", cells, "logic.toml")
        standards = dict(merged.standards)
        if standard or template is None:
            standards[Condition.HIGH] = standard or "logic.toml"
        fallback = where.name if template else Name(key.point, key.point)
        return (
            Point(
                enterprise=key.enterprise,
                source=str(table.get("source", "")),
                id=key.point,
                kind=KIND,
                placement=where.id,
                name=name or fallback,
                unit="",
                checks=merged.checks,
                standards=standards,
                severities={**where.severities, **({Condition.HIGH: severity} if severity else {})},
                guidance={Condition.HIGH: guidance} if guidance else {},
            ),
            when,
        )

    def expression(self, table: Mapping[str, Any], enterprise: str) -> tuple[Template | None, Expression | None]:
        if ("when" in table) == ("template" in table):
            self.say("logic-when-or-template", "when" if "when" in table else "")
            return None, None
        if "when" in table:
            if "points" in table:
                self.say("logic-points-alone", "points")
            text = self.text(table, "when")
            return None, self.parsed(text, enterprise, "when") if text else None
        name = self.text(table, "template")
        templates = load_templates()
        if name not in templates:
            if name:
                self.say_unknown("template", "template", name, templates)
            return None, None
        template = templates[name]
        terms = self.terms(template, table.get("points"))
        if terms is None:
            return template, None
        return template, self.parsed(fill(template, terms), enterprise, "points")

    def parsed(self, text: str, enterprise: str, key: str) -> Expression | None:
        try:
            return parse_expression(text, enterprise)
        except ExpressionError as error:
            self.say(error.code, key, at=error.at, **error.facts)
            return None

    def terms(self, template: Template, given: object) -> dict[str, tuple[str, ...]] | None:
        """What the plant names for each input of a template, as terms."""
        example = "{ " + ", ".join(f'{name} = "..."' for name in template.inputs) + " }"
        if not isinstance(given, dict):
            if given is None:
                self.say("missing-key", "", key="points", example=f"points = {example}")
            else:
                self.say("wrong-type", "points", key="points", got=_shown(given), example=example)
            return None
        before = len(self.mistakes)
        for name in sorted(given.keys() - template.inputs.keys()):
            self.say_unknown("points", "input", name, template.inputs)
        terms: dict[str, tuple[str, ...]] = {}
        for name, wanted in template.inputs.items():
            value = given.get(name)
            if value is None:
                self.say("logic-input-missing", "points", input=name, what=wanted.name.en, what_zh=wanted.name.zh)
                continue
            many = value if isinstance(value, list) else [value]
            read = [_TERM.fullmatch(v) if isinstance(v, str) else None for v in many]
            if not read or not all(read):
                shape = f'{name} = "CH4-01"' + (f', or {name} = ["CH4-01", "CH4-02"]' if wanted.several else "")
                self.say("wrong-type", "points", key=f"points.{name}", got=_shown(value), example=shape)
            elif len(many) > 1 and not wanted.several:
                self.say("logic-input-single", "points", input=name, what=wanted.name.en, what_zh=wanted.name.zh)
            else:
                terms[name] = tuple(f"{m[1]}:{m[2] or wanted.condition}" for m in read if m)
                self.kinds(name, template, [m[1] for m in read if m and not m[2]])
        return terms if len(self.mistakes) == before else None

    def kinds(self, name: str, template: Template, points: Sequence[str]) -> None:
        """A point that is named without a condition has to be what the template is about."""
        wanted = template.inputs[name]
        enterprise = self.subject.partition("/")[0]
        for text in points:
            key = PointKey(*text.split("/")) if "/" in text else PointKey(enterprise, text)
            found = next((p for p in self.points or () if p.key == key), None)
            if found is not None and wanted.kinds and found.kind not in wanted.kinds:
                self.say("logic-input-kind", "points", input=name, got=text, kind=found.kind,
                         known=", ".join(wanted.kinds), condition=wanted.condition)  # fmt: skip

    # All tables together

    def inputs(
        self, logic: Sequence[tuple[int, LogicPoint]], made: Mapping[PointKey, Point], written: Iterable[PointKey]
    ) -> None:
        """Every term's point and check have to be there."""
        if self.points is None:
            return
        known = {p.key: p for p in self.points}
        here = set(written)
        for self.index, point in logic:
            self.subject = str(point.key)
            key = (
                "when" if self.lines.of("logic", self.index, "when") != self.lines.of("logic", self.index) else "points"
            )
            for term in dict.fromkeys(terms_of(point.when)):
                own = term.point.enterprise == point.key.enterprise
                name = term.point.point if own else str(term.point)
                if term.point in here:
                    if term.condition not in (Condition.HIGH, Condition.FAULT):
                        self.say("logic-of-logic", key, got=name, condition=term.condition.word)
                elif (found := known.get(term.point)) is None:
                    near = near_match(
                        term.point.point, [k.point for k in known if k.enterprise == term.point.enterprise]
                    )
                    if near:
                        self.say("unknown-near", key, what="point", got=name, near=near)
                    else:
                        self.say("logic-unknown-point", key, got=name)
                elif not check_on(found.checks, term.condition):
                    on = ", ".join(c.word for c in Condition if check_on(found.checks, c))
                    self.say("logic-check-off", key, got=name, condition=term.condition.word, known=on)
            for silent in dict.fromkeys(t.point for t in terms_of(point.when)):
                found = known.get(silent)
                if found is not None and found.checks.no_data_after_ms == 0:
                    self.say("logic-input-silent", key, got=silent.point)

    # Values

    def text(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        value = table.get(key)
        if value is None:
            if required:
                self.say("missing-key", "", key=key, example=f"{key} = {_EXAMPLES[key]}")
            return ""
        if not isinstance(value, str) or not value.strip():
            self.say("wrong-type", key, key=key, got=_shown(value), example=_EXAMPLES[key])
            return ""
        return value

    def name(self, table: Mapping[str, Any], key: str) -> Name | None:
        """One text for both languages or one for each."""
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return Name(value, value)
        if (
            isinstance(value, dict)
            and value
            and value.keys() <= {"zh", "en"}
            and all(isinstance(v, str) and v.strip() for v in value.values())
        ):
            either = next(iter(value.values()))
            return Name(value.get("zh", either), value.get("en", either))
        self.say("wrong-type", key, key=key, got=_shown(value), example='{ zh = "...", en = "..." }')
        return None

    def duration(self, table: Mapping[str, Any], key: str) -> float | None:
        value = table.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                return float(parse_duration_ms(value))
            except ValueError:
                self.say("logic-duration", key, got=value)
        else:
            self.say("wrong-type", key, key=key, got=_shown(value), example=_EXAMPLES[key])
        return None

    def severity(self, table: Mapping[str, Any]) -> Severity | None:
        word = self.text(table, "severity")
        if word and word not in _SEVERITIES:
            self.say_unknown("severity", "severity", word, _SEVERITIES)
        return _SEVERITIES.get(word)
