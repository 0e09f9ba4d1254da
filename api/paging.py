"""Lists: `{"items": [...], "next": cursor or null}`, with cursors that mean nothing to anybody else."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query

from api.errors import bad_request

__all__ = ["Cursor", "Limit", "Listing", "listing", "open_cursor", "seal_cursor"]

MAX_LIMIT = 10_000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many items.")]
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before, to go on where it ended.")]


Listing = dict[str, Any]
"""A page of a list."""


def listing(items: Sequence[dict[str, Any]], next_: str | None) -> Listing:
    """A page of a list as it goes out."""
    return {"items": list(items), "next": next_}


def seal_cursor(*parts: str) -> str:
    """A cursor from the words that say where the page ended.

    >>> open_cursor(seal_cursor("M001", "CH4-01"), 2)
    ('M001', 'CH4-01')
    """
    return urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


def open_cursor(cursor: str, count: int) -> tuple[str, ...]:
    """The words of `seal_cursor`; 400 for anything that it did not make."""
    try:
        parts = json.loads(urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(p, str) for p in parts):
        raise bad_request("cursor: not one that this list gave out; leave it away to begin at the beginning")
    return tuple(parts)
