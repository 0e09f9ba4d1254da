"""The embedded store: one DuckDB file, for the demo and for sites without a server.

Rows are only ever appended. A batch that is written again after a crash stays harmless, because reading takes one
row for each time of a point, the last one; a unique index would do the same, and made a write of 20,000 rows
take 27 to 35 ms instead of 3 to 5.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.directory import Directory
from ingest.errors import StoreUnavailable
from ingest.stores.base import AlarmEventRow, Row

__all__ = ["DuckdbStore"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS point (
    id INTEGER PRIMARY KEY, enterprise VARCHAR NOT NULL, point VARCHAR NOT NULL, source VARCHAR, kind VARCHAR,
    UNIQUE (enterprise, point)
);
CREATE TABLE IF NOT EXISTS reading (point INTEGER NOT NULL, t BIGINT NOT NULL, v DOUBLE, q UTINYINT NOT NULL);
CREATE TABLE IF NOT EXISTS alarm_event (
    enterprise VARCHAR, source VARCHAR, point VARCHAR, family VARCHAR, severity VARCHAR,
    id VARCHAR, event VARCHAR, condition VARCHAR, value DOUBLE, "limit" DOUBLE, time_ms BIGINT,
    PRIMARY KEY (id, event, time_ms)
);
"""
_ONE_PER_TIME = """
    SELECT t, last(v ORDER BY r.rowid) AS v, last(q ORDER BY r.rowid) AS q
    FROM reading r JOIN point p ON p.id = r.point
    WHERE p.enterprise = ? AND p.point = ? AND t >= ? AND t < ?
    GROUP BY t
"""


class DuckdbStore:
    """Readings in a DuckDB file; implements `Store`. Only one process can have the file open.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made if missing.
    directory : Directory
        Tells each number's point. The file has numbers of its own, so that it survives a new log.
    memory_limit : str
        For DuckDB's buffers, as DuckDB writes it.
    """

    def __init__(self, path: Path, directory: Directory, memory_limit: str = "512MB") -> None:
        self._path = path
        self._directory = directory
        self._memory_limit = memory_limit
        self._lock = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None
        self._version = -1
        self._ids = np.empty(0, np.int32)

    def write(self, batch: ReadingBatch) -> None:
        """Store a batch in one transaction; see `Store.write`."""
        if not len(batch):
            return
        with self._cursor() as db:
            ids = self._ids_of(db, batch)
            rows = pa.table(
                {
                    "point": ids[batch.point],
                    "t": batch.time_ms,
                    "v": pa.array(np.where(np.isfinite(batch.value), batch.value, np.nan), from_pandas=True),
                    "q": batch.quality,
                }
            )
            db.register("rows", rows)
            db.execute("INSERT INTO reading SELECT point, t, v, q FROM rows")
            db.unregister("rows")

    def write_events(self, rows: Sequence[AlarmEventRow]) -> None:
        """Store alarm events; see `Store.write_events`."""
        with self._cursor() as db:
            for row in rows:  # alarms are few
                db.execute(
                    "INSERT OR REPLACE INTO alarm_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [getattr(row, name) for name in AlarmEventRow.__slots__],
                )

    def readings(
        self, key: PointKey, start_ms: int, end_ms: int, every_ms: int | None = None, limit: int = 100_000
    ) -> list[Row]:
        """A point's readings or buckets; see `Store.readings`."""
        parameters = [key.enterprise, key.point, start_ms, end_ms]
        with self._cursor() as db:
            if every_ms is None:
                found = db.execute(f"{_ONE_PER_TIME} ORDER BY t LIMIT ?", [*parameters, limit]).fetchall()
                return [Row(t=t, v=v, q=q) for t, v, q in found]
            found = db.execute(
                f"SELECT t - t % ? AS bucket, avg(v), max(q), min(v), max(v), count(v) FROM ({_ONE_PER_TIME})"  # noqa: S608
                " GROUP BY bucket ORDER BY bucket LIMIT ?",
                [every_ms, *parameters, limit],
            ).fetchall()
        return [Row(t=t, v=v, q=q, min=low, max=high, n=n) for t, v, q, low, high, n in found]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Rows of any SQL over the tables ``reading``, ``point`` and ``alarm_event``."""
        with self._cursor() as db:
            return db.execute(sql, list(parameters)).fetchall()

    def ping(self) -> None:
        """Return if the file can be used."""
        with self._cursor() as db:
            db.execute("SELECT 1")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for this call, whatever the thread; statements commit one by one."""
        try:
            with self._lock:
                if self._database is None:
                    self._database = self._open()
                cursor = self._database.cursor()
            try:
                yield cursor
            finally:
                cursor.close()
        except (duckdb.FatalException, duckdb.InternalException) as e:
            # DuckDB invalidates the whole database after such an error; the next call opens it anew.
            self.close()
            raise StoreUnavailable(f"{self._path}: {e}") from e
        except (duckdb.Error, OSError) as e:
            raise StoreUnavailable(f"{self._path}: {e}") from e

    def _open(self) -> duckdb.DuckDBPyConnection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        database = duckdb.connect(str(self._path), config={"memory_limit": self._memory_limit, "threads": 2})
        database.execute(_SCHEMA)
        self._version = -1
        return database

    def _ids_of(self, db: duckdb.DuckDBPyConnection, batch: ReadingBatch) -> Any:
        """The file's own ids, by the log's number."""
        with self._lock:
            version = self._directory.version
            if self._version != version or batch.point.max() >= len(self._ids):
                points = self._directory.points
                keys = self._directory.keys()
                found = db.execute("SELECT id, enterprise, point FROM point").fetchall()
                known = {PointKey(enterprise, point): i for i, enterprise, point in found}
                ids = np.empty(len(keys), np.int32)
                named: dict[str, list[Any]] = {name: [] for name in ("id", "enterprise", "point", "source", "kind")}
                for number, key in enumerate(keys):
                    ids[number] = known.setdefault(key, len(known))
                    listed = points.get(number)
                    described = (listed.source, listed.kind) if listed else (None, None)
                    for column, value in zip(named.values(), (known[key], *key, *described), strict=True):
                        column.append(value)
                strings = ("enterprise", "point", "source", "kind")
                schema = pa.schema([("id", pa.int32()), *((name, pa.string()) for name in strings)])
                db.register("named", pa.table(named, schema=schema))
                db.execute(
                    "INSERT INTO point SELECT id, enterprise, point, source, kind FROM named ON CONFLICT (id)"
                    " DO UPDATE SET source = coalesce(excluded.source, source), kind = coalesce(excluded.kind, kind)"
                )
                db.unregister("named")
                self._ids, self._version = ids, version
            return self._ids
