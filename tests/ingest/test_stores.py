"""One promise for all stores: DuckDB, InfluxDB 1.x, and 2.x's interface in front of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.directory import Directory
from ingest.errors import PointRefused, StoreUnavailable
from ingest.stores import AlarmEventRow, Store, open_store
from ingest.stores.around import write_around
from ingest.stores.duckdb import DuckdbStore
from ingest.stores.influx import Influx1Store, Influx2Store
from tests.support.influx2 import TOKEN, influx2
from tests.support.ingest_parts import NOW_MS, Parts, make_points
from tests.support.servers import Influxd, free_port

T = NOW_MS
A, B, C = (PointKey("M001", f"CH4-{i:05d}") for i in range(3))
nan = float("nan")


def batch(*rows: tuple[int, int, float, int]) -> ReadingBatch:
    return ReadingBatch.of(*zip(*rows, strict=True))


Open = Callable[[], Store]


@pytest.fixture(
    params=[
        "duckdb",
        pytest.param("influx1", marks=pytest.mark.servers),
        pytest.param("influx2", marks=pytest.mark.servers),
    ]
)
def open_again(request: pytest.FixtureRequest, parts: Parts, tmp_path: Path) -> Iterator[Open]:
    """Opens the same store each time; closes all at the end."""
    opened: list[Store] = []

    def made(url: str, token: str = "") -> Open:
        def opens() -> Store:
            opened.append(open_store(url, token, tmp_path, parts.directory))
            return opened[-1]

        return opens

    if request.param == "duckdb":
        yield made("duckdb")
    else:
        influxd: Influxd = request.getfixturevalue("influxd")
        name: str = request.getfixturevalue("influx_database")
        if request.param == "influx1":
            yield made(influxd.url(name))
        else:
            with influx2(influxd, name) as address:
                yield made(f"influxdb+{address}?org=mine&bucket={name}", TOKEN)
                for store in opened:
                    store.close()
                opened.clear()
    for store in opened:
        store.close()


@pytest.fixture
def store(open_again: Open) -> Store:
    return open_again()


def test_what_is_written_is_read_back_in_order_of_time(store: Store) -> None:
    store.ping()
    assert store.readings(A, 0, 2 * T) == []
    store.write(batch((0, T + 2, 0.1, 0), (1, T, 9.0, 1), (0, T, -1e-7, 3), (0, T + 1, nan, 2), (0, T + 3, 1e22, 0)))
    assert store.readings(A, T, T + 3) == [
        {"t": T, "v": -1e-7, "q": 3},
        {"t": T + 1, "v": None, "q": 2},
        {"t": T + 2, "v": 0.1, "q": 0},
    ]
    assert store.readings(A, T + 3, T + 4) == [{"t": T + 3, "v": 1e22, "q": 0}]
    assert store.readings(A, 0, 2 * T, limit=1) == [{"t": T, "v": -1e-7, "q": 3}]
    assert store.readings(PointKey("M001", "it's"), 0, 2 * T) == []
    store.write(ReadingBatch.empty())


def test_a_batch_written_again_changes_nothing(store: Store) -> None:
    rows = batch((0, T, 1.0, 0), (0, T, 1.5, 0), (0, T + 1, 2.0, 0))
    for _ in range(3):
        store.write(rows)
    assert store.readings(A, 0, 2 * T) == [{"t": T, "v": 1.5, "q": 0}, {"t": T + 1, "v": 2.0, "q": 0}]
    (bucket,) = store.readings(A, 0, 2 * T, every_ms=10_000)
    assert (bucket["n"], bucket["v"]) == (2, 1.75)


def test_buckets(store: Store) -> None:
    minute = T // 60_000 * 60_000
    store.write(
        batch(
            (0, minute, 1.0, 0),
            (0, minute + 59_999, 3.0, 1),
            (0, minute + 120_000, 5.0, 0),
            (0, minute + 120_001, nan, 2),
            (0, minute + 180_000, nan, 2),
        )
    )
    assert store.readings(A, minute, minute + 240_000, every_ms=60_000) == [
        {"t": minute, "v": 2.0, "q": 1, "min": 1.0, "max": 3.0, "n": 2},
        {"t": minute + 120_000, "v": 5.0, "q": 2, "min": 5.0, "max": 5.0, "n": 1},
        {"t": minute + 180_000, "v": None, "q": 2, "min": None, "max": None, "n": 0},
    ]


def test_reopened_it_is_all_there(open_again: Open) -> None:
    first = open_again()
    first.write(batch((0, T, 1.0, 0)))
    first.close()
    assert open_again().readings(A, 0, 2 * T) == [{"t": T, "v": 1.0, "q": 0}]


def test_many_readings_of_many_points(store: Store) -> None:
    rng = np.random.default_rng(1)
    n = 20_000
    time_ms = T + np.arange(n)
    value = rng.normal(size=n)
    store.write(ReadingBatch.of(np.arange(n) % 3, time_ms, value, np.zeros(n)))
    rows = store.readings(B, 0, 2 * T)
    assert [r["t"] for r in rows] == time_ms[1::3].tolist()
    assert [r["v"] for r in rows] == value[1::3].tolist()


def test_alarm_events_are_kept_once(store: Store, request: pytest.FixtureRequest) -> None:
    row = AlarmEventRow("M001", "face", "CH4-00000", "limit-high", "red", "an-id", "raised", "high", 1.2, 1.0, T)
    for _ in range(2):
        store.write_events([row])
    store.write_events([])
    if isinstance(store, DuckdbStore):
        assert store.query('SELECT id, event, value, "limit" FROM alarm_event') == [("an-id", "raised", 1.2, 1.0)]
    else:
        assert isinstance(store, Influx1Store | Influx2Store)
        (series,) = store.query('SELECT "id", "event", "value", "limit" FROM "alarm_event"')
        assert series["values"] == [[T, "an-id", "raised", 1.2, 1.0]]


def test_a_duckdb_file_outlives_a_new_log_with_other_numbers(tmp_path: Path) -> None:
    one = Parts(tmp_path / "one")
    store = open_store("duckdb", "", tmp_path, one.directory)
    store.write(batch((0, T, 1.0, 0), (2, T, 3.0, 0)))
    store.close()
    one.close()
    two = Parts(tmp_path / "two", points=[*reversed(make_points(3)), *make_points(1, "M002")])
    store = open_store("duckdb", "", tmp_path, two.directory)
    store.write(batch((0, T + 1, 3.5, 0), (3, T, 7.0, 0)))
    assert [r["v"] for r in store.readings(A, 0, 2 * T)] == [1.0]
    assert [r["v"] for r in store.readings(C, 0, 2 * T)] == [3.0, 3.5]
    assert [r["v"] for r in store.readings(PointKey("M002", "CH4-00000"), 0, 2 * T)] == [7.0]
    two.directory.replace(make_points(5))
    number = two.directory.number(PointKey("M001", "CH4-00004"))
    assert number is not None
    store.write(batch((number, T, 8.0, 0)))
    assert [r["v"] for r in store.readings(PointKey("M001", "CH4-00004"), 0, 2 * T)] == [8.0]
    store.close()
    two.close()


def test_a_duckdb_file_that_cannot_be_opened_is_unavailable(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "readings.duckdb").write_bytes(b"not a database" * 1000)
    store = open_store("duckdb", "", tmp_path, parts.directory)
    with pytest.raises(StoreUnavailable):
        store.ping()
    (tmp_path / "readings.duckdb").unlink()
    store.ping()
    store.close()


@pytest.mark.servers
def test_a_database_that_is_dropped_is_made_again(influxd: Influxd, influx_database: str, parts: Parts) -> None:
    store = open_store(influxd.url(influx_database), "", Path(), parts.directory)
    store.write(batch((0, T, 1.0, 0)))
    influxd.query(f'DROP DATABASE "{influx_database}"')
    store.write(batch((0, T, 2.0, 0)))
    assert [r["v"] for r in store.readings(A, 0, 2 * T)] == [2.0]
    store.close()


@pytest.mark.servers
def test_fields_have_the_promised_types(influxd: Influxd, influx_database: str, parts: Parts) -> None:
    store = open_store(influxd.url(influx_database), "", Path(), parts.directory)
    store.write(batch((0, T, 5.0, 0)))
    (series,) = influxd.query('SHOW FIELD KEYS FROM "reading"', influx_database)
    assert sorted(series["values"]) == [["quality", "integer"], ["value", "float"]]
    (series,) = influxd.query('SHOW TAG KEYS FROM "reading"', influx_database)
    assert [row[0] for row in series["values"]] == ["enterprise", "kind", "point", "source"]
    store.close()


def refusing(influxd: Influxd, database: str, directory: Directory) -> Store:
    """A 1.x store whose retention is an hour: older readings are refused."""
    influxd.query(f'CREATE DATABASE "{database}" WITH DURATION 1h')
    return open_store(influxd.url(database), "", Path(), directory)


@pytest.mark.servers
def test_what_is_beyond_retention_is_found_and_the_rest_goes_in(
    influxd: Influxd, influx_database: str, parts: Parts
) -> None:
    import time

    store = refusing(influxd, influx_database, parts.directory)
    now = time.time_ns() // 1_000_000
    rows = ReadingBatch.of(np.arange(300) % 3, now + np.arange(300), np.arange(300), np.zeros(300))
    old = batch((1, now - 86_400_000, 777.0, 0))
    mixed = ReadingBatch.concatenate([rows, old])
    with pytest.raises(PointRefused, match="retention"):
        store.write(mixed)
    (refused,) = write_around(store, mixed)
    assert (refused.batch.value.tolist(), refused.batch.point.tolist()) == ([777.0], [1])
    assert "partial write: points beyond retention policy" in refused.reason
    for i, key in enumerate((A, B, C)):
        assert [r["v"] for r in store.readings(key, 0, 2 * now)] == list(range(i, 300, 3))
    store.close()


@pytest.mark.servers
@pytest.mark.parametrize("version", [1, 2])
def test_a_type_conflict_refuses_the_values_and_gives_up_in_time(
    influxd: Influxd, influx_database: str, parts: Parts, version: int
) -> None:
    influxd.create(influx_database)
    import urllib.request

    # somebody wrote the value of our measurement as text, in the shard where ours would go
    line = b'reading,point=x value="text" %d' % T
    with urllib.request.urlopen(f"{influxd.http}/write?db={influx_database}&precision=ms", line, timeout=10):
        pass
    rows = ReadingBatch.of(np.arange(3000) % 3, T + np.arange(3000), np.arange(3000), np.zeros(3000))

    def check(store: Store) -> None:
        refused = write_around(store, rows, most_attempts=20)
        assert sum(len(part.batch) for part in refused) == 3000
        assert all("field type conflict" in part.reason for part in refused)
        assert write_around(store, batch((0, T, nan, 2))) == []
        store.close()

    if version == 1:
        check(open_store(influxd.url(influx_database), "", Path(), parts.directory))
    else:
        with influx2(influxd, influx_database) as address:
            url = f"influxdb+{address}?org=mine&bucket={influx_database}"
            check(open_store(url, TOKEN, Path(), parts.directory))


@pytest.mark.servers
def test_two_wrong_tokens_and_buckets_are_named(influxd: Influxd, influx_database: str, parts: Parts) -> None:
    with influx2(influxd, influx_database) as address:
        for bucket, token, words in ((influx_database, "wrong", "unauthorized"), ("other", TOKEN, "not found")):
            store = open_store(f"influxdb+{address}?org=mine&bucket={bucket}", token, Path(), parts.directory)
            with pytest.raises(StoreUnavailable, match=words):
                store.write(batch((0, T, 1.0, 0)))
            with pytest.raises(StoreUnavailable, match=words):
                store.readings(A, 0, 1)
            store.close()


@pytest.mark.parametrize("form", ["?database=x", "?org=a&bucket=b"])
def test_a_store_that_is_away_is_unavailable(parts: Parts, form: str) -> None:
    store = open_store(f"influxdb+http://127.0.0.1:{free_port()}{form}", "t", Path(), parts.directory, timeout_s=2)
    row = AlarmEventRow("M", "s", "p", "f", "red", "i", "raised", "high", 1.0, 1.0, T)
    calls: list[Callable[[], object]] = [
        store.ping,
        lambda: store.write(batch((0, T, 1.0, 0))),
        lambda: store.write_events([row]),
        lambda: store.readings(A, 0, 1),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable):
            call()
    store.close()


@pytest.mark.servers
def test_a_store_that_hangs_is_unavailable_in_time(own_influxd: Influxd, parts: Parts) -> None:
    store = open_store(own_influxd.url(), "", Path(), parts.directory, timeout_s=0.3)
    store.ping()
    own_influxd.pause()
    with pytest.raises(StoreUnavailable, match="timed out"):
        store.write(batch((0, T, 1.0, 0)))
    own_influxd.resume()
    store.close()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("duckdb", DuckdbStore),
        ("influxdb+http://127.0.0.1:8086?database=readings", Influx1Store),
        ("influxdb+http://u:p@127.0.0.1:8086?database=readings", Influx1Store),
        ("influxdb+https://influx.example/path?org=mine&bucket=readings", Influx2Store),
    ],
)
def test_urls(url: str, kind: type, parts: Parts) -> None:
    store = open_store(url, "t", Path(), parts.directory)
    assert type(store) is kind
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "duck",
        "http://127.0.0.1:8086?database=x",
        "influxdb+http://?database=x",
        "influxdb+http://h:8086",
        "influxdb+http://h:8086?org=a",
        "influxdb+http://h:8086?org=a&bucket=b&database=c",
    ],
)
def test_wrong_urls_say_what_is_right(url: str, parts: Parts) -> None:
    with pytest.raises(ValueError, match="give duckdb, influxdb"):
        open_store(url, "", Path(), parts.directory)


class Picky:
    """Refuses any batch with one of these values in it, and takes nothing of it."""

    def __init__(self, *values: float) -> None:
        self.values = values
        self.taken: list[float] = []
        self.attempts = 0

    def write(self, part: ReadingBatch) -> None:
        self.attempts += 1
        if np.isin(part.value, self.values).any():
            raise PointRefused("no such value")
        self.taken += part.value.tolist()


def test_halving_finds_each_culprit_even_in_a_store_that_takes_all_or_nothing() -> None:
    rng = np.random.default_rng(2)
    rows = ReadingBatch.of(rng.integers(0, 50, 2000), T + np.arange(2000), np.arange(2000), np.zeros(2000))
    store = Picky(17, 18, 1999)
    refused = write_around(store, rows)  # type: ignore[arg-type]  # all that it asks of a store
    assert sorted(part.batch.value.tolist() for part in refused) == [[17.0], [18.0], [1999.0]]
    assert sorted(store.taken) == [v for v in range(2000) if v not in store.values]
    assert store.attempts < 100
