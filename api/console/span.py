"""A range of time in a page's address."""

from collections.abc import Mapping

from api.times import parse_time_ms

__all__ = ["SpanError", "span_of"]

_LONGEST_MS = 20 * 366 * 86_400_000


class SpanError(ValueError):
    """The address names a range that is none."""


def span_of(query: Mapping[str, str], now_ms: int) -> tuple[int | None, int | None]:
    """``start`` and ``end`` as epoch milliseconds or RFC 3339; an end that is missing is now; neither is (None, None).

    >>> span_of({"start": "2026-11-23T00:00:00Z", "end": "1795446245123"}, 0)
    (1795392000000, 1795446245123)
    """
    if "start" not in query:
        return None, None
    try:
        start_ms = parse_time_ms(query["start"])
        end_ms = parse_time_ms(query["end"]) if "end" in query else now_ms
    except ValueError as error:
        raise SpanError(str(error)) from None
    if not 0 < end_ms - start_ms <= _LONGEST_MS:
        raise SpanError("the range ends before it begins, or is too long")
    return start_ms, end_ms
