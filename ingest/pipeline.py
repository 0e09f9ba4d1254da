"""From messages to the log: decode in groups, write a group in one durable step, only then acknowledge.

Sources call `Ingest.put` from their own threads and look at `Ingest.accepting` before they read on; everything
else happens on the one thread that runs `Ingest.run`.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from hazards.log import Log, LogBody, Readings, Tick
from hazards.readings import ReadingBatch
from ingest.decode.decoder import Decoder
from ingest.decode.group import DecodedGroup, decode_group
from ingest.decode.native import NativeDecoder
from ingest.directory import Directory
from ingest.errors import LogUnavailable
from ingest.message import Acknowledge, Message
from ingest.rejects import Rejected, Rejects, RejectsUnavailable
from ingest.stats import IngestStats

__all__ = ["Ingest", "IngestSettings"]

log = structlog.get_logger(__name__)

_STALLED_S = 10.0
"""Without a sign of life from the ingest thread for so long, it counts as stalled."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
"""Between attempts to write to a log that fails."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """Bounds on delay, size and memory."""

    commit_every_ms: int = 20
    """Commits are at least so far apart; the first message after a pause is committed at once."""
    group_messages: int = 10_000
    """A full group is committed at once."""
    group_bytes: int = 4 << 20
    queue_messages: int = 50_000
    """Beyond either bound sources stop reading, so that the broker holds what follows."""
    queue_bytes: int = 64 << 20
    entry_readings: int = 65_536
    """Larger groups become several entries, written in one step all the same."""
    tick_every_ms: int = 1000


@dataclass(frozen=True, slots=True)
class _Pending:
    """A group on its way: decoded, and not yet acknowledged."""

    messages: Sequence[Message]
    group: DecodedGroup
    bodies: tuple[LogBody, ...]


class Ingest:
    """Takes messages, and acknowledges each once its readings, or its rejection, are on disk.

    Parameters
    ----------
    log : Log
        Where readings go, with a `Tick` once a second, messages or not.
    directory : Directory
        The plant's points.
    rejects : Rejects
        Where the rest goes.
    clock_ms : callable
        The wall clock. [ms since 1970 UTC]
    stats : IngestStats
        Counters to add to.
    settings : IngestSettings
        Bounds.
    decoder : Decoder, optional
        Of all payloads; native ones by default.
    """

    def __init__(
        self,
        log: Log,
        directory: Directory,
        rejects: Rejects,
        clock_ms: Callable[[], int],
        stats: IngestStats,
        settings: IngestSettings = IngestSettings(),
        decoder: Decoder | None = None,
    ) -> None:
        self._log = log
        self._directory = directory
        self._rejects = rejects
        self._clock_ms = clock_ms
        self._stats = stats
        self._settings = settings
        self._decoder = decoder or NativeDecoder(directory)
        self._changed = threading.Condition()
        self._waiting: list[Message] = []
        self._waiting_bytes = 0
        self._pending: _Pending | None = None
        self._tick_ms: int | None = None
        self._committed_at_s = 0.0
        self._beat_s = time.monotonic()
        self._log_problem = ""
        self._rejects_problem = ""
        self._problem = ""

    # --- for sources

    @property
    def accepting(self) -> bool:
        """Whether there is room. A source that reads on regardless makes memory grow."""
        settings = self._settings
        return len(self._waiting) < settings.queue_messages and self._waiting_bytes < settings.queue_bytes

    def put(self, messages: Sequence[Message]) -> None:
        """Hand over messages, in order. Never blocks; see `accepting`."""
        size = sum([len(m.payload) for m in messages])
        with self._changed:
            first = not self._waiting
            self._waiting.extend(messages)
            self._waiting_bytes += size
            if first or self._group_full:
                self._changed.notify_all()
        self._stats.add(received_messages=len(messages), received_bytes=size)

    def drained(self, timeout_s: float) -> bool:
        """Wait until everything handed over is dealt with. False at the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and self._pending is None, timeout_s)

    # --- for the service

    def ready(self) -> tuple[bool, str]:
        """Whether readings get into the log, and if not, why."""
        if self._log_problem:
            return False, f"the log cannot be written: {self._log_problem}"
        if self._problem:
            return False, f"ingest fails: {self._problem}"
        if time.monotonic() - self._beat_s > _STALLED_S:
            return False, "the ingest thread is not running"
        if self._rejects_problem:
            return False, f"rejected messages cannot be kept: {self._rejects_problem}"
        return True, "writing to the log"

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set and the queue is empty, or until the log fails after ``stop``."""
        pause_s = _FIRST_PAUSE_S
        while not (stop.is_set() and not self._waiting and self._pending is None):
            self._wait_until_due(stop)
            try:
                done = self.step()
            except Exception as e:  # an ingest that ends silently is worse than one that repeats its complaint
                log.exception("ingest failed; trying again")
                self._problem = f"{type(e).__name__}: {e}"
                done = False
            if done:
                pause_s = _FIRST_PAUSE_S
                self._problem = ""
                continue
            if stop.is_set():
                log.error("stopping with messages that are not in the log; the broker keeps them")
                return
            stop.wait(pause_s * random.uniform(0.7, 1.3))  # noqa: S311  -- jitter
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def step(self) -> bool:
        """Deal with one group, and a tick if one is due. False if the log could not take it: call again later."""
        self._beat_s = time.monotonic()
        if self._pending is None:
            self._pending = self._next()
        pending = self._pending
        if pending.bodies and not self._append(pending.bodies):
            return False
        self._count(pending.group)
        if pending.group.rejects or pending.group.unknown or pending.group.future:
            self._set_aside(pending.group)
        for acknowledge, tokens in _by_source(pending.messages).items():
            acknowledge(tokens)
        with self._changed:
            self._pending = None
            self._changed.notify_all()
        return True

    # --- steps

    @property
    def _group_full(self) -> bool:
        settings = self._settings
        return len(self._waiting) >= settings.group_messages or self._waiting_bytes >= settings.group_bytes

    def _wait_until_due(self, stop: threading.Event) -> None:
        every_s = self._settings.commit_every_ms / 1000
        with self._changed:
            while self._pending is None and not self._group_full and not stop.is_set():
                # The tick goes by the wall clock, which may be set; so look at it at least ten times a second.
                due_s = 0.1 if not self._waiting else self._committed_at_s + every_s - time.monotonic()
                if due_s <= 0 or self._tick_due(self._clock_ms()):
                    return
                self._beat_s = time.monotonic()
                self._changed.wait(due_s)

    def _tick_due(self, now_ms: int) -> bool:
        last = self._tick_ms
        return last is None or now_ms - last >= self._settings.tick_every_ms or now_ms < last

    def _next(self) -> _Pending:
        with self._changed:
            messages = self._take()
            oldest_waiting_ms = self._waiting[0].received_ms if self._waiting else None
            now_ms = self._clock_ms()
        group = decode_group(messages, self._decoder)
        bodies: list[LogBody] = []
        n, most, batch = len(group.batch), self._settings.entry_readings, group.batch
        for start in range(0, n, most):
            part = slice(start, start + most)
            bodies.append(
                Readings(
                    ReadingBatch(batch.point[part], batch.time_ms[part], batch.value[part], batch.quality[part]),
                    group.received_ms,
                )
            )
        if self._tick_due(now_ms):
            # While messages wait here, time has passed only up to the oldest of them: a point whose reading is
            # still in our queue is not silent.
            bodies.append(Tick(now_ms if oldest_waiting_ms is None else min(now_ms, oldest_waiting_ms)))
            self._tick_ms = now_ms
        return _Pending(messages, group, tuple(bodies))

    def _take(self) -> list[Message]:
        settings = self._settings
        if not self._group_full:
            taken, self._waiting, self._waiting_bytes = self._waiting, [], 0
        else:
            count = size = 0
            for count, message in enumerate(self._waiting[: settings.group_messages], 1):  # noqa: B007
                size += len(message.payload)
                if size >= settings.group_bytes:
                    break
            taken = self._waiting[:count]
            del self._waiting[:count]
            self._waiting_bytes -= size
        self._stats.set(queued_messages=len(self._waiting), queued_bytes=self._waiting_bytes)
        return taken

    def _append(self, bodies: tuple[LogBody, ...]) -> bool:
        began = time.monotonic()
        try:
            self._log.append(bodies, self._clock_ms())
        except LogUnavailable as e:
            self._stats.add(log_failures=1)
            if str(e) != self._log_problem:
                log.error("log cannot be written; nothing is acknowledged until it can", problem=str(e))
            self._log_problem = str(e)
            return False
        self._committed_at_s = time.monotonic()
        if self._log_problem:
            log.info("log can be written again")
            self._log_problem = ""
        self._stats.set(commit_seconds=self._committed_at_s - began)
        return True

    def _count(self, group: DecodedGroup) -> None:
        n = len(group.batch)
        self._stats.add(
            commits=1,
            received_readings=n + len(group.unknown),
            logged_readings=n,
            unknown_readings=len(group.unknown),
            future_readings=group.future.total(),
        )
        if group.rejects:
            self._stats.add_rejected(Counter(reject.reason for _, reject in group.rejects))

    def _set_aside(self, group: DecodedGroup) -> None:
        rejected = [
            Rejected(0, m.received_ms, m.topic, reject.reason, reject.detail, bytes(m.payload), len(m.payload))
            for m, reject in group.rejects
        ]
        points = self._directory.points
        try:
            self._rejects.keep(
                rejected,
                [(reading, group.received_ms) for reading in group.unknown],
                {points[number].key: count for number, count in group.future.items() if number in points},
            )
        except RejectsUnavailable as e:
            # Good readings must not wait for a file of bad ones, so this is counted and told, and no more.
            self._stats.add(rejects_lost=len(rejected))
            if str(e) != self._rejects_problem:
                log.error("rejected messages cannot be kept", problem=str(e))
            self._rejects_problem = str(e)
        else:
            self._rejects_problem = ""


def _by_source(messages: Sequence[Message]) -> dict[Acknowledge, list[int]]:
    """Tokens to acknowledge, by the function that takes them."""
    tokens: dict[Acknowledge, list[int]] = {}
    last: Acknowledge | None = None
    current: list[int] = []
    for message in messages:
        acknowledge = message.acknowledge
        if acknowledge is None:
            continue
        if acknowledge is not last:
            last, current = acknowledge, tokens.setdefault(acknowledge, [])
        current.append(message.token)
    return tokens
