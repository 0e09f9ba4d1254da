"""What one channel still has to be told, and what is next: order within an alarm, urgency between alarms.

Of each alarm only the oldest notice can be next; the others wait for it. First attempts go before retries, the worst
severity first, so that a receiver which refuses one alarm does not hold up the next one.
"""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Backlog", "Pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A delivery that is still to be made."""

    id: str
    event_seq: int
    alarm_id: str
    severity: int
    attempts: int
    created_ms: int
    due_ms: int


class Backlog:
    """Pending deliveries of one channel.

    Parameters
    ----------
    concurrency : int
        How many may be under way at once. Retries take at most half of it (at least one), so that a first attempt
        finds a free place even while everything else hangs.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._most_retries = max(1, concurrency // 2)
        self._waiting: dict[str, deque[Pending]] = {}
        self._fresh: list[tuple[int, int, str]] = []
        self._retries: list[tuple[int, int, str]] = []
        self._under_way: dict[str, Pending] = {}
        self._sending = 0
        self._sending_retries = 0
        self._size = 0  # counted, because other threads ask
        self.last_seq = 0
        """The newest event that has been added."""

    def __len__(self) -> int:
        return self._size

    def add(self, pending: Iterable[Pending]) -> None:
        """More deliveries, in the order of their events, newer than all before."""
        for item in pending:
            queue = self._waiting.setdefault(item.alarm_id, deque())
            queue.append(item)
            self._size += 1
            self.last_seq = max(self.last_seq, item.event_seq)
            if len(queue) == 1:
                self._offer(item)

    def _offer(self, item: Pending) -> None:
        if item.attempts:
            heapq.heappush(self._retries, (item.due_ms, item.event_seq, item.alarm_id))
        else:
            heapq.heappush(self._fresh, (-item.severity, item.event_seq, item.alarm_id))

    def take(self, now_ms: int) -> Pending | None:
        """The next delivery to attempt, if there is one and a place is free."""
        if self._sending >= self._concurrency:
            return None
        if self._fresh:
            alarm_id = heapq.heappop(self._fresh)[2]
        elif self._retries and self._retries[0][0] <= now_ms and self._sending_retries < self._most_retries:
            alarm_id = heapq.heappop(self._retries)[2]
        else:
            return None
        item = self._waiting[alarm_id][0]
        self._under_way[alarm_id] = item
        self._sending += 1
        self._sending_retries += item.attempts > 0
        return item

    def sent(self, item: Pending) -> None:
        """The attempt is over and its place free; the alarm waits on until the outcome is recorded."""
        self._sending -= 1
        self._sending_retries -= item.attempts > 0

    def settled(self, item: Pending) -> None:
        """The delivery is over, delivered or dead: the alarm's next notice may go."""
        del self._under_way[item.alarm_id]
        queue = self._waiting[item.alarm_id]
        queue.popleft()
        self._size -= 1
        if queue:
            self._offer(queue[0])
        else:
            del self._waiting[item.alarm_id]

    def again(self, item: Pending, later: Pending) -> None:
        """The delivery is to be attempted again: ``later`` in place of ``item``."""
        del self._under_way[item.alarm_id]
        self._waiting[item.alarm_id][0] = later
        self._offer(later)

    def next_due_ms(self) -> int | None:
        """When the next retry is due; None if none waits."""
        return self._retries[0][0] if self._retries else None
