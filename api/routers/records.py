"""What was done: deliveries to people, and the audit trail."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api.access import Engineer, Operator, State, scoped
from api.paging import Cursor, Limit, Listing, listing
from api.records import audit_page, deliveries_page

__all__ = ["router"]

router = APIRouter(tags=["records"])


@router.get("/deliveries", summary="Who was told, or is still to be told, the newest first")
def deliveries(
    who: Operator,
    at: State,
    status: Literal["pending", "delivered", "dead"] | None = None,
    alarm: Annotated[str | None, Query(max_length=36)] = None,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """Each with its attempts. Nothing here has addresses or secrets of channels."""
    page = deliveries_page(
        at.services.journal,
        enterprise=scoped(who, enterprise),
        status=status,
        alarm_id=alarm,
        limit=limit,
        cursor=cursor,
    )
    return listing(page.items, page.next)


@router.get("/audit", summary="Who changed what and why, the newest first")
def audit(
    who: Engineer,
    at: State,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Listing:
    """A key for one enterprise sees that enterprise's."""
    page = audit_page(at.services.journal, enterprise=scoped(who, enterprise), limit=limit, cursor=cursor)
    return listing(page.items, page.next)
