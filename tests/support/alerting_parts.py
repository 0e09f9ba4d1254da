"""A small mine, a log in memory and a receiver of webhooks: what the alerting tests share."""

import http.server
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerting.alarm import Alarm, AlarmEvent
from alerting.desk import Desk
from alerting.journal import Journal
from alerting.messages import Messages
from alerting.notify.routing import Match, Route, Router
from alerting.processor import AlarmProcessor
from hazards.catalogue import load_catalogue
from hazards.checks import Checks
from hazards.condition import Condition, Severity
from hazards.log import Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import Enterprise, Name, Plant, Point, PointKey, Source
from hazards.readings import ReadingBatch

T0 = 1_795_446_000_000
"""2026-11-23T15:00:00Z."""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

CH4 = Checks(high=1.0, high_high=1.5, high_clear=1.0, high_high_clear=1.0, no_data_after_ms=60_000)
O2 = Checks(low=19.5, low_low=18.0)

SEVERITIES = {
    Condition.HIGH: Severity.ORANGE,
    Condition.HIGH_HIGH: Severity.RED,
    Condition.LOW: Severity.ORANGE,
    Condition.LOW_LOW: Severity.RED,
    Condition.NO_DATA: Severity.YELLOW,
    Condition.FAULT: Severity.YELLOW,
}


def a_point(id_: str = "CH4-01", kind: str = "ch4", checks: Checks = CH4, **other: Any) -> Point:
    """A point of the small mine."""
    facts = {
        "enterprise": "M001",
        "source": "face-1203",
        "placement": "T1" if kind == "ch4" else "",
        "name": Name(id_, id_),
        "unit": {"ch4": "%CH4", "o2": "%VOL"}.get(kind, ""),
        "standards": dict.fromkeys((Condition.HIGH, Condition.HIGH_HIGH), "AQ 1029-2019 table 1"),
        "severities": SEVERITIES,
    }
    return Point(id=id_, kind=kind, checks=checks, **(facts | other))


def a_plant(*points: Point) -> Plant:
    """The small mine with these points, or with two methane sensors and one of oxygen."""
    source = Source("M001", "face-1203", "coal-mine", Name("1203综采工作面", "Longwall face 1203"))
    mine = Enterprise("M001", Name("示例煤矿", "Sample colliery"), "140105", 37.8, 112.6, (source,))
    return Plant((mine,), points or (a_point(), a_point("CH4-02"), a_point("O2-01", "o2", O2)))


