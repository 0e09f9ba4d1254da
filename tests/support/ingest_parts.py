"""A small plant, a clock and a wired-up ingest for tests."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hazards.checks import Checks
from hazards.log import Entry, Readings
from hazards.plant import Name, Point
from hazards.readings import ReadingBatch
from ingest.directory import Directory
from ingest.log import SqliteLog
from ingest.message import Message
from ingest.pipeline import Ingest, IngestSettings
from ingest.rejects import Rejects
from ingest.stats import IngestStats

__all__ = ["NOW_MS", "Clock", "Parts", "make_points", "running"]

NOW_MS = 1_764_000_000_000


class Clock:
    """A wall clock that stands until it is moved."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def make_points(n: int = 3, enterprise: str = "M001") -> list[Point]:
    """``CH4-00000`` and so on, at one coal face."""
    name = Name("甲烷", "methane")
    return [
        Point(enterprise, "face-1203", f"CH4-{i:05d}", "ch4", "T1", name, "%CH4", Checks(high=1.0)) for i in range(n)
    ]


class Parts:
    """Log, directory, rejects, counters and ingest in one folder, on one clock."""

    def __init__(
        self,
        folder: Path,
        points: Sequence[Point] | None = None,
        settings: IngestSettings | None = None,
        quota_bytes: int | None = None,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        self.clock = Clock()
        self.points = make_points() if points is None else list(points)
        self.log = SqliteLog(folder / "log.db", quota_bytes=quota_bytes)
        self.directory = Directory(self.log, self.points)
        self.rejects = Rejects(folder / "rejects.db")
        self.stats = IngestStats()
        self.acknowledged: list[int] = []
        self._acknowledge = self.acknowledged.extend
        self._tokens = 0
        self.ingest = Ingest(
            self.log, self.directory, self.rejects, clock_ms or self.clock, self.stats, settings or IngestSettings()
        )

    def message(self, topic: str, payload: bytes, retained: bool = False) -> Message:
        """A message received now, with a token of its own: 1, 2, 3 …"""
        self._tokens += 1
        return Message(topic, payload, self.clock.now_ms, retained, self._tokens, self._acknowledge)

    def entries(self) -> list[Entry]:
        """The whole log."""
        return self.log.read(0, max_entries=1_000_000, max_bytes=1 << 40)

    def readings(self) -> ReadingBatch:
        """All readings in the log, in order."""
        return ReadingBatch.concatenate([e.body.batch for e in self.entries() if isinstance(e.body, Readings)])

    def close(self) -> None:
        """Release the files."""
        self.log.close()
        self.rejects.close()


@contextmanager
def running(*runs: Callable[[threading.Event], None]) -> Iterator[threading.Event]:
    """Each ``run(stop)`` in a thread; all stopped and joined at the end, and an error in one is an error here."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def guarded(run: Callable[[threading.Event], None]) -> None:
        try:
            run(stop)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=guarded, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert not errors, errors
