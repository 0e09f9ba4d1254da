"""Keeps trying: one thread per channel empties its part of the outbox.

The journal wakes it, so that the first attempt follows a decision at once; no other channel can hold it up. Attempts
run side by side, as many as the channel allows, never two of one alarm.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from alerting.alarm import AlarmEvent
from alerting.deliveries import DeliveryStatus
from alerting.errors import DeliveryError, DeliveryReason, JournalError
from alerting.journal import Journal
from alerting.notify.backlog import Backlog, Pending
from alerting.notify.channel import Channel, Notice
from alerting.notify.outbox import Outbox, Outcome
from alerting.notify.retry import RetryPolicy

__all__ = ["DeliveryWorker"]

_LONGEST_NAP_S = 60.0
_JOURNAL_PAUSE_S = 1.0
_MOST_EVENTS_AHEAD = 500
"""Events read together with their deliveries; more than these would only fill memory while a receiver is down."""

_log = structlog.get_logger(__name__)


class DeliveryWorker:
    """Delivers what the journal holds for one channel.

    Parameters
    ----------
    journal : Journal
    channel : Channel
        Used by this worker alone, and closed by it.
    clock_ms : callable
        [ms since 1970 UTC]
    policy : RetryPolicy
    jitter : callable
        Uniform in 0..1.
    """

    def __init__(
        self,
        journal: Journal,
        channel: Channel,
        clock_ms: Callable[[], int],
        policy: RetryPolicy | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._journal = journal
        self._channel = channel
        self._clock_ms = clock_ms
        self._policy = policy or RetryPolicy()
        self._jitter = jitter
        self._outbox = Outbox(journal, channel.name)
        self._backlog = Backlog(channel.concurrency)
        self._thread = threading.Thread(target=self._run, name=f"deliver-{channel.name}", daemon=True)
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._news = threading.Event()
        self._news.set()
        self._loading = False
        self._events: dict[int, AlarmEvent] = {}
        self._outcomes: list[Outcome] = []
        self._has_outcomes = asyncio.Event()
        self._last_reason: DeliveryReason | None = None
        self._delivered = 0
        self._dead = 0
        self._failed = dict.fromkeys(DeliveryReason, 0)

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self._channel.name

    @property
    def delivered(self) -> int:
        """Deliveries made since the start."""
        return self._delivered

    @property
    def dead(self) -> int:
        """Deliveries given up since the start."""
        return self._dead

    @property
    def failed(self) -> Mapping[DeliveryReason, int]:
        """Attempts that failed since the start, by reason; every reason is there."""
        return dict(self._failed)

    @property
    def waiting(self) -> int:
        """Deliveries that are still to be made; at least 1 while the journal has news that were not looked at."""
        return len(self._backlog) + (self._news.is_set() or self._loading)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End; attempts under way are broken off, and made again after the next start."""
        self._stop.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Look again at what is due."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(self._wake.set)
            except RuntimeError:  # the loop was closed a moment ago: nobody is left to wake
                return

    def _hear(self) -> None:
        """The journal has new events."""
        self._news.set()
        self.wake()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._journal.listen(self._hear)
        recorder = asyncio.create_task(self._record_outcomes())
        attempts: set[asyncio.Task[None]] = set()
        try:
            while not self._stop.is_set():
                self._wake.clear()
                nap_s = self._load()
                while (pending := self._backlog.take(self._clock_ms())) is not None:
                    task = asyncio.create_task(self._attempt(pending))
                    attempts.add(task)
                    task.add_done_callback(attempts.discard)
                await self._sleep(min(nap_s, self._due_in_s()))
        finally:
            self._journal.unlisten(self._hear)
            for task in (*attempts, recorder):
                task.cancel()
            await asyncio.gather(*attempts, recorder, return_exceptions=True)
            self._keep_last_outcomes()
            await self._channel.close()

    async def _sleep(self, longest_s: float) -> None:
        try:
            async with asyncio.timeout(longest_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _due_in_s(self) -> float:
        due_ms = self._backlog.next_due_ms()
        # With every place for retries taken, the end of one of them wakes us.
        return _LONGEST_NAP_S if due_ms is None else max(0.001, (due_ms - self._clock_ms()) / 1000)

    def _load(self) -> float:
        """Take in what the journal has new; how long to wait at most. [s]"""
        if not self._news.is_set():
            return _LONGEST_NAP_S
        self._loading = True
        self._news.clear()
        try:
            pending = self._outbox.pending(self._backlog.last_seq)
            if pending and len(pending) + len(self._events) <= _MOST_EVENTS_AHEAD:
                self._events |= self._outbox.events([p.event_seq for p in pending])
        except JournalError as error:
            self._news.set()
            _log.error("the outbox can't be read", channel=self.channel, error=str(error))
            return _JOURNAL_PAUSE_S
        else:
            self._backlog.add(pending)
            return _LONGEST_NAP_S
        finally:
            self._loading = False

    def _event(self, seq: int) -> AlarmEvent:
        event = self._events.pop(seq, None)
        return self._outbox.events([seq])[seq] if event is None else event

    async def _attempt(self, pending: Pending) -> None:
        at_ms = self._clock_ms()
        began_s = asyncio.get_running_loop().time()
        reason: DeliveryReason | None = None
        status: int | None = None
        retry_after_s: float | None = None
        try:
            event = self._event(pending.event_seq)
            async with asyncio.timeout(self._channel.timeout_s):
                status = await self._channel.send(Notice(pending.id, event), at_ms)
        except DeliveryError as error:
            reason, status, retry_after_s = error.reason, error.status, error.retry_after_s
        except TimeoutError:
            reason = DeliveryReason.TIMEOUT
        except Exception as error:
            # Whatever is wrong in one channel's code: the attempt has failed and is repeated, the others go on.
            # Only the error's type is logged, since its text might show an address.
            _log.error("channel failed", channel=self.channel, error=type(error).__name__)
            reason = DeliveryReason.INTERNAL
        finally:
            self._backlog.sent(pending)
        next_due_ms = None
        if reason is not None:
            next_due_ms = self._policy.next_due_ms(
                pending.attempts + 1, pending.created_ms, self._clock_ms(), self._jitter(), retry_after_s
            )
        duration_ms = round((asyncio.get_running_loop().time() - began_s) * 1000)
        self._outcomes.append(
            Outcome(
                pending=pending,
                at_ms=at_ms,
                duration_ms=duration_ms,
                reason=reason,
                http_status=status,
                next_due_ms=next_due_ms,
            )
        )
        self._has_outcomes.set()
        self._wake.set()

    async def _record_outcomes(self) -> None:
        """Write outcomes, as many at once as there are; only then may an alarm's next notice go."""
        while True:
            await self._has_outcomes.wait()
            self._has_outcomes.clear()
            some, self._outcomes = self._outcomes, []
            while some:
                writing = asyncio.create_task(asyncio.to_thread(self._outbox.record, some))
                try:
                    await asyncio.shield(writing)
                except JournalError as error:
                    _log.error("outcomes can't be written", channel=self.channel, error=str(error))
                    await asyncio.sleep(_JOURNAL_PAUSE_S)
                except asyncio.CancelledError:
                    await asyncio.wait([writing])
                    raise
                else:
                    break
            for outcome in some:
                self._settle(outcome)
            self._wake.set()

    def _keep_last_outcomes(self) -> None:
        if self._outcomes:
            try:
                self._outbox.record(self._outcomes)
            except JournalError as error:
                # They are attempted again after the next start, with the same ids.
                _log.error("outcomes can't be written", channel=self.channel, error=str(error))

    def _settle(self, outcome: Outcome) -> None:
        pending = outcome.pending
        if outcome.next_due_ms is None:
            self._backlog.settled(pending)
        else:
            later = replace(pending, attempts=pending.attempts + 1, due_ms=outcome.next_due_ms)
            self._backlog.again(pending, later)
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        if outcome.status is DeliveryStatus.DELIVERED:
            self._delivered += 1
        else:
            assert outcome.reason is not None
            self._failed[outcome.reason] += 1
            self._dead += outcome.status is DeliveryStatus.DEAD
        # Logged when it changes, counted every time.
        if outcome.reason != self._last_reason or outcome.status is DeliveryStatus.DEAD:
            facts = {
                "channel": self.channel,
                "alarm": outcome.pending.alarm_id,
                "attempt": outcome.pending.attempts + 1,
            }
            if outcome.reason is None:
                _log.info("delivery works again", **facts)
            else:
                _log.warning(
                    "delivery given up" if outcome.next_due_ms is None else "delivery failed",
                    reason=str(outcome.reason),
                    status=outcome.http_status,
                    **facts,
                )
        self._last_reason = outcome.reason
