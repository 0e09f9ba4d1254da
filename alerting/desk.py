"""The desk: it holds the open alarms, hears the engine and people, and writes every decision into the journal.

One lock stands around the open alarms, so that a person's click and a reading cannot change one alarm at once. The
alarms held here change only after the journal has the decision on disk.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from alerting import lifecycle
from alerting.alarm import Alarm, AlarmEvent, AlarmState, Cause, Decision, EventType
from alerting.errors import DeskError, DeskReason
from alerting.ids import alarm_id
from alerting.journal import Journal
from alerting.lifecycle import Change, NotAllowedError, Shelf
from alerting.messages import Messages
from alerting.notify.routing import Router
from hazards.checks import Checks
from hazards.condition import Family

__all__ = ["Desk", "Step"]

_ROUTED = frozenset({EventType.RAISED, EventType.ESCALATED, EventType.DEESCALATED})
"""Events that may reach channels which have not heard of the alarm yet; all others go to those that have."""

Place = tuple[int, Family]


@dataclass(frozen=True, slots=True)
class Step:
    """What one log entry led to."""

    at_ms: int
    """When the entry was written: the time of every decision made from it."""
    received_ms: int | None
    """When its readings were received."""
    changes: Sequence[Change]


class _Book:
    """The open alarms, by id and by where they stand."""

    def __init__(self, alarms: Sequence[Alarm]) -> None:
        self.open: dict[str, Alarm] = {}
        self.standing: dict[Place, str] = {}
        """The alarm whose conditions hold, by place; at most one."""
        self.shelved: dict[str, Place] = {}
        self.shelves: dict[Place, set[str]] = {}
        for alarm in alarms:
            self.take(alarm)

    def take(self, alarm: Alarm) -> None:
        place = (alarm.point_number, alarm.family)
        if alarm.active:
            self.standing[place] = alarm.id
        elif self.standing.get(place) == alarm.id:
            del self.standing[place]
        if alarm.is_open:
            self.open[alarm.id] = alarm
        else:
            self.open.pop(alarm.id, None)
        if alarm.state is AlarmState.SHELVED:
            self.shelved[alarm.id] = place
            self.shelves.setdefault(place, set()).add(alarm.id)
        elif self.shelved.pop(alarm.id, None) is not None:
            self.shelves[place].discard(alarm.id)


class _Draft:
    """What the book will say once the journal has it on disk."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._standing: dict[Place, str | None] = {}
        self.alarms: dict[str, Alarm] = {}

    def __getitem__(self, id_: str) -> Alarm:
        return self.alarms.get(id_) or self._book.open[id_]

    def standing(self, place: Place) -> Alarm | None:
        id_ = self._standing[place] if place in self._standing else self._book.standing.get(place)
        return None if id_ is None else self[id_]

    def shelf(self, place: Place) -> Shelf | None:
        """The longest shelf that stands here."""
        alarms = [self[id_] for id_ in self._book.shelves.get(place, ())]
        shelves = [Shelf(a.shelved_until_ms or 0, a.worst) for a in alarms if a.state is AlarmState.SHELVED]
        return max(shelves, key=lambda s: (s.until_ms, s.worst), default=None)

    def take(self, alarm: Alarm) -> None:
        place = (alarm.point_number, alarm.family)
        standing = self.standing(place)
        self.alarms[alarm.id] = alarm
        if alarm.active:
            self._standing[place] = alarm.id
        elif standing is not None and standing.id == alarm.id:
            self._standing[place] = None


