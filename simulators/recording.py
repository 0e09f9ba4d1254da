"""Recordings on disk, read into columns: CSV and Parquet, wide and long.

- **Long**: a line a reading, with columns ``time,enterprise,point,value`` and, if you like, ``quality``.
- **Wide**: a line a time, with a column ``time`` (or ``seconds``, counted from the start of the recording) and a column
  a point. A column belongs to a point by the mapping (``MM116=M001/CH4-03``), by its own name being
  ``enterprise/point``, or by its name being a point of the given enterprise.

Times are RFC 3339 with an offset, or epoch milliseconds. An empty cell or NaN is no reading (not a bad one), except
that a long line with a quality of its own and no value is a reading without value, as instruments send them.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from re import fullmatch
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hazards.plant import PointKey
from hazards.quality import Quality
from ingest.decode.native import parse_time_ms
from simulators.errors import SimulatorError

__all__ = ["Recording", "parse_mapping", "read_recording"]

_NAME = r"[A-Za-z0-9_.-]{1,64}"
_NOTHING = frozenset({"", "nan", "null", "none", "na", "n/a"})
_WORDS = {"true": 1.0, "false": 0.0}
_LONG = ("time", "enterprise", "point", "value")


@dataclass(frozen=True, slots=True)
class Recording:
    """Readings by column, in the order of time; readings of one time in the order of the files.

    Attributes
    ----------
    keys
        The points that occur.
    point : int32, shape (n,)
        Index into ``keys``.
    time_ms : int64, shape (n,)
        [ms since 1970-01-01 UTC], or since the recording's start if not ``dated``.
    value : float64, shape (n,)
        NaN where there is none. [unit of each point]
    quality : uint8, shape (n,)
        `Quality` codes.
    dated
        Whether the files say when it was.
    """

    keys: tuple[PointKey, ...]
    point: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]
    dated: bool

    def __len__(self) -> int:
        return len(self.time_ms)


def parse_mapping(texts: Sequence[str]) -> dict[str, PointKey]:
    """Read ``COLUMN=ENTERPRISE/POINT``, as ``--map`` takes it.

    Raises
    ------
    SimulatorError
        Which text is wrong.

    Examples
    --------
    >>> parse_mapping(["MM116=M001/CH4-03"])
    {'MM116': PointKey(enterprise='M001', point='CH4-03')}
    """
    mapping: dict[str, PointKey] = {}
    for text in texts:
        column, equals, name = text.rpartition("=")
        key = _key(name)
        if not equals or not column or key is None:
            raise SimulatorError(f"map {text!r}: give COLUMN=ENTERPRISE/POINT, such as MM116=M001/CH4-03")
        if column in mapping:
            raise SimulatorError(f"map {text!r}: column {column} has a point already, {mapping[column]}")
        mapping[column] = key
    return mapping


def read_recording(
    paths: Sequence[Path], *, mapping: Mapping[str, PointKey] | None = None, enterprise: str | None = None
) -> Recording:
    """Read one recording from any number of files.

    Parameters
    ----------
    paths
        ``.csv`` and ``.parquet`` files.
    mapping
        Points of columns of wide files. Without ``enterprise`` the columns it does not name are left out.
    enterprise
        Columns of wide files, and long lines without an enterprise, that are not otherwise named, are points of it.

    Raises
    ------
    SimulatorError
        Which file, line and column is wrong, what is there, and what would be right.
    """
    reader = _Reader(dict(mapping or {}), enterprise)
    if enterprise is not None and not fullmatch(_NAME, enterprise):
        raise SimulatorError(f"enterprise {enterprise!r}: give letters, digits, _, . and -, at most 64")
    for path in paths:
        reader.read(path)
    if not paths:
        raise SimulatorError("no file to read; give at least one")
    if left := sorted(set(reader.mapping) - reader.mapped):
        raise SimulatorError(f"map {left[0]}={reader.mapping[left[0]]}: no file has a column {left[0]!r}")
    return reader.recording()


class _Reader:
    def __init__(self, mapping: dict[str, PointKey], enterprise: str | None) -> None:
        self.mapping, self._enterprise = mapping, enterprise
        self.mapped: set[str] = set()
        self._numbers: dict[PointKey, int] = {}
        self._time_ms: list[int] = []
        self._point: list[int] = []
        self._value: list[float] = []
        self._quality: list[int] = []
        self._dated: bool | None = None

    def recording(self) -> Recording:
        time_ms = np.array(self._time_ms, np.int64)
        order = np.argsort(time_ms, kind="stable")
        return Recording(
            tuple(self._numbers),
            np.array(self._point, np.int32)[order],
            time_ms[order],
            np.array(self._value, np.float64)[order],
            np.array(self._quality, np.uint8)[order],
            bool(self._dated),
        )

    def read(self, path: Path) -> None:
        before = len(self._time_ms)
        with _rows(path) as (header, rows):
            if duplicate := next((c for i, c in enumerate(header) if c in header[:i]), None):
                raise SimulatorError(f"{path} line 1: column {duplicate!r} is there twice")
            if "point" in header or "value" in header:
                self._long(path, header, rows)
            else:
                self._wide(path, header, rows)
        if len(self._time_ms) == before:
            raise SimulatorError(f"{path}: has no readings")

    def _wide(self, path: Path, header: list[str], rows: Iterator[tuple[int, list[Any]]]) -> None:
        clock = next((i for i, c in enumerate(header) if c in ("time", "seconds")), None)
        if clock is None:
            raise SimulatorError(
                f"{path} line 1: no column says when; give one named time (RFC 3339 or epoch milliseconds) or seconds"
            )
        self._set_dated(path, header[clock] == "time")
        columns = []
        for i, column in enumerate(header):
            if i != clock and (key := self._point_of(path, column)) is not None:
                columns.append((i, column, self._number(key)))
        if not columns:
            there = ", ".join(c for i, c in enumerate(header) if i != clock)
            wanted = (
                f"none of the mapped columns ({', '.join(self.mapping)})" if self.mapping else "no column of a point"
            )
            raise SimulatorError(f"{path} line 1: has {wanted}; it has {there}")
        for line, cells in rows:
            where = f"{path} line {line}"
            time_ms = _time_ms(where, cells[clock]) if self._dated else _offset_ms(where, cells[clock])
            for i, column, number in columns:
                value = _value(where, column, cells[i])
                if value is not None:
                    self._add(time_ms, number, value, Quality.GOOD)

    def _point_of(self, path: Path, column: str) -> PointKey | None:
        if (key := self.mapping.get(column)) is not None:
            self.mapped.add(column)
            return key
        if (key := _key(column)) is not None:
            return key
        if self._enterprise is not None:
            if not fullmatch(_NAME, column):
                raise SimulatorError(f"{path} line 1: column {column!r} is no name of a point; map it, or rename it")
            return PointKey(self._enterprise, column)
        if self.mapping:
            return None
        raise SimulatorError(
            f"{path} line 1: column {column!r} belongs to no point; map it ({column}=M001/CH4-01), give an enterprise,"
            " or name it ENTERPRISE/POINT"
        )

    def _long(self, path: Path, header: list[str], rows: Iterator[tuple[int, list[Any]]]) -> None:
        at = {column: i for i, column in enumerate(header)}
        for column in _LONG:
            if column not in at and not (column == "enterprise" and self._enterprise is not None):
                raise SimulatorError(f"{path} line 1: column {column!r} is missing; a long file has {', '.join(_LONG)}")
        self._set_dated(path, True)
        e, q = at.get("enterprise"), at.get("quality")
        for line, cells in rows:
            where = f"{path} line {line}"
            key = PointKey(str(cells[e]) if e is not None else str(self._enterprise), str(cells[at["point"]]))
            if not (fullmatch(_NAME, key.enterprise) and fullmatch(_NAME, key.point)):
                raise SimulatorError(
                    f"{where}: {key} is no name of a point; give letters, digits, _, . and -, at most 64"
                )
            quality = _quality(where, cells[q]) if q is not None else None
            value = _value(where, "value", cells[at["value"]])
            if value is None and quality is None:
                continue
            if value is None:
                value, quality = math.nan, max(quality or 0, Quality.BAD)
            self._add(_time_ms(where, cells[at["time"]]), self._number(key), value, quality or 0)

    def _set_dated(self, path: Path, dated: bool) -> None:
        if self._dated is not None and self._dated != dated:
            raise SimulatorError(
                f"{path}: its times do not go with the other files'; give either dates or seconds in all"
            )
        self._dated = dated

    def _number(self, key: PointKey) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _add(self, time_ms: int, number: int, value: float, quality: int) -> None:
        self._time_ms.append(time_ms)
        self._point.append(number)
        self._value.append(value)
        self._quality.append(quality)


@contextmanager
def _rows(path: Path) -> Iterator[tuple[list[str], Iterator[tuple[int, list[Any]]]]]:
    """Header and rows with their line numbers, whatever the format."""
    if path.suffix == ".parquet":
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowException) as error:
            raise SimulatorError(f"{path}: cannot be read as Parquet ({_one_line(error)})") from error
        with file:
            yield list(file.schema_arrow.names), _parquet_rows(path, file)
        return
    if path.suffix != ".csv":
        raise SimulatorError(f"{path}: not a recording; give a .csv or a .parquet file")
    try:
        file = path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read ({error.strerror})") from error
    with file:
        lines = csv.reader(file, strict=True)
        try:
            header = [cell.strip() for cell in next(lines, [])]
        except (csv.Error, UnicodeDecodeError) as error:
            raise SimulatorError(f"{path} line 1: is not CSV in UTF-8 ({_one_line(error)})") from error
        if len(header) < 2:
            raise SimulatorError(f"{path} line 1: no header; give the names of the columns, separated by commas")
        yield header, _csv_rows(path, lines, len(header))


def _csv_rows(path: Path, lines: Any, width: int) -> Iterator[tuple[int, list[Any]]]:
    while True:
        try:
            cells = next(lines, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise SimulatorError(f"{path} line {lines.line_num}: is not CSV in UTF-8 ({_one_line(error)})") from error
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != width:
            raise SimulatorError(f"{path} line {lines.line_num}: {len(cells)} cells; the header has {width}")
        yield lines.line_num, [cell.strip() for cell in cells]


def _parquet_rows(path: Path, file: Any) -> Iterator[tuple[int, list[Any]]]:
    line = 1
    try:
        for batch in file.iter_batches():
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                line += 1
                yield line, list(cells)
    except (OSError, pa.ArrowException) as error:
        raise SimulatorError(f"{path} line {line}: cannot be read as Parquet ({_one_line(error)})") from error


def _key(text: str) -> PointKey | None:
    enterprise, slash, point = text.partition("/")
    return PointKey(enterprise, point) if slash and fullmatch(_NAME, enterprise) and fullmatch(_NAME, point) else None


def _time_ms(where: str, cell: Any) -> int:
    try:
        if isinstance(cell, datetime):
            if cell.tzinfo is None:
                raise ValueError
            return round(cell.timestamp() * 1000.0)
        if isinstance(cell, str) and fullmatch(r"-?[0-9]{1,18}", cell):
            cell = int(cell)
        return parse_time_ms(cell)
    except (ValueError, TypeError, OverflowError) as error:
        raise SimulatorError(
            f"{where}: time {str(cell)[:40]!r} is neither RFC 3339 with an offset (2026-11-24T08:00:00+08:00) nor epoch"
            " milliseconds"
        ) from error


def _offset_ms(where: str, cell: Any) -> int:
    try:
        return round(float(cell) * 1000.0)
    except (ValueError, TypeError, OverflowError) as error:
        raise SimulatorError(f"{where}: seconds {str(cell)[:40]!r} is not a number") from error


def _value(where: str, column: str, cell: Any) -> float | None:
    if cell is None:
        return None
    if isinstance(cell, str):
        word = cell.lower()
        if word in _NOTHING:
            return None
        cell = _WORDS.get(word, cell)
    try:
        value = float(cell)
    except (ValueError, TypeError) as error:
        raise SimulatorError(f"{where}: {column} is {str(cell)[:40]!r}; give a number, or nothing") from error
    return None if math.isnan(value) else value


def _quality(where: str, cell: Any) -> int | None:
    text = "" if cell is None else str(cell)
    if text == "":
        return None
    if text not in ("0", "1", "2", "3"):
        raise SimulatorError(f"{where}: quality is {text[:40]!r}; give 0 good, 1 uncertain, 2 bad or 3 maintenance")
    return int(text)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
