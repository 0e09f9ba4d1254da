"""Reads the log, lets the engine judge it, has the desk write what follows: consumer ``alerting`` of the log.

Two offsets: the journal's, up to which every decision is on disk, and the snapshot's, up to which the engine's state
is. After a crash the engine goes on from its snapshot; entries up to the journal's offset only bring it up to date,
those behind it have effects. Entries that change nothing are not worth a transaction: reading them again changes
nothing again.
"""

import random
import threading
from collections.abc import Sequence

import structlog

from alerting.desk import Desk, Step
from alerting.errors import JournalError, LogMismatchError
from alerting.journal import Journal
from alerting.orphans import Orphans
from alerting.watch import Watch
from hazards.checks import Checks
from hazards.log import Damaged, Entry, LimitsChanged, Log, Readings, Tick
from hazards.plant import Plant

__all__ = ["CONSUMER", "AlarmProcessor"]

CONSUMER = "alerting"
"""The name under which the log remembers how far this consumer has to be able to read again."""

_WAIT_S = 0.2
_LONGEST_PAUSE_S = 30.0

_log = structlog.get_logger(__name__)


class AlarmProcessor:
    """Turns the log into alarms. Restores itself when it is made.

    Parameters
    ----------
    log : Log
    plant : Plant
        Names and severities; limits come from the log alone.
    journal : Journal
    desk : Desk
        Over the same journal.
    snapshot_every_ms : int
        Log time between two snapshots of the engine: how much is read again after a crash. [ms]
    max_entries : int
        Log entries in one transaction, at most.

    Raises
    ------
    LogMismatchError
        If the log ends before what the journal has read: it is not the log that the journal was written from.
    JournalError
        If the journal can't be read.
    """

    def __init__(
        self,
        log: Log,
        plant: Plant,
        journal: Journal,
        desk: Desk,
        *,
        snapshot_every_ms: int = 30_000,
        max_entries: int = 256,
    ) -> None:
        self._log = log
        self._plant = plant
        self._journal = journal
        self._desk = desk
        self._snapshot_every_ms = snapshot_every_ms
        self._max_entries = max_entries
        self._offset = 0
        self._saved_offset = 0
        self._saved_version = -1
        self._saved_ms = 0
        self._in_step = True
        """Whether engine, desk and offset belong together; not while entries are being dealt with."""
        self._problem = ""
        self._restore()

    @property
    def offset(self) -> int:
        """How far the log has been read, everything that came of it being on disk."""
        return self._offset

    @property
    def late(self) -> int:
        """Readings that the engine dropped as late."""
        return self._watch.late

    def ready(self) -> tuple[bool, str]:
        """Whether decisions can be written, and if not, why."""
        if self._problem:
            return False, self._problem
        return True, f"read up to entry {self._offset}"

    def checks_in_force(self) -> dict[int, Checks]:
        """The checks at the end of the log, by the point's number: those read so far and those still to be read.

        For whoever starts `run` later and wants to append only what differs.
        """
        checks = dict(self._watch.checks)
        after = self._offset
        while entries := self._log.read(after, self._max_entries):
            for entry in entries:
                if isinstance(entry.body, LimitsChanged):
                    checks.update(entry.body.checks)
            after = entries[-1].offset
        return checks

    def run(self, stop: threading.Event) -> None:
        """Read on until told to stop, then leave a snapshot.

        While the journal can't be written it tries again, with growing pauses, from what is on disk.
        """
        failures = 0
        while not stop.is_set():
            try:
                if not self._in_step:
                    self._desk.reload()
                    self._restore()
                    _log.info("alerting goes on", offset=self._offset)
                if entries := self._log.read(self._offset, self._max_entries):
                    self.apply(entries)
                    failures, self._problem = 0, ""
                else:
                    self._log.wait(self._offset, _WAIT_S)
            except JournalError as error:
                failures += 1
                self._problem = str(error)
                pause_s = min(_LONGEST_PAUSE_S, 0.5 * 2**failures) * random.uniform(0.75, 1.25)  # noqa: S311
                _log.error("alerting waits for the journal", error=str(error), failures=failures, retry_in_s=pause_s)
                stop.wait(pause_s)
        if self._in_step:
            self.save_snapshot()

    def apply(self, entries: Sequence[Entry]) -> None:
        """Judge some entries and write what follows, in one transaction.

        Raises
        ------
        JournalError
            If it can't be written. `run` then goes back to what is on disk; who calls this makes a new processor.
        """
        if not entries:
            return
        self._in_step = False
        steps = []
        for entry in entries:
            if isinstance(entry.body, Damaged):
                _log.error("log entry is damaged: it is not judged", offset=entry.offset, problem=entry.body.detail)
            changes = self._watch.feed(entry)
            if isinstance(entry.body, Tick):
                changes += self._orphans.given_up(entry.body.now_ms)
            if changes or self._desk.due_shelf_at(entry.appended_ms):
                steps.append(Step(entry.appended_ms, _received_ms(entry), changes))
        last = entries[-1]
        if steps:
            self._desk.apply(steps, last.offset)
        self._offset = last.offset
        self._in_step = True
        if last.appended_ms - self._saved_ms >= self._snapshot_every_ms:
            self.save_snapshot()
            self._saved_ms = last.appended_ms

    def save_snapshot(self) -> None:
        """Keep the engine's state; the log may then drop what lies before.

        Raises
        ------
        JournalError
            If it can't be written.
        """
        if self._offset != self._saved_offset:
            version = self._watch.limits_version
            limits = None if version == self._saved_version else self._watch.limits()
            self._journal.save_snapshot(self._offset, self._watch.state(), limits)
            self._saved_version, self._saved_offset = version, self._offset
        # Only now: what lies behind the snapshot has to be readable again.
        self._log.commit(CONSUMER, self._saved_offset)

    def _restore(self) -> None:
        offset = self._journal.log_offset
        if self._log.last_offset < offset:
            raise LogMismatchError(
                f"the log ends at entry {self._log.last_offset}, but the journal has read up to entry {offset}: "
                "this is not the log that the journal was written from; put the two back together, or move both away"
            )
        self._watch = Watch(self._plant, self._log.point_keys)
        self._offset, self._saved_version = self._restore_engine()
        self._saved_offset = self._offset
        self._log.commit(CONSUMER, self._saved_offset)
        if self._log.first_offset > self._offset + 1 and self._offset:
            _log.error("the log has a gap", read_to=self._offset, goes_on_at=self._log.first_offset)
        at_ms = 0
        while self._offset < offset and (entries := self._log.read(self._offset, self._max_entries)):
            for entry in entries:
                if entry.offset <= offset:
                    self._watch.feed(entry)
                    self._offset, at_ms = entry.offset, entry.appended_ms
        self._offset = offset
        self._saved_ms = at_ms
        self._reconcile(max(at_ms, self._watch.now_ms))
        self._in_step = True

    def _restore_engine(self) -> tuple[int, int]:
        """The offset up to which the engine knows the log, and the version of the limits that are saved."""
        snapshot = self._journal.snapshot()
        if snapshot is None:
            return 0, -1
        offset, state, limits = snapshot
        try:
            self._watch.restore(limits, state)
        except ValueError as error:
            # A new version's engine may not read an old one's state. Its limits it can; the rest the log tells.
            _log.error("the engine's snapshot can't be used; reading the log again", error=str(error))
            self._watch = Watch(self._plant, self._log.point_keys)
            start = self._log.first_offset - 1
            self._watch.restore_limits(limits)
            return start, -1
        return offset, self._watch.limits_version

    def _reconcile(self, at_ms: int) -> None:
        """See whether the open alarms agree with the engine, should a snapshot have been lost between them."""
        self._orphans = Orphans(self._watch, self._desk.open_alarms())
        found = self._orphans.found(at_ms)
        if self._orphans or found:
            _log.error("open alarms and engine differ", only_alarms=len(self._orphans), only_engine=len(found))
        if found:
            self._desk.apply([Step(at_ms, None, found)], self._offset)


def _received_ms(entry: Entry) -> int | None:
    match entry.body:
        case Readings(_, received_ms):
            return received_ms
        case Tick(now_ms) | LimitsChanged(now_ms, _):
            return now_ms
        case Damaged():
            return None
