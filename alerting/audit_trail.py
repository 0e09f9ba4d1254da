"""The audit trail: who changed what, and why. Rows are added and never changed."""

import json
from collections.abc import Mapping

import sqlalchemy as sa

from alerting.journal_schema import audit

__all__ = ["add_to_audit_trail"]


def add_to_audit_trail(
    connection: sa.Connection,
    *,
    at_ms: int,
    by: str,
    action: str,
    subject: str,
    reason: str,
    detail: Mapping[str, object],
    enterprise: str | None = None,
) -> int:
    """Add a row in the transaction of the change that it tells of. Its seq.

    Parameters
    ----------
    connection : sqlalchemy.Connection
        Of `Journal.transaction`.
    at_ms : int
        [ms since 1970 UTC]
    by, reason : str
        Who did it, and why.
    action, subject : str
        What was done (``limits.change``) and to what (``M001/CH4-01``).
    detail : mapping
        Facts that JSON can hold, such as the values before and after.
    enterprise : str, optional
        Whose it is; None concerns all.
    """
    seq: int = (connection.scalar(sa.select(sa.func.max(audit.c.seq))) or 0) + 1
    row = {
        "seq": seq,
        "at_ms": at_ms,
        "by": by,
        "action": action,
        "enterprise": enterprise,
        "subject": subject,
        "reason": reason,
        "detail": json.dumps(detail, ensure_ascii=False, allow_nan=False),
    }
    connection.execute(sa.insert(audit).values(row))
    return seq
