"""The log on SQLite: one file, one row per entry, on disk before `append` returns.

WAL mode with full sync: readers in any thread or process never wait for the writer. Nothing outside this
module knows of SQLite. Retention is decided elsewhere; `drop_consumed` only does it.
"""

import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from struct import error as struct_error

import msgspec
import numpy as np
from numpy.typing import NDArray

from hazards.checks import Checks
from hazards.log import Damaged, Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.errors import LogUnavailable

__all__ = ["SqliteLog"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: an offset is never given twice, even if all is dropped
    appended_ms INTEGER NOT NULL,
    bytes_through INTEGER NOT NULL,            -- all bodies ever appended, up to this one
    kind INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS consumer (name TEXT PRIMARY KEY, offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS point (
    number INTEGER PRIMARY KEY, enterprise TEXT NOT NULL, point TEXT NOT NULL, UNIQUE (enterprise, point)
);
"""
_LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'entry'), 0)"

_READINGS, _TICK, _LIMITS = 1, 2, 3
_TIME = Struct("<q")
_PAGE_BYTES = 4096
_DROP_AT_ONCE = 500
"""Entries deleted in one transaction, so that an append never waits long behind a clean-up."""


class _Limits(msgspec.Struct, array_like=True):
    """`LimitsChanged` as MessagePack, which unlike JSON has NaN and infinity."""

    now_ms: int
    checks: dict[int, Checks]


_limits_decoder = msgspec.msgpack.Decoder(_Limits)


def _encode(body: LogBody) -> tuple[int, bytes]:
    match body:
        case Readings(batch, received_ms):
            return _READINGS, _TIME.pack(received_ms) + batch.to_bytes()
        case Tick(now_ms):
            return _TICK, _TIME.pack(now_ms)
        case LimitsChanged(now_ms, checks):
            return _LIMITS, msgspec.msgpack.encode(_Limits(now_ms, dict(checks)))
        case Damaged(detail):
            raise ValueError(f"a damaged entry is read, never written: {detail}")


def _decode(kind: int, checksum: int, body: bytes) -> LogBody:
    if zlib.crc32(body) != checksum:
        return Damaged(f"checksum differs, {len(body)} bytes")
    try:
        if kind == _READINGS:
            (received_ms,) = _TIME.unpack_from(body)
            return Readings(ReadingBatch.from_bytes(memoryview(body)[_TIME.size :]), received_ms)
        if kind == _TICK:
            return Tick(*_TIME.unpack(body))
        if kind == _LIMITS:
            limits = _limits_decoder.decode(body)
            return LimitsChanged(limits.now_ms, limits.checks)
    except (ValueError, struct_error, msgspec.MsgspecError) as e:
        return Damaged(f"kind {kind}, {len(body)} bytes: {e}")
    return Damaged(f"unknown kind {kind}; a newer version may have written it")


class SqliteLog:
    """The log in one SQLite file. Implements `hazards.log.Log`.

    Safe from several threads, and several processes may have the same file open.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if missing.
    quota_bytes : int, optional
        The file may not grow beyond this; appending then fails as on a full disk.
    poll_s : float
        How often `wait` looks for entries that another process appended. [s]

    Raises
    ------
    LogUnavailable
        If the file cannot be opened, here or later.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> log = SqliteLog(pathlib.Path(folder.name) / "log.db")
    >>> log.append([Tick(1000), Tick(2000)], now_ms=2000)
    2
    >>> [entry.body for entry in log.read(after=1)]
    [Tick(now_ms=2000)]
    >>> log.close(); folder.cleanup()
    """

    def __init__(self, path: Path, quota_bytes: int | None = None, poll_s: float = 0.05) -> None:
        self._path = path
        self._poll_s = poll_s
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._closed = False
        self._write_lock = threading.Lock()
        self._grown = threading.Condition()
        self._directory_lock = threading.Lock()
        self._numbers: dict[PointKey, int] = {}
        self._keys: list[PointKey] = []
        self.append_s = 0.0
        """How long the last append took, sync included. [s]"""
        with self._errors("open"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._open()
            # journal_mode cannot be set while another process is just creating the file; busy_timeout covers that.
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.executescript(_SCHEMA)
            # Bounds the WAL file after a long reader held it back.
            self._writer.execute(f"PRAGMA journal_size_limit = {64 << 20}")
            if quota_bytes is not None:
                self._writer.execute(f"PRAGMA max_page_count = {max(quota_bytes // _PAGE_BYTES, 1)}")
            (self._last,) = self._writer.execute(_LAST).fetchone()
            # Consumers' offsets may lag after a power cut (repeats are harmless), so they need no sync of their own.
            self._offsets = self._open()
            self._offsets.execute("PRAGMA synchronous = NORMAL")

    # --- entries

    def append(self, bodies: Sequence[LogBody], now_ms: int) -> int:
        """Write entries in one durable step; when this returns they are on disk. The last one's offset.

        Raises
        ------
        LogUnavailable
            Disk full or the like; then none of them is in the log.
        """
        if not bodies:
            return self.last_offset
        encoded = [_encode(body) for body in bodies]
        with self._write_lock, self._errors("append"):
            began = time.perf_counter()
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                (last,) = db.execute(_LAST).fetchone()
                row = db.execute("SELECT bytes_through FROM entry WHERE offset = ?", (last,)).fetchone()
                if row is None:  # the newest entry was dropped: sizes count on from what is kept, nothing
                    row = (0,)
                through = row[0]
                rows = []
                for kind, body in encoded:
                    last += 1
                    through += len(body)
                    rows.append((last, now_ms, through, kind, zlib.crc32(body), body))
                db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", rows)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            self.append_s = time.perf_counter() - began
        with self._grown:
            self._last = max(self._last, last)
            self._grown.notify_all()
        return int(last)

    def read(self, after: int, max_entries: int = 256, max_bytes: int = 8 << 20) -> list[Entry]:
        """Entries with offset > ``after``, in order; at least one if there is any; empty at the end."""
        entries: list[Entry] = []
        size = 0
        with self._errors("read"):
            cursor = self._db.execute(
                "SELECT offset, appended_ms, kind, checksum, body FROM entry WHERE offset > ? ORDER BY offset LIMIT ?",
                (after, max(max_entries, 1)),
            )
            try:
                for offset, appended_ms, kind, checksum, body in cursor:
                    size += len(body)
                    if entries and size > max_bytes:
                        break
                    entries.append(Entry(offset, appended_ms, _decode(kind, checksum, body)))
            finally:
                cursor.close()  # an open cursor would hold the WAL back
        return entries

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry behind ``after``, or the timeout. True if there is one.

        Appends of this process wake it at once, those of others within ``poll_s``.
        """
        end = time.monotonic() + timeout_s
        version = None
        while True:
            with self._errors("wait"):
                # data_version changes when another connection commits, and costs far less than a query.
                (now,) = self._db.execute("PRAGMA data_version").fetchone()
            if now != version:
                version = now
                if self.last_offset > after:
                    return True
            with self._grown:
                if self._last > after:
                    return True
                left = end - time.monotonic()
                if left <= 0 or self._closed:
                    return False
                if self._grown.wait(min(left, self._poll_s)) and self._last > after:
                    return True

    @property
    def first_offset(self) -> int:
        """Offset of the oldest kept entry; ``last_offset + 1`` when none is kept."""
        with self._errors("read"):
            (first,) = self._db.execute(f"SELECT coalesce((SELECT min(offset) FROM entry), ({_LAST}) + 1)").fetchone()  # noqa: S608
        return int(first)

    @property
    def last_offset(self) -> int:
        """Offset of the newest entry, 0 before the first."""
        with self._errors("read"):
            (last,) = self._db.execute(_LAST).fetchone()
        return int(last)

    @property
    def kept_bytes(self) -> int:
        """Size of all kept bodies together. [bytes]"""
        with self._errors("read"):
            first = self._db.execute(
                "SELECT bytes_through - length(body) FROM entry ORDER BY offset LIMIT 1"
            ).fetchone()
            last = self._db.execute("SELECT bytes_through FROM entry ORDER BY offset DESC LIMIT 1").fetchone()
        return int(last[0] - first[0]) if first and last else 0

    # --- consumers

    def consumer_offset(self, consumer: str) -> int:
        """How far a consumer has read: 0 if it never said."""
        with self._errors("read"):
            row = self._db.execute("SELECT offset FROM consumer WHERE name = ?", (consumer,)).fetchone()
        return int(row[0]) if row else 0

    def commit(self, consumer: str, offset: int) -> None:
        """Remember that a consumer has dealt with everything up to ``offset``.

        A power cut may take back the last few seconds of this, never of the entries.
        """
        with self._write_lock, self._errors("commit"):
            self._offsets.execute(
                "INSERT INTO consumer VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET offset = excluded.offset",
                (consumer, offset),
            )

    def drop_consumed(self, *, before_ms: int, max_bytes: int) -> int:
        """Drop the oldest entries that every known consumer has read and that are older than
        ``before_ms`` or beyond ``max_bytes`` in all. The number of entries dropped.

        Without any known consumer nothing is dropped. The freed space is used again; the file does not shrink.
        """
        dropped = 0
        while True:
            with self._write_lock, self._errors("drop"):
                db = self._offsets
                (read_by_all,) = db.execute("SELECT coalesce(min(offset), 0) FROM consumer").fetchone()
                row = db.execute("SELECT bytes_through FROM entry ORDER BY offset DESC LIMIT 1").fetchone()
                if row is None:
                    return dropped
                # Looks at the oldest entries only: the first that must stay ends it.
                (first,) = db.execute("SELECT min(offset) FROM entry").fetchone()
                (keep_from,) = db.execute(
                    "SELECT min(offset) FROM (SELECT offset, appended_ms, bytes_through, length(body) AS size"
                    " FROM entry ORDER BY offset LIMIT ?) WHERE NOT (appended_ms < ? OR bytes_through - size < ?)",
                    (_DROP_AT_ONCE, before_ms, row[0] - max_bytes),
                ).fetchone()
                until = min(read_by_all, first + _DROP_AT_ONCE - 1 if keep_from is None else keep_from - 1)
                count = db.execute("DELETE FROM entry WHERE offset <= ?", (until,)).rowcount if until >= first else 0
            dropped += count
            if count < _DROP_AT_ONCE:
                return dropped

    # --- the directory of point numbers

    def point_ids(self, keys: Sequence[PointKey]) -> NDArray[np.int32]:
        """Numbers of these points, shape (len(keys),), given out from 0 at first sight and kept for ever."""
        with self._directory_lock:
            known = self._numbers
            if any(key not in known for key in keys):
                self._number(keys)
            return np.fromiter((known[key] for key in keys), np.int32, len(keys))

    def point_keys(self) -> list[PointKey]:
        """Every point that has a number; the index in this list is the number."""
        with self._directory_lock:
            with self._errors("read"):
                self._learn(self._db)
            return list(self._keys)

    def _number(self, keys: Sequence[PointKey]) -> None:
        """Give numbers to those of ``keys`` that have none."""
        with self._write_lock, self._errors("number points"):
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                self._learn(db)  # what other processes have numbered meanwhile
                fresh = [key for key in dict.fromkeys(keys) if key not in self._numbers]
                start = len(self._keys)
                db.executemany("INSERT INTO point VALUES (?, ?, ?)", [(start + i, *key) for i, key in enumerate(fresh)])
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            self._learn(db)

    def _learn(self, db: sqlite3.Connection) -> None:
        rows = db.execute(
            "SELECT number, enterprise, point FROM point WHERE number >= ? ORDER BY number", (len(self._keys),)
        ).fetchall()
        for number, enterprise, point in rows:
            key = PointKey(enterprise, point)
            self._keys.append(key)
            self._numbers[key] = number

    # --- connections

    def close(self) -> None:
        """Release the files. A thread that waits is woken; any later call raises `LogUnavailable`."""
        with self._grown:
            self._closed = True
            self._grown.notify_all()
        with self._write_lock:
            connections, self._connections = self._connections, []
            for connection in connections:
                connection.close()

    def _open(self) -> sqlite3.Connection:
        # Autocommit: transactions are begun by hand. Each thread has its own; `close` closes them all.
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        self._connections.append(connection)
        return connection

    @property
    def _db(self) -> sqlite3.Connection:
        """This thread's connection for reading."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._closed:
                raise LogUnavailable(f"{self._path}: closed")
            connection = self._local.connection = self._open()
        return connection

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as e:
            raise LogUnavailable(f"{self._path}: {doing}: {e}") from e
