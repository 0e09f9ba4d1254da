"""The log: what is appended is read back, in order, once and for ever, from any thread and process."""

import math
import os
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hazards.checks import Checks
from hazards.log import Damaged, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import PointKey
from hazards.readings import ReadingBatch
from ingest.errors import LogUnavailable
from ingest.log import SqliteLog, _decode, _encode
from tests.support.servers import wait_until


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    made = SqliteLog(tmp_path / "deep" / "log.db")
    yield made
    made.close()


def readings(n: int = 3, received_ms: int = 5) -> Readings:
    return Readings(ReadingBatch.of(np.arange(n), np.full(n, 10**12), np.linspace(0, 1, n), np.zeros(n)), received_ms)


def same(a: LogBody, b: LogBody) -> bool:
    """Equality that takes NaN for equal to itself."""
    return _encode(a) == _encode(b)


def test_offsets_are_contiguous_and_bodies_come_back(log: SqliteLog) -> None:
    limits = LimitsChanged(7, {3: Checks(high=1.0, high_clear=0.8), 9: Checks(range_low=-math.inf, low=math.nan)})
    assert log.append([readings(), Tick(1000)], now_ms=111) == 2
    assert log.append([limits], now_ms=222) == 3
    entries = log.read(0)
    assert [(e.offset, e.appended_ms) for e in entries] == [(1, 111), (2, 111), (3, 222)]
    appended: list[LogBody] = [readings(), Tick(1000), limits]
    assert all(same(e.body, body) for e, body in zip(entries, appended, strict=True))
    back = entries[2].body
    assert isinstance(back, LimitsChanged)
    assert math.isnan(back.checks[9].low) and back.checks[9].range_low == -math.inf and back.checks[3].high == 1.0
    assert (log.first_offset, log.last_offset) == (1, 3)
    assert log.append([], now_ms=333) == 3


def test_an_empty_log(log: SqliteLog) -> None:
    assert (log.first_offset, log.last_offset, log.read(0), log.kept_bytes) == (1, 0, [], 0)
    assert log.consumer_offset("anybody") == 0
    assert not log.wait(0, timeout_s=0.0)


def test_read_is_bounded_in_entries_and_bytes_but_gives_at_least_one(log: SqliteLog) -> None:
    log.append([readings(100) for _ in range(10)], now_ms=1)
    size = len(_encode(readings(100))[1])
    assert [e.offset for e in log.read(2, max_entries=3)] == [3, 4, 5]
    assert [e.offset for e in log.read(0, max_bytes=2 * size)] == [1, 2]
    assert [e.offset for e in log.read(0, max_bytes=1)] == [1]
    assert log.read(10) == []


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    log.append([readings()], now_ms=1)
    log.commit("store", 1)
    log.point_ids([PointKey("M1", "a"), PointKey("M1", "b")])
    log.close()
    log = SqliteLog(tmp_path / "log.db")
    assert (log.last_offset, log.consumer_offset("store")) == (1, 1)
    assert log.point_ids([PointKey("M1", "c"), PointKey("M1", "a")]).tolist() == [2, 0]
    assert log.append([Tick(1)], now_ms=2) == 2
    log.close()


def test_numbers_are_given_once(log: SqliteLog) -> None:
    a, b, c = (PointKey("M1", name) for name in "abc")
    assert log.point_ids([a, b, a]).tolist() == [0, 1, 0]
    assert log.point_ids([c, b]).tolist() == [2, 1]
    assert log.point_ids([]).dtype == np.int32
    assert log.point_keys() == [a, b, c]


def test_two_openings_agree_on_numbers_and_offsets(tmp_path: Path) -> None:
    one, two = SqliteLog(tmp_path / "log.db"), SqliteLog(tmp_path / "log.db")
    a, b = PointKey("M1", "a"), PointKey("M1", "b")
    assert (one.point_ids([a]).tolist(), two.point_ids([b, a]).tolist(), one.point_ids([b]).tolist()) == (
        [0],
        [1, 0],
        [1],
    )
    assert [one.append([Tick(1)], 1), two.append([Tick(2)], 2), one.append([Tick(3)], 3)] == [1, 2, 3]
    assert [e.body for e in two.read(0)] == [Tick(1), Tick(2), Tick(3)]
    one.close()
    two.close()


def test_wait_is_woken_by_an_append_of_this_process(log: SqliteLog) -> None:
    slow = SqliteLog(log._path, poll_s=30)  # so that only the wake-up can end it in time
    got: list[bool] = []
    thread = threading.Thread(target=lambda: got.append(slow.wait(0, timeout_s=30)))
    thread.start()
    wait_until(lambda: slow._grown._waiters, "the thread to wait")  # type: ignore[attr-defined]
    slow.append([Tick(1)], now_ms=1)
    thread.join(5)
    assert got == [True]
    slow.close()


