"""The journal's tables. Changes of this schema are Alembic revisions in `alerting/migrations`.

Nothing here is peculiar to SQLite. Times are ms since 1970 UTC.
"""

import sqlalchemy as sa

__all__ = [
    "alarm",
    "alarm_event",
    "api_key",
    "audit",
    "delivery",
    "delivery_attempt",
    "engine_limits",
    "engine_snapshot",
    "limits_override",
    "meta",
    "metadata",
]

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

alarm = sa.Table(
    "alarm",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("point_number", sa.Integer, nullable=False),
    sa.Column("enterprise", sa.String(64), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("point", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("family", sa.String(16), nullable=False),
    sa.Column("condition", sa.String(16), nullable=False),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("worst", sa.Integer, nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("limit", sa.Double),
    sa.Column("unit", sa.String(32), nullable=False),
    sa.Column("standard", sa.Text, nullable=False),
    sa.Column("raised_at_ms", sa.BigInteger, nullable=False),
    sa.Column("detected_at_ms", sa.BigInteger, nullable=False),
    sa.Column("late", sa.Boolean, nullable=False),
    sa.Column("active", sa.Integer, nullable=False, comment="bit c: condition c holds"),
    sa.Column("escalated_from", sa.String(16)),
    sa.Column("cleared_at_ms", sa.BigInteger),
    sa.Column("acknowledged_at_ms", sa.BigInteger),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("shelved_until_ms", sa.BigInteger),
    sa.Column("told", sa.Text, nullable=False, comment="names of channels, one space between"),
    sa.Column("message_zh", sa.Text, nullable=False),
    sa.Column("message_en", sa.Text, nullable=False),
    sa.Index(None, "raised_at_ms", "id"),
    sa.Index(None, "state", "raised_at_ms", "id"),
    sa.Index(None, "enterprise", "raised_at_ms", "id"),
)

alarm_event = sa.Table(
    "alarm_event",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("alarm_id", sa.String(36), sa.ForeignKey("alarm.id"), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("time_ms", sa.BigInteger, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text),
    sa.Column("comment", sa.Text),
    sa.Column("cause", sa.String(32)),
    sa.Column("received_ms", sa.BigInteger),
    sa.Column("alarm", sa.Text, nullable=False, comment="JSON: the alarm as it was after the event"),
    sa.Index(None, "alarm_id", "seq"),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True, comment="the webhook-id"),
    sa.Column("event_seq", sa.BigInteger, sa.ForeignKey("alarm_event.seq"), nullable=False),
    sa.Column("alarm_id", sa.String(36), nullable=False),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, comment="pending, delivered or dead"),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("finished_ms", sa.BigInteger),
    sa.Column("last_reason", sa.String(32)),
    sa.Column("last_http_status", sa.Integer),
    sa.Index(None, "channel", "status", "event_seq"),
    sa.Index(None, "alarm_id"),
    sa.Index(None, "created_ms", "id"),
)

delivery_attempt = sa.Table(
    "delivery_attempt",
    metadata,
    sa.Column("delivery_id", sa.String(36), sa.ForeignKey("delivery.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("duration_ms", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(32), comment="why it failed; null: delivered"),
    sa.Column("http_status", sa.Integer),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("enterprise", sa.String(64)),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_ms", sa.BigInteger),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("enterprise", sa.String(64)),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, comment="JSON"),
)

limits_override = sa.Table(
    "limits_override",
    metadata,
    sa.Column("enterprise", sa.String(64), primary_key=True),
    sa.Column("point", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("checks", sa.Text, nullable=False, comment="JSON: field of Checks to number, null for off"),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

engine_snapshot = sa.Table(
    "engine_snapshot",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("log_offset", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)

engine_limits = sa.Table(
    "engine_limits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("limits", sa.LargeBinary, nullable=False, comment="as they were at the snapshot's offset"),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
