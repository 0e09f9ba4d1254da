"""The mapping table of a route: a CSV file that says which point a device's name is, and in which unit it speaks."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ingest.decode.current_loop import CurrentLoop
from ingest.errors import IngestError

__all__ = ["COLUMNS", "MappedPoint", "MappingError", "load_mapping"]

COLUMNS = ("name", "enterprise", "point", "unit", "scale", "offset", "at_4ma", "at_20ma")
"""Only ``name`` and ``point`` must be there."""


class MappingError(IngestError):
    """The table cannot be used; one line per mistake in ``mistakes``."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class MappedPoint:
    """One row."""

    enterprise: str
    """Empty for the route's."""
    point: str
    unit: str
    """Of the value after scale and offset; empty for the one that came with it, or else the point's."""
    scale: float = 1.0
    offset: float = 0.0
    """Added after scaling."""
    loop: CurrentLoop | None = None
    """The value is a current in mA."""


def load_mapping(file: Path) -> Mapping[str, MappedPoint]:
    """Read a table (UTF-8 or GB18030, as Excel writes it), by the device's name.

    Raises
    ------
    MappingError
        All its mistakes at once, each with file, line and remedy.
    """
    try:
        data = file.read_bytes()
    except OSError as e:
        raise MappingError([f"{file}: can't be read: {e.strerror}"]) from e
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as e:
            raise MappingError([f"{file}: is neither UTF-8 nor GB18030"]) from e
    reader = csv.DictReader(io.StringIO(text, newline=""))
    mistakes: list[str] = []
    rows: dict[str, MappedPoint] = {}
    try:
        columns = [c.strip() for c in reader.fieldnames or []]
        reader.fieldnames = columns
        known = ", ".join(COLUMNS)
        mistakes += [
            f"{file} line 1: there is no column {c!r}; there are: {known}" for c in columns if c not in COLUMNS
        ]
        mistakes += [f"{file} line 1: column {c} is missing" for c in ("name", "point") if c not in columns]
        if mistakes:
            raise MappingError(mistakes)
        for row in reader:
            cells = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)}
            if not any(cells.values()):
                continue
            where = f"{file} line {reader.line_num}"
            name = cells["name"]
            if not name or not cells["point"]:
                mistakes.append(f"{where}: name and point must both be given")
            elif name in rows:
                mistakes.append(f"{where}: {name!r} is in the table already; give each name one row")
            else:
                try:
                    rows[name] = _row(cells)
                except ValueError as e:
                    mistakes.append(f"{where} ({name}): {e}")
    except csv.Error as e:
        mistakes.append(f"{file} line {reader.line_num}: {e}")
    if mistakes:
        raise MappingError(mistakes)
    return rows


def _row(cells: Mapping[str, str]) -> MappedPoint:
    numbers = {column: _number(column, cells.get(column, "")) for column in COLUMNS[4:]}
    low, high, scale, offset = (numbers[c] for c in ("at_4ma", "at_20ma", "scale", "offset"))
    loop = None
    if (low is None) != (high is None):
        raise ValueError("at_4ma and at_20ma belong together; give both or none")
    if low is not None and high is not None:
        if low == high:
            raise ValueError("at_4ma and at_20ma are the same; give the values of both ends of the scale")
        if scale is not None or offset is not None:
            raise ValueError("a current has at_4ma and at_20ma and no scale and offset besides")
        loop = CurrentLoop(low, high)
    if scale == 0:
        raise ValueError("scale is 0, which makes every value the same")
    return MappedPoint(
        cells.get("enterprise", ""),
        cells["point"],
        cells.get("unit", ""),
        1.0 if scale is None else scale,
        0.0 if offset is None else offset,
        loop,
    )


def _number(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{column} is {text[:40]!r}; give a number such as 0.1")
    return number
