"""Durations as people write them: ``20s``, ``15m``, ``1h30m``, ``10d``, and in Chinese ``20秒``."""

import re
from decimal import Decimal

__all__ = ["MAX_DURATION_MS", "format_duration", "parse_duration_ms"]

MAX_DURATION_MS = 36_500 * 86_400_000
"""A hundred years; anything longer is a slip of the keyboard."""

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "min": 60_000, "s": 1_000, "ms": 1}
_SPELLINGS = {
    "d": "d", "天": "d",
    "h": "h", "小时": "h", "时": "h",
    "m": "min", "min": "min", "分钟": "min", "分": "min",
    "s": "s", "秒": "s",
    "ms": "ms", "毫秒": "ms",
}  # fmt: skip
_ZH = {"d": "天", "h": "小时", "min": "分钟", "s": "秒", "ms": "毫秒"}
# The number of digits is bounded so that a hostile cell cannot make the arithmetic slow.
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([a-z天小时分钟秒毫]+) ?")


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration such as ``20s``, ``15m``, ``1h30m``, ``10d`` or ``1 h 30 min``.

    Parameters
    ----------
    text : str
        Numbers, each with one of d, h, m (or min), s, ms, or the Chinese words; the largest unit first.

    Returns
    -------
    int
        At least 0. [ms]

    Raises
    ------
    ValueError
        If it is no such thing, is finer than a millisecond, or is longer than `MAX_DURATION_MS`.

    Examples
    --------
    >>> parse_duration_ms("20s"), parse_duration_ms("1h30m"), parse_duration_ms("1.5 s")
    (20000, 5400000, 1500)
    """
    trimmed = text.strip()
    total, end, previous = Decimal(0), 0, None
    while end < len(trimmed):
        part = _PART.match(trimmed, end)
        unit = _SPELLINGS.get(part[2]) if part else None
        if part is None or unit is None:
            raise ValueError(f"{text!r} is not a duration; write a number and its unit, such as 20s, 15m, 12h or 10d")
        if previous is not None and _UNITS_MS[unit] >= previous:
            raise ValueError(f"{text!r} names its units out of order; write the largest first, such as 1h30m")
        previous = _UNITS_MS[unit]
        total += Decimal(part[1]) * previous
        end = part.end()
    if previous is None:
        raise ValueError("an empty text is not a duration; write a number and its unit, such as 20s, 15m, 12h or 10d")
    if total != int(total):
        raise ValueError(f"{text!r} is finer than a millisecond; give whole milliseconds")
    if total > MAX_DURATION_MS:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return int(total)


def format_duration(duration_ms: int, language: str = "en") -> str:
    """A duration for people, in ``zh`` or, for anything else, in English; `parse_duration_ms` reads both.

    >>> format_duration(5_400_000), format_duration(5_400_000, "zh"), format_duration(0)
    ('1 h 30 min', '1小时30分钟', '0 s')
    """
    left, parts = duration_ms, []
    for unit, unit_ms in _UNITS_MS.items():
        count, left = divmod(left, unit_ms)
        if count:
            parts.append((count, unit))
    parts = parts or [(0, "s")]
    if language == "zh":
        return "".join(f"{count}{_ZH[unit]}" for count, unit in parts)
    return " ".join(f"{count} {unit}" for count, unit in parts)
