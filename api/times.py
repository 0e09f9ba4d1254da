"""Times at the edge: RFC 3339 UTC with milliseconds out, RFC 3339 or epoch milliseconds in."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

__all__ = ["Time", "iso", "iso_or_none", "parse_time_ms"]

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # the end of the year 9999


def parse_time_ms(value: object) -> int:
    """Epoch milliseconds of an RFC 3339 text with its offset, or of a number that is epoch milliseconds already.

    Raises
    ------
    ValueError
        For anything else, also for a time without an offset: nobody could say which hour it means.

    Examples
    --------
    >>> parse_time_ms("2026-11-23T23:04:05.123+08:00")
    1795446245123
    >>> parse_time_ms("1795446245123")
    1795446245123
    """
    wrong = ValueError("give RFC 3339 with an offset, such as 2026-11-23T15:04:05.123Z, or epoch milliseconds")
    if isinstance(value, str):
        # In a query string an unescaped + arrives as a space.
        text = re.sub(r" (?=\d\d:\d\d$)", "+", value.strip())
        if text.isascii() and text.isdigit() and len(text) <= 15:
            return _checked(int(text), wrong)
        found = _RFC3339.fullmatch(text)
        if found is None:
            raise wrong
        year, month, day, hour, minute, second = (int(found[k]) for k in range(1, 7))
        try:
            at = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        except ValueError:
            raise wrong from None
        if second > 60 or (found[10] and (int(found[10]) > 23 or int(found[11]) > 59)):
            raise wrong
        # A leap second (:60) counts as the last millisecond before it.
        ms = 999 if second == 60 else int(((found[7] or "") + "000")[:3])
        if found[9]:
            offset = timedelta(hours=int(found[10]), minutes=int(found[11]))
            at = _shifted(at, -offset if found[9] == "+" else offset, wrong)
        return _checked((at - _EPOCH) // timedelta(milliseconds=1) + ms, wrong)
    if isinstance(value, int) and not isinstance(value, bool):
        return _checked(value, wrong)
    raise wrong


def _shifted(at: datetime, by: timedelta, wrong: ValueError) -> datetime:
    try:
        return at + by
    except OverflowError:
        raise wrong from None


def _checked(ms: int, wrong: ValueError) -> int:
    if not 0 <= ms <= _LAST_MS:
        raise wrong
    return ms


Time = Annotated[
    int,
    BeforeValidator(parse_time_ms),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="RFC 3339 with an offset, or epoch milliseconds", examples=["2026-11-23T15:04:05.123Z"]),
]
"""A time in a query or a body, as epoch milliseconds once it is parsed."""


def iso(time_ms: int) -> str:
    """RFC 3339, UTC, milliseconds.

    >>> iso(1795446245123)
    '2026-11-23T15:04:05.123Z'
    """
    at = _EPOCH + timedelta(milliseconds=time_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def iso_or_none(time_ms: int | None) -> str | None:
    """`iso`, None staying None."""
    return None if time_ms is None else iso(time_ms)
