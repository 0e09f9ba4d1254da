"""The journal's events, handed to everybody who listens: one thread asks the journal, any number of listeners wait.

A listener holds its own place. It takes events from a short shared memory, and when it fell behind that, from the
journal itself: a slow browser costs nobody anything and misses nothing.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Self

import anyio.to_thread
import structlog

from alerting.alarm import AlarmEvent, EventType
from alerting.errors import JournalError
from alerting.journal import Journal

__all__ = ["EventHub", "Listener"]

_log = structlog.get_logger("hazmon.api")


class EventHub:
    """Fans the journal's events out to the listeners of one event loop.

    Attributes
    ----------
    counts : mapping of EventType to int
        Events since the hub was started; every type is there from the beginning.
    """

    _REMEMBERED = 2000
    _PAGE = 500

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._recent: deque[AlarmEvent] = deque(maxlen=self._REMEMBERED)
        self._seq = 0
        self._listeners: set[Listener] = set()
        self._callbacks: list[Callable[[list[AlarmEvent]], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.closed = False
        self.counts: Counter[EventType] = Counter(dict.fromkeys(EventType, 0))

    def start(self) -> None:
        """Begin, from the running event loop; events from before are read from the journal by those who ask."""
        self._loop = asyncio.get_running_loop()
        self._seq = self._journal.last_seq
        self._thread = threading.Thread(target=self._watch, name="api-events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every listener's stream, at once; `stop` ends the thread. Call it in the event loop."""
        self.closed = True
        for listener in self._listeners:
            listener.wake()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)

    @property
    def seq(self) -> int:
        """The newest event that listeners have been told of."""
        return self._seq

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def on_events(self, callback: Callable[[list[AlarmEvent]], None]) -> None:
        """Call this in the event loop with every batch of new events. Nothing in it may block."""
        self._callbacks.append(callback)

    def listen(self, after: int | None = None) -> "Listener":
        """A new listener for the events behind ``after``; None is from now on. Use it as a context manager."""
        return Listener(self, self._seq if after is None else after)

    def since(self, seq: int, limit: int) -> list[AlarmEvent] | None:
        """Events behind ``seq`` from memory, None if memory does not reach back so far."""
        if seq >= self._seq:
            return []
        if not self._recent or self._recent[0].seq > seq + 1:
            return None
        first = seq + 1 - self._recent[0].seq  # the journal numbers its events without holes
        return [self._recent[k] for k in range(first, min(first + limit, len(self._recent)))]

    def from_journal(self, seq: int, limit: int) -> list[AlarmEvent]:
        """Events behind ``seq`` from the journal. Blocks."""
        return list(self._journal.events_after(seq, limit))

    def _watch(self) -> None:
        seq = self._seq
        was_lost = False
        while not self._stop.is_set():
            try:
                if not self._journal.wait_for_event(seq, 0.5):
                    continue
                events = list(self._journal.events_after(seq, self._PAGE))
            except JournalError as error:
                if not was_lost:
                    _log.warning("events can't be read from the journal", error=str(error))
                was_lost = True
                self._stop.wait(1.0)
                continue
            was_lost = False
            if events:
                seq = events[-1].seq
                assert self._loop is not None
                try:
                    self._loop.call_soon_threadsafe(self._publish, events)
                except RuntimeError:  # the loop is gone: the server has stopped
                    return

    def _publish(self, events: list[AlarmEvent]) -> None:
        self._recent.extend(events)
        self._seq = events[-1].seq
        self.counts.update(e.type for e in events)
        for callback in self._callbacks:
            callback(events)
        for listener in self._listeners:
            listener.wake()

    def _enter(self, listener: "Listener") -> None:
        self._listeners.add(listener)

    def _leave(self, listener: "Listener") -> None:
        self._listeners.discard(listener)


class Listener:
    """One reader's place in the events."""

    _PAGE = 200

    def __init__(self, hub: EventHub, seq: int) -> None:
        self._hub = hub
        self._seq = seq
        self._woken = asyncio.Event()

    def __enter__(self) -> Self:
        self._hub._enter(self)
        return self

    def __exit__(self, *error: object) -> None:
        self._hub._leave(self)

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def batches(self, heartbeat_s: float) -> AsyncIterator[list[AlarmEvent]]:
        """New events in order, forever; an empty list whenever there was none for ``heartbeat_s``.

        Ends when the hub closes.
        """
        while not self._hub.closed:
            self._woken.clear()
            events = self._hub.since(self._seq, self._PAGE)
            if events is None:
                events = await anyio.to_thread.run_sync(self._hub.from_journal, self._seq, self._PAGE)
            if events:
                self._seq = events[-1].seq
                yield events
                continue
            try:
                await asyncio.wait_for(self._woken.wait(), heartbeat_s)
            except TimeoutError:
                yield []