def test_wait_sees_an_append_of_another_process(log: SqliteLog) -> None:
    code = (
        "import pathlib, sys; from ingest.log import SqliteLog; from hazards.log import Tick;"
        "log = SqliteLog(pathlib.Path(sys.argv[1])); log.append([Tick(1)], now_ms=1); log.close()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(log._path)]) as process:
        assert log.wait(0, timeout_s=30)
    assert process.returncode == 0
    assert [e.body for e in log.read(0)] == [Tick(1)]


def test_readers_never_wait_for_the_writer(log: SqliteLog) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        after = 0
        while not (stop.is_set() and after == log.last_offset):
            for entry in log.read(after, max_entries=7):
                seen.append(entry.offset)
                after = entry.offset
            log.wait(after, 0.05)

    thread = threading.Thread(target=follow)
    thread.start()
    for i in range(200):
        log.append([readings(i % 50), Tick(i)], now_ms=i)
    stop.set()
    thread.join(20)
    assert seen == list(range(1, 401))


def test_a_corrupt_entry_is_named_and_those_around_it_are_read(log: SqliteLog) -> None:
    log.append([readings(50), readings(50), readings(50)], now_ms=1)
    db = sqlite3.connect(log._path)
    (body,) = db.execute("SELECT body FROM entry WHERE offset = 2").fetchone()
    flipped = bytes([*body[:100], body[100] ^ 1, *body[101:]])
    db.execute("UPDATE entry SET body = ? WHERE offset = 2", (flipped,))
    db.commit()
    db.close()
    entries = log.read(0)
    assert [e.offset for e in entries] == [1, 2, 3]
    assert [isinstance(e.body, Damaged) for e in entries] == [False, True, False]
    assert entries[1].body == Damaged(f"checksum differs, {len(body)} bytes")


@pytest.mark.parametrize("kind", [1, 2, 3, 77])
def test_a_torn_body_with_a_right_checksum_is_corrupt_too(kind: int) -> None:
    for body in (b"", b"\x00" * 5, b"\xff" * 13):
        assert isinstance(_decode(kind, zlib.crc32(body), body), Damaged)


def test_nothing_is_appended_when_the_disk_is_full_and_all_goes_on_afterwards(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", quota_bytes=400_000)
    offset = 0
    with pytest.raises(LogUnavailable, match="full"):
        while True:
            offset = log.append([readings(1000), Tick(offset)], now_ms=offset)
    assert log.last_offset == offset == log.read(0, max_entries=10**6, max_bytes=10**9)[-1].offset
    log.commit("all", offset)
    assert log.drop_consumed(before_ms=0, max_bytes=100_000) > 0
    assert log.append([readings(1000)], now_ms=1) == offset + 1
    log.close()


def test_only_what_all_have_read_is_dropped_oldest_first(log: SqliteLog) -> None:
    for ms in range(1, 11):
        log.append([readings(10)], now_ms=ms)
    size = len(_encode(readings(10))[1])
    assert log.kept_bytes == 10 * size
    assert log.drop_consumed(before_ms=100, max_bytes=0) == 0  # nobody has said that it has read anything
    log.commit("a", 8)
    log.commit("b", 5)
    assert log.drop_consumed(before_ms=4, max_bytes=10**9) == 3
    assert (log.first_offset, log.last_offset, log.kept_bytes) == (4, 10, 7 * size)
    assert log.drop_consumed(before_ms=0, max_bytes=6 * size) == 1
    assert log.drop_consumed(before_ms=0, max_bytes=0) == 1  # b has not read 6
    log.commit("b", 10)
    log.commit("a", 10)
    assert log.drop_consumed(before_ms=0, max_bytes=0) == 5
    assert (log.first_offset, log.last_offset, log.kept_bytes) == (11, 10, 0)
    assert log.append([Tick(1)], now_ms=99) == 11
    assert log.kept_bytes == len(_encode(Tick(1))[1])


def test_much_is_dropped_in_pieces(log: SqliteLog) -> None:
    log.append([Tick(i) for i in range(2345)], now_ms=1)
    log.commit("a", 2345)
    assert log.drop_consumed(before_ms=2, max_bytes=10**9) == 2345
    assert log.drop_consumed(before_ms=2, max_bytes=10**9) == 0


def test_a_closed_log_says_so_and_wakes_those_who_wait(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db", poll_s=30)
    outcome: list[object] = []

    def wait() -> None:
        try:
            outcome.append(log.wait(0, 60))
        except LogUnavailable as e:
            outcome.append(e)

    thread = threading.Thread(target=wait)
    thread.start()
    wait_until(lambda: log._grown._waiters, "the thread to wait")  # type: ignore[attr-defined]
    log.close()
    thread.join(5)
    assert not thread.is_alive() and len(outcome) == 1
    with pytest.raises(LogUnavailable):
        log.read(0)
    with pytest.raises(LogUnavailable):
        log.append([Tick(1)], now_ms=1)


def test_a_path_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LogUnavailable):
        SqliteLog(tmp_path / "file" / "log.db")
    (tmp_path / "nonsense.db").write_bytes(os.urandom(8192))
    with pytest.raises(LogUnavailable):
        SqliteLog(tmp_path / "nonsense.db")


finite_or_not = st.floats(allow_nan=True, allow_infinity=True)


@given(
    rows=st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(2**63), 2**63 - 1), finite_or_not, st.integers(0, 3))),
    received_ms=st.integers(-(2**63), 2**63 - 1),
)
def test_readings_round_trip(rows: list[tuple[int, int, float, int]], received_ms: int) -> None:
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    body = Readings(ReadingBatch.of(*columns), received_ms)
    kind, data = _encode(body)
    assert same(_decode(kind, zlib.crc32(data), data), body)


@given(high=finite_or_not, after_ms=st.integers(0, 2**62), number=st.integers(0, 2**31 - 1))
@settings(max_examples=50)
def test_limits_round_trip(high: float, after_ms: int, number: int) -> None:
    body = LimitsChanged(1, {number: Checks(high=high, no_data_after_ms=after_ms)})
    kind, data = _encode(body)
    assert same(_decode(kind, zlib.crc32(data), data), body)
