"""The whole at a glance: risk by region, and figures of alarm management."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from alerting.alarm import Alarm
from api.access import State, Viewer, scoped
from api.errors import unprocessable
from api.kpi import kpi
from api.risk import risk_tree
from api.state import ApiState
from api.times import Time, iso

__all__ = ["router"]

router = APIRouter(tags=["overview"])

_DEFAULT_PERIOD_MS = 7 * 86_400_000
_LONGEST_PERIOD_MS = 400 * 86_400_000
_PAGE = 5000


@router.get("/risk", summary="Region tree with colours")
def risk(who: Viewer, at: State) -> dict[str, Any]:
    """From province to hazard source, each coloured by its worst open alarm that is not shelved."""
    enterprises = [e for e in at.points.enterprises if who.sees(e.id)]
    return {
        "at": iso(at.services.clock_ms()),
        "regions": risk_tree(enterprises, at.board.all(who.enterprise)),
    }


@router.get("/kpi", summary="Figures of alarm management")
def figures(
    who: Viewer,
    at: State,
    since: Annotated[Time | None, Query(description="Seven days before `until` if absent.")] = None,
    until: Annotated[Time | None, Query(description="Now if absent.")] = None,
    enterprise: Annotated[str | None, Query(max_length=64)] = None,
) -> dict[str, Any]:
    """Of the alarms raised in the period, over all and by enterprise."""
    wanted = scoped(who, enterprise)
    until_ms = at.services.clock_ms() + 1 if until is None else until
    since_ms = max(until_ms - _DEFAULT_PERIOD_MS, 0) if since is None else since
    if not 0 < until_ms - since_ms <= _LONGEST_PERIOD_MS:
        raise unprocessable("query.since", "lies before until, by 400 days at most")
    alarms = _raised(at, wanted, since_ms, until_ms)
    enterprises = [e.id for e in at.points.enterprises if wanted is None or e.id == wanted]
    return {
        "since": iso(since_ms),
        "until": iso(until_ms),
        **kpi(alarms, since_ms, until_ms),
        "enterprises": {e: kpi([a for a in alarms if a.enterprise == e], since_ms, until_ms) for e in enterprises},
    }


def _raised(at: ApiState, enterprise: str | None, since_ms: int, until_ms: int) -> list[Alarm]:
    found: list[Alarm] = []
    cursor = None
    while True:
        page = at.services.journal.alarms(
            enterprise=enterprise, since_ms=since_ms, until_ms=until_ms, limit=_PAGE, cursor=cursor
        )
        found.extend(page.items)
        cursor = page.next
        if cursor is None:
            return found
