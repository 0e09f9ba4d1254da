"""The journal's outbox and audit trail as lists, read on a connection of the journal."""

import json
from typing import Any

import sqlalchemy as sa

from alerting.alarm import Alarm
from alerting.journal import Journal
from alerting.journal_rows import alarm_from_row
from alerting.journal_schema import alarm, audit, delivery, delivery_attempt
from alerting.pages import Page, page_of
from api.times import iso, iso_or_none
from hazards.plant import PointKey

__all__ = ["DELIVERY_STATUSES", "alarms_of_point", "audit_page", "deliveries_page", "delivery_counts"]

DELIVERY_STATUSES = ("pending", "delivered", "dead")


def deliveries_page(
    journal: Journal,
    *,
    enterprise: str | None,
    status: str | None,
    alarm_id: str | None,
    limit: int,
    cursor: str | None,
) -> Page[dict[str, Any]]:
    """Deliveries, the newest first, each with its attempts."""
    query = sa.select(delivery, alarm.c.enterprise, alarm.c.point).join(alarm, alarm.c.id == delivery.c.alarm_id)
    if enterprise is not None:
        query = query.where(alarm.c.enterprise == enterprise)
    if status is not None:
        query = query.where(delivery.c.status == status)
    if alarm_id is not None:
        query = query.where(delivery.c.alarm_id == alarm_id)
    with journal.reading() as connection:
        page = page_of(
            connection, query, delivery.c.created_ms, delivery.c.id, _delivery_json, limit=limit, cursor=cursor
        )
        by_id: dict[str, list[dict[str, Any]]] = {item["id"]: item["attempts"] for item in page.items}
        ids = list(by_id)
        for k in range(0, len(ids), 500):
            attempts = sa.select(delivery_attempt).where(delivery_attempt.c.delivery_id.in_(ids[k : k + 500]))
            for row in connection.execute(attempts.order_by(delivery_attempt.c.n)).mappings():
                by_id[row["delivery_id"]].append(
                    {
                        "n": row["n"],
                        "at": iso(row["at_ms"]),
                        "duration_ms": row["duration_ms"],
                        "reason": row["reason"],
                        "http_status": row["http_status"],
                    }
                )
    return page


def delivery_counts(journal: Journal) -> dict[str, int]:
    """How many deliveries there are in each status."""
    query = sa.select(delivery.c.status, sa.func.count()).group_by(delivery.c.status)
    with journal.reading() as connection:
        counts: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {status: counts.get(status, 0) for status in DELIVERY_STATUSES}


def audit_page(journal: Journal, *, enterprise: str | None, limit: int, cursor: str | None) -> Page[dict[str, Any]]:
    """Who changed what and why, the newest first."""
    query = sa.select(audit)
    if enterprise is not None:
        query = query.where(audit.c.enterprise == enterprise)
    with journal.reading() as connection:
        return page_of(connection, query, audit.c.at_ms, audit.c.seq, _audit_json, limit=limit, cursor=cursor)


def _delivery_json(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "alarm": row["alarm_id"],
        "event": row["event_seq"],
        "enterprise": row["enterprise"],
        "point": row["point"],
        "channel": row["channel"],
        "status": row["status"],
        "created_at": iso(row["created_ms"]),
        "next_attempt_at": iso(row["due_ms"]) if row["status"] == "pending" else None,
        "finished_at": iso_or_none(row["finished_ms"]),
        "last_reason": row["last_reason"],
        "last_http_status": row["last_http_status"],
        "attempts": [],
    }


def _audit_json(row: Any) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "at": iso(row["at_ms"]),
        "by": row["by"],
        "action": row["action"],
        "enterprise": row["enterprise"],
        "subject": row["subject"],
        "reason": row["reason"],
        "detail": json.loads(row["detail"]),
    }


def alarms_of_point(journal: Journal, key: PointKey, start_ms: int, end_ms: int, limit: int = 500) -> list[Alarm]:
    """Alarms of a point that stood at some time of a range, the oldest first; at most ``limit``, the newest of them."""
    query = (
        sa.select(alarm)
        .where(
            alarm.c.enterprise == key.enterprise,
            alarm.c.point == key.point,
            alarm.c.raised_at_ms < end_ms,
            sa.or_(alarm.c.cleared_at_ms.is_(None), alarm.c.cleared_at_ms >= start_ms),
        )
        .order_by(alarm.c.raised_at_ms.desc())
        .limit(limit)
    )
    with journal.reading() as connection:
        return [alarm_from_row(row) for row in connection.execute(query).mappings()][::-1]
