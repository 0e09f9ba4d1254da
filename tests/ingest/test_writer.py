"""The store writer: everything in the log ends in the store, once, however the store behaves."""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from hazards.log import Readings, Tick
from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.errors import PointRefused, StoreUnavailable
from ingest.rejects import Rejects
from ingest.stores import AlarmEventRow, Row, Store, open_store
from ingest.writer import CONSUMER, StoreWriter
from tests.support.ingest_parts import NOW_MS, Parts, running
from tests.support.servers import Influxd, wait_until

T = NOW_MS
A = PointKey("M001", "CH4-00000")


class ListStore:
    """Keeps what it is given in a list; fails as told."""

    def __init__(self) -> None:
        self.batches: list[ReadingBatch] = []
        self.failures: list[Exception] = []
        self.refused: set[float] = set()

    def write(self, batch: ReadingBatch) -> None:
        if self.failures:
            raise self.failures.pop(0)
        if np.isin(batch.value, list(self.refused)).any():
            raise PointRefused("not this value")
        self.batches.append(batch)

    @property
    def values(self) -> list[float]:
        return ReadingBatch.concatenate(self.batches).value.tolist()

    def ping(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def write_events(self, rows: Sequence[AlarmEventRow]) -> None:
        raise NotImplementedError

    def readings(
        self, key: PointKey, start_ms: int, end_ms: int, every_ms: int | None = None, limit: int = 1
    ) -> list[Row]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def append(parts: Parts, *values: float, age_ms: int = 0) -> None:
    n = len(values)
    times = np.full(n, T - age_ms)
    parts.log.append([Readings(ReadingBatch.of(np.zeros(n), times, values, np.zeros(n)), T), Tick(T)], now_ms=T)


def writer(parts: Parts, store: Store) -> StoreWriter:
    return StoreWriter(parts.log, store, parts.rejects, parts.clock, parts.stats)


def test_entries_are_written_together_and_the_offset_follows(parts: Parts) -> None:
    store = ListStore()
    made = writer(parts, store)
    for i in range(10):
        append(parts, i, i + 0.5)
    assert made.step() and not made.step()
    assert len(store.batches) == 1 and store.values == [v for i in range(10) for v in (i, i + 0.5)]
    assert parts.log.consumer_offset(CONSUMER) == made.offset == parts.log.last_offset == 20
    counts = parts.stats.snapshot()
    assert (counts["stored_readings"], counts["store_batches"], counts["store_lag_entries"]) == (20, 1, 0)


def test_a_writer_that_lags_writes_about_20000_readings_at_once(parts: Parts) -> None:
    store = ListStore()
    made = writer(parts, store)
    for _ in range(60):
        append(parts, *range(1000))
    while made.step():
        pass
    assert [len(b) for b in store.batches[:-1]] == [24_000, 24_000]
    assert len(store.values) == 60_000


def test_it_is_known_to_the_log_before_it_has_read_anything(parts: Parts) -> None:
    append(parts, 1)
    parts.log.commit("alerting", 2)
    writer(parts, ListStore())
    assert parts.log.drop_consumed(before_ms=2 * T, max_bytes=0) == 0


def test_a_failure_commits_nothing_and_the_batch_comes_again(parts: Parts) -> None:
    store = ListStore()
    made = writer(parts, store)
    append(parts, 1, 2)
    store.failures = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        made.step()
    assert made.offset == parts.log.consumer_offset(CONSUMER) == 0
    assert writer(parts, store).step()  # after a restart
    assert store.values == [1, 2]


def test_late_readings_are_counted(parts: Parts) -> None:
    append(parts, 1, 2, 3, age_ms=60_001)
    append(parts, 4, age_ms=60_000)
    writer(parts, ListStore()).step()
    assert parts.stats.snapshot()["late_readings"] == 3


def test_refused_readings_are_set_aside_with_the_stores_words(parts: Parts) -> None:
    store = ListStore()
    store.refused = {7.0, 8.0}
    append(parts, *range(100), math.nan)
    assert writer(parts, store).step()
    assert sorted(v for v in store.values if v == v) == [v for v in range(100) if v not in store.refused]
    (reject,) = parts.rejects.rejected().items
    assert (reject.reason, reject.topic, reject.detail) == (
        "store-refused",
        "hazmon/v1/M001/CH4-00000",
        "not this value",
    )
    assert json.loads(reject.payload)["v"] == [7.0, 8.0]
    counts = parts.stats.snapshot()
    assert (counts["stored_readings"], counts["store_refused_readings"]) == (99, 2)


def test_refused_readings_that_cannot_be_listed_stop_nothing(parts: Parts, tmp_path: Path) -> None:
    store = ListStore()
    store.refused = {1.0}
    append(parts, 1, 2)
    closed = Rejects(tmp_path / "closed.db")
    closed.close()
    made = StoreWriter(parts.log, store, closed, parts.clock, parts.stats)
    assert made.step() and store.values == [2]
    assert parts.stats.snapshot()["rejects_lost"] == 1


def test_a_corrupt_entry_is_skipped_counted_and_what_is_behind_it_written(parts: Parts, tmp_path: Path) -> None:
    for value in (1, 2, 3):
        append(parts, value)
    with sqlite3.connect(tmp_path / "log.db") as other:
        other.execute("UPDATE entry SET body = x'00' WHERE offset = 3")
    other.close()
    store = ListStore()
    made = writer(parts, store)
    while made.step():
        pass
    assert store.values == [1, 3]
    assert parts.stats.snapshot()["corrupt_entries"] == 1


def test_the_thread_says_what_is_wrong_and_goes_on(parts: Parts) -> None:
    store = ListStore()
    store.failures = [StoreUnavailable("away"), ZeroDivisionError("a client's own mistake")]
    made = writer(parts, store)
    assert made.ready() == (False, "the store has not answered yet")
    append(parts, 1)
    with running(made.run):
        wait_until(lambda: "away" in made.ready()[1], "the problem to show")
        wait_until(lambda: store.values == [1], "the reading")
        wait_until(lambda: made.ready() == (True, "writing to the store"), "ready")
        append(parts, 2)
        wait_until(lambda: store.values == [1, 2], "the next reading")
        append(parts, 3)
    assert store.values == [1, 2, 3]  # what is in the log at the end is written before it ends
    assert parts.stats.snapshot()["store_failures"] == 2


@pytest.mark.servers
def test_a_real_store_goes_away_and_comes_back(own_influxd: Influxd, parts: Parts, tmp_path: Path) -> None:
    store = open_store(own_influxd.url(), "", tmp_path, parts.directory, timeout_s=2)
    made = writer(parts, store)

    def stored() -> list[float | None]:
        return [r["v"] for r in store.readings(A, 0, 2 * T)]

    def send(i: int) -> None:
        parts.log.append([Readings(ReadingBatch.of([0], [T + i], [i], [0]), T)], now_ms=T)

    own_influxd.stop()
    send(0)
    with running(made.run):
        wait_until(lambda: "the store is away" in made.ready()[1], "the problem to show")
        own_influxd.start()
        wait_until(lambda: stored() == [0], "the reading that waited")
        own_influxd.kill()
        for i in range(1, 50):
            send(i)
        wait_until(lambda: not made.ready()[0], "the second problem to show")
        own_influxd.start()
        wait_until(lambda: stored() == list(range(50)), "all readings")
        assert made.ready()[0]
    store.close()


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["duckdb", "influx"])
def test_the_whole_way_from_message_to_store(
    kind: str, influxd: Influxd, influx_database: str, tmp_path: Path, parts: Parts
) -> None:
    url = "duckdb" if kind == "duckdb" else influxd.url(influx_database)
    store = open_store(url, "", tmp_path, parts.directory)
    made = writer(parts, store)
    now = time.time_ns() // 1_000_000
    parts.clock.now_ms = now
    good: Callable[[int], bytes] = lambda i: json.dumps({"t": now - i, "v": i, "q": i % 2}).encode()  # noqa: E731
    with running(made.run), running(parts.ingest.run):
        parts.ingest.put([parts.message("hazmon/v1/M001/CH4-00000", good(i)) for i in range(500)])
        parts.ingest.put([parts.message("hazmon/v1/M001/CH4-00000", b'{"t": %d, "v": null}' % (now - 1000))])
        wait_until(lambda: len(store.readings(A, 0, 2 * now)) == 501, "all readings")
    rows = store.readings(A, 0, 2 * now)
    assert rows[0] == {"t": now - 1000, "v": None, "q": 2}
    assert [(r["t"], r["v"], r["q"]) for r in rows[1:]] == [(now - i, i, i % 2) for i in range(499, -1, -1)]
    store.close()
