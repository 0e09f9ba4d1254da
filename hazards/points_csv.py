"""points.csv: the measuring points, one line each."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hazards.catalogue import Catalogue, Placement
from hazards.catalogue.load import FIELD_OF_COLUMN
from hazards.cells import check_cell, is_camera_url, is_date, is_formula, number
from hazards.mistakes import Mistake, near_match
from hazards.placing import find_placement, find_unit, name_of, say_unknown
from hazards.plant import Enterprise, Name, Point, PointKey
from hazards.plant_toml import ID
from hazards.point_checks import MergedChecks, merge_checks

__all__ = ["COLUMNS", "parse_points_csv"]

REQUIRED = ("enterprise", "source", "point", "kind")
COLUMNS = (
    *REQUIRED, "placement", "name", "unit", "lat", "lon", "range_low", "range_high",
    "low_low", "low_low_clear", "low", "low_clear", "high", "high_clear", "high_high", "high_high_clear",
    "on_delay", "off_delay", "rate", "rate_window", "frozen_after", "frozen_band", "no_data_after",
    "camera_url", "calibrated_on",
)  # fmt: skip
"""Every column, in the order that the documents use."""


def parse_points_csv(
    text: str, file: str, enterprises: Iterable[Enterprise] | None, catalogue: Catalogue
) -> tuple[tuple[Point, ...], list[Mistake]]:
    """Points in a points.csv, and every mistake in it.

    Parameters
    ----------
    text : str
        The file's text, with any line endings.
    file : str
        What mistakes call it.
    enterprises : iterable of Enterprise or None
        What plant.toml names; None if it could not be read, and then these columns are not checked against it.
    catalogue : Catalogue
        Kinds, placements and defaults.

    Returns
    -------
    tuple
        The points of the lines without mistakes; the mistakes in the order of the lines.
    """
    reader = _Reader(file, catalogue, None if enterprises is None else tuple(enterprises))
    points: list[Point] = []
    try:
        rows = _rows(text)
        header = next(rows, None)
        if header is None:
            return (), [Mistake("csv-empty", file)]
        line, names = header
        if reader.header(line, names):
            for line, cells in rows:
                point = reader.row(line, cells)
                if point is not None:
                    points.append(point)
    except _BrokenCsvError as error:
        reader.mistakes.append(Mistake("csv-syntax", file, error.line, facts={"reason": error.reason}))
    return tuple(points), reader.mistakes


class _BrokenCsvError(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number at which it begins, and cells, of every row that is not blank."""
    # newline="" leaves line ends within quotation marks alone and still ends rows at \r, \n and \r\n.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _BrokenCsvError(begins, str(error)) from error
        if any(cell and not cell.isspace() for cell in row):
            yield begins, row


@dataclass(frozen=True, slots=True)
class _Settled:
    """All that rows with the same kind, placement, unit and checks share."""

    kind: str
    placement: str
    unit: str
    name: Name
    merged: MergedChecks | None
    where: Placement | None
    mistakes: tuple[tuple[str, str, Mapping[str, str]], ...]