class Desk:
    """Applies what the engine finds and what people do.

    Parameters
    ----------
    journal : Journal
    clock_ms : callable
        The time of people's actions. [ms since 1970 UTC]
    router : Router
        Who hears of what.
    messages : Messages
        The sentences.
    """

    def __init__(self, journal: Journal, clock_ms: Callable[[], int], router: Router, messages: Messages) -> None:
        self._journal = journal
        self._clock_ms = clock_ms
        self._router = router
        self._messages = messages
        self._lock = threading.RLock()
        self.reload()

    def reload(self) -> None:
        """Take the open alarms from the journal, as at the start."""
        with self._lock:
            self._book = _Book(self._journal.open_alarms())

    def open_alarms(self) -> list[Alarm]:
        """Everything that somebody still has to deal with, in the order raised."""
        with self._lock:
            return sorted(self._book.open.values(), key=lambda a: (a.raised_at_ms, a.id))

    # What the engine found

    def apply(self, steps: Sequence[Step], log_offset: int) -> list[AlarmEvent]:
        """Decide about what these log entries led to, and write it in one transaction with the log's offset.

        Raises
        ------
        JournalError
            If it can't be written; then nothing has changed here either.
        """
        with self._lock:
            draft = _Draft(self._book)
            decisions: list[Decision] = []
            again = self._raised_before(steps)
            for step in steps:
                decisions += self._end_shelves(step, draft)
                for change in step.changes:
                    for part in lifecycle.in_steps(draft.standing((change.number, change.family)), change):
                        decision = self._decide(part, step, draft, again)
                        if decision is not None:
                            draft.take(decision.alarm)
                            decisions.append(decision)
            events = self._journal.write(decisions, log_offset)
            for alarm in draft.alarms.values():
                self._book.take(alarm)
            return events

    def due_shelf_at(self, at_ms: int) -> bool:
        """Whether a shelf ends by this time."""
        with self._lock:
            return any((self._book.open[id_].shelved_until_ms or 0) <= at_ms for id_ in self._book.shelved)

    def _raised_before(self, steps: Sequence[Step]) -> dict[str, Alarm]:
        """Alarms that these steps may raise once more at the very millisecond of an earlier raise (same id)."""
        ids = {
            alarm_id(c.point.enterprise, c.point.id, c.family, c.time_ms)
            for step in steps
            for c in step.changes
            if any(active for _, active in c.flips)
        }
        return self._journal.alarms_by_id(sorted(ids)) if ids else {}

    def _decide(self, change: Change, step: Step, draft: _Draft, again: dict[str, Alarm]) -> Decision | None:
        place = (change.number, change.family)
        before = draft.standing(place)
        shelf = draft.shelf(place) if before is None else None
        alarm, type_ = lifecycle.after_change(before, change, step.at_ms, shelf)
        if alarm is None or (type_ is None and alarm == before):
            return None
        if type_ is EventType.RAISED:
            earlier = draft.alarms.get(alarm.id) or again.get(alarm.id)
            alarm = replace(alarm, told=earlier.told if earlier else ())
        decision = Decision(
            alarm=alarm,
            type=type_,
            time_ms=change.time_ms,
            at_ms=step.at_ms,
            cause=change.cause,
            received_ms=step.received_ms,
        )
        return self._told(decision, change.checks)

    def _end_shelves(self, step: Step, draft: _Draft) -> list[Decision]:
        ended = []
        for id_ in sorted(self._book.shelved):
            alarm = draft[id_]
            if alarm.state is AlarmState.SHELVED and (alarm.shelved_until_ms or 0) <= step.at_ms:
                decision = self._told(
                    Decision(
                        alarm=lifecycle.unshelve(alarm),
                        type=EventType.UNSHELVED,
                        time_ms=alarm.shelved_until_ms or step.at_ms,
                        at_ms=step.at_ms,
                        cause=Cause.SHELF_ENDED,
                        received_ms=step.received_ms,
                    )
                )
                draft.take(decision.alarm)
                ended.append(decision)
        return ended

    def _told(self, decision: Decision, checks: Checks | None = None) -> Decision:
        """The decision with its sentence and those who are told."""
        if decision.type is None:
            return decision
        alarm = replace(decision.alarm, message=self._messages.sentence(decision, checks))
        channels = self._router.known(alarm.told)
        quiet = alarm.state is AlarmState.SHELVED and decision.type is not EventType.SHELVED
        if decision.type is EventType.COMMENTED:
            channels = ()
        elif (decision.type in _ROUTED and not quiet) or (decision.type is EventType.UNSHELVED and alarm.active):
            channels = tuple(dict.fromkeys((*channels, *self._router.channels_for(alarm))))
            alarm = replace(alarm, told=tuple(dict.fromkeys((*alarm.told, *channels))))
        return replace(decision, alarm=alarm, channels=channels)

    # What people do

    def acknowledge(self, alarm_id: str, by: str, comment: str | None = None) -> Alarm:
        """Take an alarm; one that has returned to normal is closed by it.

        Raises
        ------
        DeskError
            ``not_found``; ``not_allowed`` unless it is unacknowledged.
        """
        return self._act(
            alarm_id, EventType.ACKNOWLEDGED, by, comment, lambda a, now_ms: lifecycle.acknowledge(a, by, now_ms)
        )

    def comment(self, alarm_id: str, by: str, comment: str) -> Alarm:
        """Add a remark to an alarm's history, whatever its state.

        Raises
        ------
        DeskError
            ``not_found``; ``bad_request`` without a comment.
        """
        if not comment.strip():
            raise DeskError(DeskReason.BAD_REQUEST, alarm_id, "a comment needs a text")
        return self._act(alarm_id, EventType.COMMENTED, by, comment, lambda a, _: a)

    def shelve(self, alarm_id: str, by: str, reason: str, until_ms: int) -> Alarm:
        """Set an alarm aside until a time. A worsening ends it early.

        Raises
        ------
        DeskError
            ``not_found``; ``not_allowed`` if it is shelved or closed; ``bad_request`` without a reason, or if the
            end is not in the future.
        """
        if not reason.strip():
            raise DeskError(DeskReason.BAD_REQUEST, alarm_id, "shelving needs a reason")

        def change(alarm: Alarm, now_ms: int) -> Alarm:
            if until_ms <= now_ms:
                raise DeskError(DeskReason.BAD_REQUEST, alarm_id, "the end of shelving has to be in the future")
            return lifecycle.shelve(alarm, until_ms)

        return self._act(alarm_id, EventType.SHELVED, by, reason, change)

    def unshelve(self, alarm_id: str, by: str, comment: str | None = None) -> Alarm:
        """Take an alarm off its shelf before the time.

        Raises
        ------
        DeskError
            ``not_found``; ``not_allowed`` if it is not shelved.
        """
        return self._act(alarm_id, EventType.UNSHELVED, by, comment, lambda a, _: lifecycle.unshelve(a))

    def _act(
        self,
        alarm_id: str,
        type_: EventType,
        by: str,
        comment: str | None,
        change: Callable[[Alarm, int], Alarm],
    ) -> Alarm:
        with self._lock:
            alarm = self._book.open.get(alarm_id) or self._journal.alarm(alarm_id)
            if alarm is None:
                raise DeskError(DeskReason.NOT_FOUND, alarm_id, f"there is no alarm {alarm_id}")
            now_ms = self._clock_ms()
            try:
                changed = change(alarm, now_ms)
            except NotAllowedError as error:
                raise DeskError(DeskReason.NOT_ALLOWED, alarm_id, str(error)) from None
            decision = self._told(
                Decision(alarm=changed, type=type_, time_ms=now_ms, at_ms=now_ms, by=by, comment=comment)
            )
            self._journal.write([decision])
            self._book.take(decision.alarm)
            return decision.alarm
