"""Times as text: RFC 3339 UTC for machines. Inside, time is int64 epoch milliseconds."""

from datetime import UTC, datetime

__all__ = ["rfc3339"]


def rfc3339(time_ms: int) -> str:
    """A time as RFC 3339, UTC, with milliseconds.

    >>> rfc3339(1_795_446_245_123)
    '2026-11-23T15:04:05.123Z'
    """
    seconds, ms = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"
