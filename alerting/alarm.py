"""An alarm and the events of its life, as they cross from folder to folder."""

from dataclasses import dataclass
from enum import StrEnum

from hazards.condition import Condition, Family, Severity
from hazards.plant import Name

__all__ = ["DEFAULT_SEVERITIES", "LATE_AFTER_MS", "Alarm", "AlarmEvent", "AlarmState", "Cause", "Decision", "EventType"]

LATE_AFTER_MS = 60_000
"""An alarm that was raised longer than this before it was detected came out of a backlog and says so. [ms]"""

DEFAULT_SEVERITIES: dict[Condition, Severity] = {
    Condition.LOW_LOW: Severity.RED,
    Condition.LOW: Severity.ORANGE,
    Condition.HIGH: Severity.ORANGE,
    Condition.HIGH_HIGH: Severity.RED,
    Condition.RATE: Severity.YELLOW,
    Condition.FROZEN: Severity.YELLOW,
    Condition.NO_DATA: Severity.ORANGE,
    Condition.FAULT: Severity.ORANGE,
}
"""For a point that says nothing of its own; a silent or faulty sensor leaves people unprotected, hence orange."""


class AlarmState(StrEnum):
    """Where an alarm stands (ISA-18.2; IEC 62682). Everything but CLOSED is open."""

    UNACKNOWLEDGED = "unacknowledged"
    """In alarm, nobody has taken it yet."""
    ACKNOWLEDGED = "acknowledged"
    """In alarm, somebody deals with it."""
    RETURNED_UNACKNOWLEDGED = "returned_unacknowledged"
    """Over by itself; somebody still has to see it."""
    SHELVED = "shelved"
    """Set aside by a person, with a reason and an end."""
    CLOSED = "closed"
    """Over, and seen."""


class EventType(StrEnum):
    """What happens to an alarm; the ``type`` of webhooks."""

    RAISED = "alarm.raised"
    ESCALATED = "alarm.escalated"
    """A worse condition of the same alarm."""
    DEESCALATED = "alarm.deescalated"
    """The worse condition has ended, a milder one stays."""
    CLEARED = "alarm.cleared"
    ACKNOWLEDGED = "alarm.acknowledged"
    SHELVED = "alarm.shelved"
    UNSHELVED = "alarm.unshelved"
    COMMENTED = "alarm.commented"
    """In the history only; nobody is called for a comment."""


class Cause(StrEnum):
    """Why something happened that no reading and no person did."""

    CHECK_OFF = "check_off"
    """The check was switched off while its condition stood."""
    POINT_REMOVED = "point_removed"
    """The point has left the plant."""
    SHELF_ENDED = "shelf_ended"
    """The time of shelving was over."""
    ENGINE_RESET = "engine_reset"
    """The engine's state could not be read back and was built anew."""


_NOTHING_SAID = Name("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm: a point, a family of conditions, and the moment it was raised.

    All times are ms since 1970 UTC; ``value`` and ``limit`` are in the unit of the point (for RATE the limit is
    in unit/s) and None where there is none.
    """

    id: str
    point_number: int
    """The point's number in the log's directory."""
    enterprise: str
    source: str
    point: str
    kind: str
    family: Family
    condition: Condition
    """The worst condition that holds; once all have cleared, the last one that did."""
    severity: Severity
    """Of `condition`: rises and falls with it."""
    worst: Severity
    """The worst it ever was: never falls."""
    state: AlarmState
    value: float | None
    """At the last change of condition."""
    limit: float | None
    """Of `condition`, as it was in force at that change."""
    unit: str
    standard: str
    """Clause behind the limit of `condition`."""
    raised_at_ms: int
    detected_at_ms: int
    """When the log entry behind the raise was written."""
    late: bool
    """Raised more than `LATE_AFTER_MS` before it was detected."""
    active: frozenset[Condition]
    """The conditions of the family that hold now; empty once it has cleared."""
    escalated_from: Condition | None = None
    """The milder condition that stood before the last escalation, while that has not been taken back."""
    cleared_at_ms: int | None = None
    acknowledged_at_ms: int | None = None
    acknowledged_by: str | None = None
    shelved_until_ms: int | None = None
    told: tuple[str, ...] = ()
    """Channels that have been told of it; each of them hears the end."""
    message: Name = _NOTHING_SAID
    """A plain sentence about the last event."""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to deal with it."""
        return self.state is not AlarmState.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be written about an alarm: its new self, and the event that made it so, if it is one to tell."""

    alarm: Alarm
    type: EventType | None
    """None: the alarm's record changes without an event (a milder condition joins a worse one)."""
    time_ms: int
    """When it happened, in event time."""
    at_ms: int
    """When it was decided: the log entry's time, or the time of a person's action."""
    by: str | None = None
    comment: str | None = None
    cause: Cause | None = None
    received_ms: int | None = None
    channels: tuple[str, ...] = ()
    """Who is to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvent:
    """An event as the journal keeps it."""

    seq: int
    """Ascending over all alarms, from 1, without holes."""
    id: str
    alarm_id: str
    type: EventType
    time_ms: int
    at_ms: int
    by: str | None
    comment: str | None
    cause: Cause | None
    received_ms: int | None
    """Receipt of the readings behind it, for latency; None for people's actions."""
    alarm: Alarm
    """The alarm as it was after the event."""
