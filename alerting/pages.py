"""Pages of a list that stay put while the list grows: a cursor names the last item seen, not a count."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from alerting.errors import JournalError

__all__ = ["Page", "page_of"]

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, and where the next ones begin."""

    items: tuple[Item, ...]
    next: str | None
    """The cursor of the next page; None on the last."""


def _cursor(number: int, id_: str) -> str:
    return base64.urlsafe_b64encode(f"{number}.{id_}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[int, str]:
    try:
        number, id_ = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(".", 1)
        position = int(number)
    except (ValueError, binascii.Error):
        raise JournalError("this cursor is not one that a page gave; start without one", "bad_cursor") from None
    if not -(2**63) <= position < 2**63:
        raise JournalError("this cursor is not one that a page gave; start without one", "bad_cursor")
    return position, id_


def page_of(
    connection: sa.Connection,
    query: "sa.Select[Any]",
    number: sa.Column[int],
    id_: sa.Column[Any],
    make: Callable[[Any], Item],
    *,
    limit: int,
    cursor: str | None,
) -> Page[Item]:
    """Run a query newest first by ``(number, id_)``, one page of it.

    Raises
    ------
    JournalError
        With reason ``bad_cursor`` if the cursor is not one that an earlier page gave.
    """
    if cursor is not None:
        at, last = _position(cursor)
        query = query.where(sa.or_(number < at, sa.and_(number == at, id_ < last)))
    rows: Sequence[Any] = (
        connection.execute(query.order_by(number.desc(), id_.desc()).limit(limit + 1)).mappings().all()
    )
    kept = rows[:limit]
    more = len(rows) > limit
    return Page(tuple(make(r) for r in kept), _cursor(kept[-1][number.name], str(kept[-1][id_.name])) if more else None)
