"""What did not become stored readings, kept where an engineer can list it: rejects, unknown points, fast clocks.

A SQLite file of its own, bounded in every direction: a device gone mad may fill its own reason's share, no more.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from hazards.plant import PointKey
from ingest.decode.decoder import UnknownReading
from ingest.decode.reject import RejectReason
from ingest.errors import IngestError

__all__ = ["KEPT_PAYLOAD_BYTES", "Page", "Rejected", "Rejects", "RejectsUnavailable", "UnknownPoint"]

KEPT_PAYLOAD_BYTES = 4096
"""So much of a rejected payload is kept."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reject (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL, topic TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, payload BLOB NOT NULL, payload_bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS reject_by_reason ON reject (reason, id);
CREATE TABLE IF NOT EXISTS unknown_point (
    enterprise TEXT NOT NULL, point TEXT NOT NULL, time_ms INTEGER NOT NULL, value REAL, quality INTEGER NOT NULL,
    count INTEGER NOT NULL, first_received_ms INTEGER NOT NULL, last_received_ms INTEGER NOT NULL,
    PRIMARY KEY (enterprise, point)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unknown_by_age ON unknown_point (last_received_ms);
CREATE TABLE IF NOT EXISTS future (
    enterprise TEXT NOT NULL, point TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (enterprise, point)
) WITHOUT ROWID;
"""


T = TypeVar("T")


class RejectsUnavailable(IngestError):  # noqa: N818  -- as the rest of the family
    """The file cannot be written or read now."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that was set aside."""

    id: int
    """Grows; 0 before it is kept."""
    received_ms: int
    topic: str
    reason: RejectReason
    detail: str
    payload: bytes
    """Its first `KEPT_PAYLOAD_BYTES`."""
    payload_bytes: int
    """Its whole length."""


@dataclass(frozen=True, slots=True)
class UnknownPoint:
    """A point that sends but is not in the plant."""

    key: PointKey
    time_ms: int
    """Of its last reading, as sent."""
    value: float | None
    quality: int
    count: int
    first_received_ms: int
    last_received_ms: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Part of a list, newest first, and where to go on."""

    items: tuple[T, ...]
    next: str | None


class Rejects:
    """Keeps what was set aside, newest first to read, in one SQLite file. Safe from several threads.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if missing.
    keep_per_reason : int
        Older rejects of the same reason go beyond this.
    keep_unknown : int
        Unknown points that were silent longest go beyond this.

    Raises
    ------
    RejectsUnavailable
        If the file cannot be used, here or later.
    """

    def __init__(self, path: Path, keep_per_reason: int = 1000, keep_unknown: int = 10_000) -> None:
        self._path = path
        self._keep_per_reason = keep_per_reason
        self._keep_unknown = keep_unknown
        self._lock = threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # the message is acknowledged after this, like a good one
            self._db.executescript(_SCHEMA)

    def keep(
        self,
        rejected: Sequence[Rejected] = (),
        unknown: Iterable[tuple[UnknownReading, int]] = (),
        future: Mapping[PointKey, int] | None = None,
    ) -> None:
        """Keep a group's rejects, unknown readings with their times of receipt, and counts of future times, on disk.

        Of more rejects than are kept for their reason only the newest are written.
        """
        by_reason: dict[str, list[Rejected]] = {}
        for item in rejected:
            by_reason.setdefault(item.reason, []).append(item)
        strangers: dict[PointKey, tuple[UnknownReading, int, int, int]] = {}
        for reading, received_ms in unknown:
            _, first_ms, _, count = strangers.get(reading.key, (reading, received_ms, received_ms, 0))
            strangers[reading.key] = (reading, first_ms, received_ms, count + 1)
        with self._transaction() as db:
            for reason, items in by_reason.items():
                db.executemany(
                    "INSERT INTO reject (received_ms, topic, reason, detail, payload, payload_bytes)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (
                            r.received_ms,
                            _text(r.topic),
                            reason,
                            _text(r.detail),
                            r.payload[:KEPT_PAYLOAD_BYTES],
                            r.payload_bytes,
                        )
                        for r in items[-self._keep_per_reason :]
                    ],
                )
                db.execute(
                    "DELETE FROM reject WHERE reason = ? AND id <="
                    " (SELECT id FROM reject WHERE reason = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (reason, reason, self._keep_per_reason),
                )
            db.executemany(
                "INSERT INTO unknown_point VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET time_ms = excluded.time_ms, value = excluded.value,"
                " quality = excluded.quality, count = count + excluded.count,"
                " last_received_ms = excluded.last_received_ms",
                [
                    (*key, reading.time_ms, reading.value, reading.quality, count, first_ms, last_ms)
                    for key, (reading, first_ms, last_ms, count) in strangers.items()
                ],
            )
            if strangers:
                db.execute(
                    "DELETE FROM unknown_point WHERE (enterprise, point) IN (SELECT enterprise, point FROM"
                    " unknown_point ORDER BY last_received_ms DESC LIMIT -1 OFFSET ?)",
                    (self._keep_unknown,),
                )
            db.executemany(
                "INSERT INTO future VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(*key, count) for key, count in (future or {}).items()],
            )

    def rejected(self, limit: int = 100, cursor: str | None = None, reason: str | None = None) -> Page[Rejected]:
        """Rejects, newest first. ValueError for a cursor that did not come from here."""
        before = int(cursor) if cursor else (1 << 62)
        rows = self._rows(
            "SELECT id, received_ms, topic, reason, detail, payload, payload_bytes FROM reject"
            " WHERE id < ? AND reason = coalesce(?, reason) ORDER BY id DESC LIMIT ?",
            (before, reason, limit + 1),
        )
        items = tuple(Rejected(i, ms, topic, RejectReason(why), *rest) for i, ms, topic, why, *rest in rows[:limit])
        return Page(items, str(items[-1].id) if len(rows) > limit else None)

    def unknown_points(self, limit: int = 100, cursor: str | None = None) -> Page[UnknownPoint]:
        """Unknown points in order of their names. ValueError for a cursor that did not come from here."""
        after = tuple(cursor.split("/")) if cursor else ("", "")
        if len(after) != 2:
            raise ValueError(f"cursor {cursor!r} is not of the form enterprise/point")
        rows = self._rows(
            "SELECT enterprise, point, time_ms, value, quality, count, first_received_ms, last_received_ms"
            " FROM unknown_point WHERE (enterprise, point) > (?, ?) ORDER BY enterprise, point LIMIT ?",
            (*after, limit + 1),
        )
        items = tuple(UnknownPoint(PointKey(enterprise, point), *rest) for enterprise, point, *rest in rows[:limit])
        return Page(items, str(items[-1].key) if len(rows) > limit else None)

    def future_counts(self) -> dict[PointKey, int]:
        """How many readings of each point came from the future, ever; points with none are not listed."""
        return {
            PointKey(enterprise, point): count
            for enterprise, point, count in self._rows("SELECT enterprise, point, count FROM future", ())
        }

    def forget_known(self, keys: Iterable[PointKey]) -> None:
        """Take points off the list of unknown ones, since the plant has them now."""
        with self._transaction() as db:
            db.executemany("DELETE FROM unknown_point WHERE enterprise = ? AND point = ?", list(keys))

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._db.close()

    def _rows(self, sql: str, parameters: tuple[object, ...]) -> list[Any]:
        with self._lock, self._errors():
            return self._db.execute(sql, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as e:
            raise RejectsUnavailable(f"{self._path}: {e}") from e


def _text(text: str) -> str:
    """Without the lone surrogates that JSON can smuggle in and UTF-8 cannot hold."""
    return text.encode(errors="replace").decode()
