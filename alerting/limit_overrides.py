"""Limits that were changed over the API: kept in the journal, versioned, each change in the audit trail.

They win over the plant's files from one start to the next. The engine hears of them through the log.
"""

import json
import math
from collections.abc import Mapping

import sqlalchemy as sa

from alerting.audit_trail import add_to_audit_trail
from alerting.journal import Journal
from alerting.journal_schema import limits_override
from hazards.checks import Checks
from hazards.plant import PointKey

__all__ = ["drop_limit_override", "keep_limit_override", "limit_overrides"]

_OFF = Checks()


def limit_overrides(journal: Journal) -> dict[PointKey, dict[str, float]]:
    """Every point with changed limits: the fields of `Checks` that were changed, and their values."""
    with journal.reading() as connection:
        rows = connection.execute(sa.select(limits_override)).mappings().all()
    return {PointKey(row["enterprise"], row["point"]): _from_json(row["checks"]) for row in rows}


def keep_limit_override(
    journal: Journal, key: PointKey, fields: Mapping[str, float], by: str, reason: str, now_ms: int
) -> int:
    """Keep changed limits of a point, over those changed before. The version, from 1.

    Parameters
    ----------
    journal : Journal
    key : PointKey
    fields : mapping
        Fields of `Checks` and their new values; NaN, 0 or infinity as there switch a check off. Fields not named
        stay as they are.
    by, reason : str
        Who changes it and why, for the audit trail.
    now_ms : int
        [ms since 1970 UTC]

    Raises
    ------
    JournalError
        If it can't be written.
    """
    where = sa.and_(limits_override.c.enterprise == key.enterprise, limits_override.c.point == key.point)
    with journal.transaction() as connection:
        row = connection.execute(sa.select(limits_override).where(where)).mappings().first()
        before = {} if row is None else _from_json(row["checks"])
        after = before | dict(fields)
        version = 1 if row is None else row["version"] + 1
        values = {"version": version, "checks": _to_json(after), "at_ms": now_ms, "by": by, "reason": reason}
        if row is None:
            place = {"enterprise": key.enterprise, "point": key.point}
            connection.execute(sa.insert(limits_override).values(place | values))
        else:
            connection.execute(sa.update(limits_override).where(where).values(values))
        add_to_audit_trail(
            connection,
            at_ms=now_ms,
            by=by,
            action="limits.change",
            enterprise=key.enterprise,
            subject=str(key),
            reason=reason,
            detail={
                "version": version,
                "before": {k: _plain(v) for k, v in before.items()},
                "after": {k: _plain(v) for k, v in after.items()},
            },
        )
    return version


def drop_limit_override(journal: Journal, key: PointKey, by: str, reason: str, now_ms: int) -> bool:
    """Go back to what the plant's files say. False if nothing was changed at this point."""
    where = sa.and_(limits_override.c.enterprise == key.enterprise, limits_override.c.point == key.point)
    with journal.transaction() as connection:
        row = connection.execute(sa.select(limits_override).where(where)).mappings().first()
        if row is None:
            return False
        connection.execute(sa.delete(limits_override).where(where))
        add_to_audit_trail(
            connection,
            at_ms=now_ms,
            by=by,
            action="limits.restore",
            enterprise=key.enterprise,
            subject=str(key),
            reason=reason,
            detail={"version": row["version"], "before": json.loads(row["checks"]), "after": {}},
        )
    return True


def _plain(value: float) -> float | None:
    """JSON has no NaN and no infinity; both mean that a check is off."""
    return value if math.isfinite(value) else None


def _to_json(fields: Mapping[str, float]) -> str:
    return json.dumps({name: _plain(value) for name, value in fields.items()})


def _from_json(text: str) -> dict[str, float]:
    return {name: getattr(_OFF, name) if value is None else value for name, value in json.loads(text).items()}
