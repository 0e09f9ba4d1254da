"""What stands in one cell of points.csv: a number, a duration, a rate, a date; and how people get it wrong."""

import math
import re
from collections.abc import Callable
from datetime import date

from hazards.durations import parse_duration_ms
from hazards.point_checks import OFF, Cell

__all__ = ["Say", "check_cell", "is_camera_url", "is_date", "is_formula", "number"]

Say = Callable[..., None]
"""Takes a mistake: the column, its code, and its facts by name."""

# Digits are counted, so that no cell is slow to read; float() would also take 1_000 and full-width digits.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,3})?")
_RATE = re.compile(rf"({_NUMBER.pattern})(?: ?/ ?(s|min|h|d))?")
_RATE_S = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_DURATIONS = {"on_delay": "10s", "off_delay": "10s", "rate_window": "60s", "frozen_after": "6h", "no_data_after": "5m"}
_CAMERA = re.compile(r"(?:rtsps?|https?)://[^\s]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def number(cell: str) -> float:
    """The number in a cell, NaN if it is none.

    >>> number("1.5"), number("1,5"), number("１")
    (1.5, nan, nan)
    """
    return float(cell) if _NUMBER.fullmatch(cell) else math.nan


def check_cell(column: str, cell: str, say: Say) -> Cell:
    """The number in a cell of a check, None if it is empty, OFF for ``-``; what is wrong is said."""
    if not cell:
        return None
    if cell == "-":
        if column == "rate_window":
            say(column, "not-off")
            return None
        return OFF
    if is_formula(cell):
        say(column, "formula", got=cell)
        return None
    if column in _DURATIONS:
        try:
            value = float(parse_duration_ms(cell))
        except ValueError:
            say(column, "not-duration", got=cell, example=_DURATIONS[column])
            return None
        if column == "rate_window" and value == 0:
            say(column, "not-positive", got=cell)
            return None
        return value
    if column == "rate":
        rate = _RATE.fullmatch(cell)
        value = float(rate[1]) / _RATE_S[rate[2] or "s"] if rate else math.nan
        if not 0 < value < math.inf:
            say(column, "not-rate", got=cell)
            return None
        return value
    value = number(cell)
    if not math.isfinite(value):
        say(column, "not-number", got=cell, example="1.5")
        return None
    if column == "frozen_band" and value < 0:
        say(column, "negative", got=cell)
        return None
    return value


def is_formula(cell: str) -> bool:
    """``=A1*2``, ``@SUM(...)`` and what Excel shows for a broken one: ``#REF!``."""
    return cell.startswith(("=", "@", "#", "+=", "-="))


def is_camera_url(cell: str) -> bool:
    return _CAMERA.fullmatch(cell) is not None


def is_date(cell: str) -> bool:
    if not _DATE.fullmatch(cell):
        return False
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return True