@dataclass(slots=True)
class _Reader:
    file: str
    catalogue: Catalogue
    enterprises: tuple[Enterprise, ...] | None
    mistakes: list[Mistake] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    positions: dict[str, int] = field(default_factory=dict)
    source_types: dict[tuple[str, str], str] = field(default_factory=dict)
    known_enterprises: dict[str, Enterprise] = field(default_factory=dict)
    seen: dict[PointKey, int] = field(default_factory=dict)
    settled: dict[tuple[str, ...], _Settled] = field(default_factory=dict)
    check_positions: tuple[tuple[str, int], ...] = ()
    settle_positions: tuple[int, ...] = ()

    def say(self, code: str, line: int, column: str = "", subject: str = "", **facts: object) -> None:
        self.mistakes.append(
            Mistake(code, self.file, line, column, subject, {key: str(value) for key, value in facts.items()})
        )

    # Header

    def header(self, line: int, cells: Sequence[str]) -> bool:
        """Take the header. False if rows cannot be told apart with it."""
        names = [cell.strip().lower() for cell in cells]
        while names and not names[-1]:  # spreadsheets like to leave empty columns at the end
            names.pop()
        if len(names) == 1:
            for mark, word in ((";", ";"), ("\t", "tabs"), ("，", "，"), ("|", "|")):
                if mark in names[0]:
                    self.say("csv-delimiter", line, got=word)
                    return False
        for position, name in enumerate(names):
            if not name:
                self.say("empty-column", line, got=position + 1)
            elif name not in COLUMNS:
                near = near_match(name, COLUMNS)
                if near:
                    self.say("unknown-column-near", line, got=cells[position].strip(), near=near)
                else:
                    self.say("unknown-column", line, got=cells[position].strip(), known=" ".join(COLUMNS))
            elif name in self.positions:
                self.say("duplicate-column", line, name, got=name)
            else:
                self.positions[name] = position
        missing = [name for name in REQUIRED if name not in self.positions]
        for name in missing:
            self.say("missing-column", line, name, got=name)
        self.columns = tuple(names)
        self.check_positions = tuple((c, self.positions[c]) for c in FIELD_OF_COLUMN if c in self.positions)
        shared = [self.positions[c] for c in ("kind", "placement", "unit") if c in self.positions]
        self.settle_positions = (*shared, *(position for _, position in self.check_positions))
        for enterprise in self.enterprises or ():
            self.known_enterprises[enterprise.id] = enterprise
            for source in enterprise.sources:
                self.source_types[enterprise.id, source.id] = source.type
        return not missing

    # Rows

    def row(self, line: int, cells: list[str]) -> Point | None:
        before = len(self.mistakes)
        width = len(self.columns)
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            self.say("extra-cells", line, got=len(cells), expected=width)
        cells = [cell.strip() for cell in cells[:width]]
        if len(cells) < width:
            cells += [""] * (width - len(cells))
        at = self.positions
        enterprise, source, point = cells[at["enterprise"]], cells[at["source"]], cells[at["point"]]
        subject = f"{enterprise}/{point}"
        self.required(line, subject, cells)
        source_type = self.source_type(line, subject, enterprise, source)
        key = PointKey(enterprise, point)
        if enterprise and point:
            first = self.seen.setdefault(key, line)
            if first != line:
                self.say("duplicate-point", line, "point", subject, first=first)
        settled = self.settle(cells, source_type)
        for column, code, facts in settled.mistakes:
            self.mistakes.append(Mistake(code, self.file, line, column, subject, facts))
        name = self.name(cells, settled.name)
        lat = self.degrees(line, subject, cells, "lat", 90, "37.80")
        lon = self.degrees(line, subject, cells, "lon", 180, "112.60")
        camera_url = self.checked(line, subject, cells, "camera_url", is_camera_url, "not-url")
        calibrated_on = self.checked(line, subject, cells, "calibrated_on", is_date, "not-date")
        if len(self.mistakes) > before or settled.merged is None or settled.where is None:
            return None
        return Point(
            enterprise=enterprise,
            source=source,
            id=point,
            kind=settled.kind,
            placement=settled.placement,
            name=name,
            unit=settled.unit,
            checks=settled.merged.checks,
            standards=settled.merged.standards,
            severities=settled.where.severities,
            lat=lat,
            lon=lon,
            camera_url=camera_url,
            calibrated_on=calibrated_on,
        )

    def cell(self, cells: Sequence[str], column: str) -> str:
        position = self.positions.get(column)
        return cells[position] if position is not None else ""

    def required(self, line: int, subject: str, cells: Sequence[str]) -> None:
        for column in REQUIRED:
            cell = cells[self.positions[column]]
            if not cell:
                self.say("missing-cell", line, column, subject)
            elif column != "kind" and not ID.fullmatch(cell):
                self.say("bad-id", line, column, subject, got=f'"{cell}"')

    def source_type(self, line: int, subject: str, enterprise: str, source: str) -> str:
        """Type of a row's source; empty, and said, if plant.toml does not have it."""
        found = self.source_types.get((enterprise, source))
        if found is not None or self.enterprises is None or not enterprise or not ID.fullmatch(enterprise):
            return found or ""
        known = self.known_enterprises.get(enterprise)
        if known is None:
            self.say("unknown-enterprise", line, "enterprise", subject, got=enterprise,
                     known=", ".join(self.known_enterprises))  # fmt: skip
        elif source and ID.fullmatch(source):
            self.say("unknown-source", line, "source", subject, got=source, enterprise=enterprise,
                     known=", ".join(s.id for s in known.sources))  # fmt: skip
        return ""

    def name(self, cells: Sequence[str], fallback: Name) -> Name:
        """One text for both languages, or the Chinese and the English one with a bar between them."""
        cell = self.cell(cells, "name")
        if not cell or cell == "-":
            return fallback
        zh, bar, en = cell.partition("|")
        zh, en = zh.strip(), en.strip()
        return Name(zh or en, en or zh) if bar else Name(cell, cell)

    def degrees(
        self, line: int, subject: str, cells: Sequence[str], column: str, most: int, example: str
    ) -> float | None:
        cell = self.cell(cells, column)
        if not cell or cell == "-":
            return None
        value = number(cell)
        if -most <= value <= most:
            return value
        self.say("coordinate", line, column, subject, got=cell, key=column, low=-most, high=most, example=example)
        return None

    def checked(
        self, line: int, subject: str, cells: Sequence[str], column: str, right: Callable[[str], bool], code: str
    ) -> str:
        cell = self.cell(cells, column)
        if not cell or cell == "-":
            return ""
        if not right(cell):
            self.say("formula" if is_formula(cell) else code, line, column, subject, got=cell)
        return cell

    # What many rows share is worked out once: a plant of 100,000 points has a few hundred different sets of checks.

    def settle(self, cells: Sequence[str], source_type: str) -> _Settled:
        key = (source_type, *[cells[position] for position in self.settle_positions])
        settled = self.settled.get(key)
        if settled is None:
            settled = self.settled[key] = self.work_out(cells, source_type)
        return settled

    def work_out(self, cells: Sequence[str], source_type: str) -> _Settled:
        mistakes: list[tuple[str, str, Mapping[str, str]]] = []

        def say(column: str, code: str, **facts: str) -> None:
            mistakes.append((column, code, facts))

        numbers = {
            FIELD_OF_COLUMN[column]: check_cell(column, cells[position], say)
            for column, position in self.check_positions
        }
        kind_id = cells[self.positions["kind"]]
        kind = self.catalogue.kinds.get(kind_id)
        if kind is None:
            if kind_id:
                say_unknown(say, "kind", kind_id, self.catalogue.kinds)
            return _Settled(kind_id, "", "", Name("", ""), None, None, tuple(mistakes))
        where = find_placement(kind, self.cell(cells, "placement"), source_type, say)
        unit = find_unit(kind, where, self.cell(cells, "unit"), self.catalogue.unit_spellings, say)
        merged = None
        if where is not None and unit is not None:
            merged = merge_checks(kind, where, unit, numbers, "points.csv")
            # What depends on a cell that could not be read is not known to be wrong.
            unread = {column for column, _, _ in mistakes}
            mistakes += [
                (m.column, m.code, m.facts) for m in merged.mistakes if not unread & {m.column, *m.facts.values()}
            ]
        return _Settled(
            kind.id, where.id if where else "", unit or "", name_of(kind, where), merged, where, tuple(mistakes)
        )