class MemoryLog:
    """`hazards.log.Log` in memory; what it holds survives a "crash" of everything around it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._keys: list[PointKey] = []
        self._offsets: dict[str, int] = {}
        self._grown = threading.Condition()
        self._dropped = 0

    def append(self, bodies: Sequence[LogBody], now_ms: int) -> int:
        with self._grown:
            for body in bodies:
                self.entries.append(Entry(self.last_offset + 1, now_ms, body))
            self._grown.notify_all()
            return self.last_offset

    def read(self, after: int, max_entries: int = 256, max_bytes: int = 8 << 20) -> list[Entry]:
        first = max(after - self._dropped, 0)
        return self.entries[first : first + max_entries]

    def wait(self, after: int, timeout_s: float) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: self.last_offset > after, timeout_s)

    @property
    def first_offset(self) -> int:
        return self._dropped + 1

    @property
    def last_offset(self) -> int:
        return self._dropped + len(self.entries)

    def consumer_offset(self, consumer: str) -> int:
        return self._offsets.get(consumer, 0)

    def commit(self, consumer: str, offset: int) -> None:
        self._offsets[consumer] = offset

    def point_ids(self, keys: Sequence[PointKey]) -> NDArray[np.int32]:
        for key in keys:
            if key not in self._keys:
                self._keys.append(key)
        return np.array([self._keys.index(key) for key in keys], np.int32)

    def point_keys(self) -> list[PointKey]:
        return list(self._keys)

    def drop_consumed(self, *, before_ms: int, max_bytes: int) -> int:
        n = min(self._offsets.values(), default=0) - self._dropped
        del self.entries[:n]
        self._dropped += n
        return n

    def close(self) -> None:
        pass


@dataclass
class Clock:
    """A clock that stands until somebody moves it."""

    now_ms: int = T0

    def __call__(self) -> int:
        return self.now_ms


class Mine:
    """The alerting side over a log: everything but the deliveries, which tests start themselves.

    `crash` forgets all that is in memory; `start` builds it anew from the log and the journal.
    """

    def __init__(
        self,
        folder: Path,
        plant: Plant | None = None,
        routes: Sequence[Route] = (Route(Match(), ("duty",)),),
        log: Any = None,
        journal: Callable[[str], Journal] = Journal,
        snapshot_every_ms: int = 30_000,
    ) -> None:
        self.url = f"sqlite:///{folder}/journal.db"
        self.plant = plant or a_plant()
        self.router = Router(routes)
        self.log = log or MemoryLog()
        self.clock = Clock()
        self.snapshot_every_ms = snapshot_every_ms
        self._make_journal = journal
        self.numbers = {
            p.id: int(n)
            for p, n in zip(self.plant.points, self.log.point_ids([p.key for p in self.plant.points]), strict=True)
        }
        self.start()

    def start(self) -> None:
        self.journal = self._make_journal(self.url)
        messages = Messages(self.plant, load_catalogue().kinds)
        self.desk = Desk(self.journal, self.clock, self.router, messages)
        self.processor = AlarmProcessor(
            self.log, self.plant, self.journal, self.desk, snapshot_every_ms=self.snapshot_every_ms
        )

    def crash(self) -> None:
        self.journal.close()

    def restart(self) -> None:
        self.crash()
        self.start()

    # Entries

    def limits(self, at_ms: int = T0, **checks: Checks) -> None:
        """Append limits: those of the plant, or of the points named (``-`` written as ``_``)."""
        by_id = {k.replace("_", "-"): c for k, c in checks.items()} or {p.id: p.checks for p in self.plant.points}
        self.log.append([LimitsChanged(at_ms, {self.numbers[p]: c for p, c in by_id.items()})], at_ms)

    def reading(self, point: str, time_ms: int, value: float, quality: int = 0, received_ms: int | None = None) -> None:
        at_ms = time_ms if received_ms is None else received_ms
        batch = ReadingBatch.of([self.numbers[point]], [time_ms], [value], [quality])
        self.log.append([Readings(batch, at_ms)], at_ms)

    def tick(self, now_ms: int) -> None:
        self.log.append([Tick(now_ms)], now_ms)

    def settle(self) -> list[AlarmEvent]:
        """Let the processor read all there is; the events that came of it."""
        before = self.journal.last_seq
        while entries := self.log.read(self.processor.offset):
            self.processor.apply(entries)
        return self.journal.events_after(before)

    def say(self, point: str, time_ms: int, value: float, quality: int = 0) -> list[str]:
        """One reading, dealt with: the types of its events."""
        self.clock.now_ms = max(self.clock.now_ms, time_ms)
        self.reading(point, time_ms, value, quality)
        return [str(e.type) for e in self.settle()]

    def alarm(self) -> Alarm:
        """The only alarm there is."""
        (alarm,) = self.journal.alarms().items
        return alarm


@dataclass
class Post:
    """One request as a receiver saw it."""

    headers: dict[str, str]
    body: bytes
    status: int
    event: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.event = json.loads(self.body)


class Receiver:
    """A webhook receiver on a free loopback port. ``answer(post) -> (status, headers)`` decides; it may block."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answer: Callable[[Post], tuple[int, dict[str, str]]] = lambda post: (204, {})
        self.connections = 0
        self._arrived = threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver.connections += 1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                post = Post({k.lower(): v for k, v in self.headers.items()}, body, 0)
                status, headers = receiver.answer(post)
                post.status = status
                with receiver._arrived:
                    receiver.posts.append(post)
                    receiver._arrived.notify_all()
                try:
                    self.send_response(status)
                    for name, value in {"content-length": "0", **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    pass  # the sender has given up waiting

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=hush"

    def wait_for(self, n: int, timeout_s: float = 10.0) -> list[Post]:
        """The posts, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.posts) >= n, timeout_s), f"{len(self.posts)} posts, not {n}"
            return list(self.posts)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
