"""Messages are acknowledged when they are on disk, and not before, whatever happens on the way."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from hazards.log import LogBody, Readings, Tick
from hazards.plant import PointKey
from ingest.errors import LogUnavailable
from ingest.message import Message
from ingest.pipeline import Ingest, IngestSettings
from tests.support.ingest_parts import NOW_MS, Parts, make_points, running
from tests.support.servers import wait_until

ONE = "hazmon/v1/M001/CH4-00001"


def payload(t: int = NOW_MS, v: float = 1.0) -> bytes:
    return json.dumps({"t": t, "v": v}).encode()


def test_a_group_is_one_entry_and_is_acknowledged_after_it(parts: Parts) -> None:
    parts.ingest.put([parts.message(ONE, payload(NOW_MS + i)) for i in range(3)])
    assert parts.acknowledged == [] and parts.log.last_offset == 0
    assert parts.ingest.step()
    assert parts.acknowledged == [1, 2, 3]
    readings, tick = parts.entries()
    assert isinstance(readings.body, Readings) and readings.body.batch.time_ms.tolist() == [
        NOW_MS + i for i in range(3)
    ]
    assert (readings.body.received_ms, readings.appended_ms) == (NOW_MS, NOW_MS)
    assert tick.body == Tick(NOW_MS)


def test_there_is_a_tick_a_second_with_or_without_messages(parts: Parts) -> None:
    for ms in (0, 400, 999, 1000, 1001, 2000, 5000):
        parts.clock.now_ms = NOW_MS + ms
        parts.ingest.step()
    assert [e.body for e in parts.entries()] == [Tick(NOW_MS + ms) for ms in (0, 1000, 2000, 5000)]


def test_ticks_go_on_when_the_clock_is_set_back(parts: Parts) -> None:
    for ms in (0, -3_600_000, -3_600_000 + 999, -3_600_000 + 1000):
        parts.clock.now_ms = NOW_MS + ms
        parts.ingest.step()
    assert [e.body for e in parts.entries()] == [Tick(NOW_MS + ms) for ms in (0, -3_600_000, -3_599_000)]


def test_a_tick_does_not_overtake_messages_that_still_wait(tmp_path: Path) -> None:
    parts = Parts(tmp_path, settings=IngestSettings(group_messages=1))
    early = parts.message(ONE, payload(NOW_MS))
    parts.clock.now_ms += 1500
    parts.ingest.put([early, parts.message(ONE, payload(NOW_MS + 1))])
    parts.clock.now_ms += 60_000
    parts.ingest.step()
    parts.ingest.step()
    assert [type(e.body) for e in parts.entries()] == [Readings, Tick, Readings]
    assert parts.entries()[1].body == Tick(NOW_MS + 1500)
    parts.close()


def test_rejects_are_kept_counted_and_acknowledged(parts: Parts) -> None:
    parts.ingest.put(
        [
            parts.message(ONE, b"{"),
            parts.message("hazmon/v1/M001/NEW", payload(v=3.5)),
            parts.message(ONE, payload(NOW_MS + 999_999)),
            parts.message(ONE, b"x" * 5_000_000),
        ]
    )
    parts.ingest.step()
    assert parts.acknowledged == [1, 2, 3, 4]
    assert [r.reason for r in parts.rejects.rejected().items] == ["too-large", "unknown-point", "not-json"]
    (stranger,) = parts.rejects.unknown_points().items
    assert (stranger.key, stranger.value) == (PointKey("M001", "NEW"), 3.5)
    assert parts.rejects.future_counts() == {PointKey("M001", "CH4-00001"): 1}
    rejected = parts.stats.rejected()
    assert {reason.value for reason, count in rejected.items() if count} == {"too-large", "unknown-point", "not-json"}
    counts = parts.stats.snapshot()
    assert (counts["received_messages"], counts["logged_readings"], counts["unknown_readings"]) == (4, 1, 1)
    assert (counts["future_readings"], counts["received_readings"]) == (1, 2)


def test_a_group_of_rejects_alone_writes_no_entry(parts: Parts) -> None:
    parts.ingest.step()
    parts.ingest.put([parts.message(ONE, b"{")])
    parts.ingest.step()
    assert parts.acknowledged == [1]
    assert [e.body for e in parts.entries()] == [Tick(NOW_MS)]


def test_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    parts = Parts(tmp_path, quota_bytes=300_000)
    names = [p.id for p in parts.points]
    sent = 0

    def columns() -> Message:
        t = [NOW_MS + sent * 1000 + i for i in range(999)]
        body = {"p": names * 333, "t": t, "v": [1.0] * 999}
        return parts.message("hazmon/v1/M001", json.dumps(body).encode())

    parts.ingest.put([columns()])
    while parts.ingest.step():
        sent += 1
        parts.ingest.put([columns()])
    assert parts.acknowledged == list(range(1, sent + 1))
    ready, why = parts.ingest.ready()
    assert not ready and "full" in why
    parts.ingest.put([columns()])
    assert not parts.ingest.step() and not parts.ingest.step()
    assert parts.stats.snapshot()["log_failures"] == 3
    before = parts.readings().time_ms.tolist()

    parts.log.commit("all", parts.log.last_offset)
    parts.log.drop_consumed(before_ms=0, max_bytes=0)
    assert parts.ingest.step() and parts.ingest.step()
    assert parts.ingest.ready()[0]
    assert parts.acknowledged == list(range(1, sent + 3))
    assert before + parts.readings().time_ms.tolist() == [
        NOW_MS + i * 1000 + j for i in (*range(sent), sent, sent) for j in range(999)
    ]
    parts.close()


def test_rejects_that_cannot_be_kept_do_not_hold_up_good_readings(parts: Parts) -> None:
    parts.rejects.close()
    parts.ingest.put([parts.message(ONE, b"{"), parts.message(ONE, payload())])
    assert parts.ingest.step()
    assert parts.acknowledged == [1, 2] and len(parts.readings()) == 1
    assert parts.stats.snapshot()["rejects_lost"] == 1
    ready, why = parts.ingest.ready()
    assert not ready and "rejected messages cannot be kept" in why


def test_room_is_bounded_in_messages_and_bytes(tmp_path: Path) -> None:
    parts = Parts(tmp_path, settings=IngestSettings(queue_messages=10, queue_bytes=1000))
    parts.ingest.put([parts.message(ONE, payload()) for _ in range(9)])
    assert parts.ingest.accepting
    parts.ingest.put([parts.message(ONE, payload())])
    assert not parts.ingest.accepting
    parts.ingest.step()
    assert parts.ingest.accepting
    parts.ingest.put([parts.message(ONE, b"x" * 1000)])
    assert not parts.ingest.accepting
    parts.ingest.step()
    assert parts.ingest.accepting
    parts.close()


@pytest.mark.parametrize(
    "settings",
    [IngestSettings(group_messages=3), IngestSettings(group_bytes=100), IngestSettings(entry_readings=2)],
    ids=["messages", "bytes", "entry"],
)
def test_large_groups_are_split_and_keep_their_order(tmp_path: Path, settings: IngestSettings) -> None:
    parts = Parts(tmp_path, settings=settings)
    parts.ingest.put([parts.message(ONE, payload(NOW_MS + i)) for i in range(10)])
    while not parts.ingest.drained(0):
        parts.ingest.step()
    assert parts.readings().time_ms.tolist() == [NOW_MS + i for i in range(10)]
    assert sum(isinstance(e.body, Readings) for e in parts.entries()) > 2
    assert parts.acknowledged == list(range(1, 11))
    parts.close()


def test_each_source_acknowledges_its_own(parts: Parts) -> None:
    one: list[int] = []
    two: list[int] = []
    a, b = one.extend, two.extend
    parts.ingest.put([Message(ONE, payload(), NOW_MS, False, i, a if i % 2 else b) for i in range(4)])
    parts.ingest.put([Message(ONE, payload(), NOW_MS)])
    parts.ingest.step()
    assert (one, two) == ([1, 3], [0, 2])


def test_the_thread_commits_by_itself_and_finishes_what_is_there(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    with running(parts.ingest.run):
        for i in range(50):
            parts.ingest.put([parts.message(ONE, payload(NOW_MS + i))])
        wait_until(lambda: len(parts.acknowledged) == 50, "all to be acknowledged")
        assert parts.ingest.ready() == (True, "writing to the log")
        parts.ingest.put([parts.message(ONE, payload(NOW_MS + 50))])
    assert len(parts.acknowledged) == 51
    assert parts.readings().time_ms.tolist() == [NOW_MS + i for i in range(51)]
    parts.close()


def test_the_thread_outlives_a_log_that_fails_for_a_while(tmp_path: Path) -> None:
    parts = Parts(tmp_path)

    class Moody:
        """The real log, which now and then will not."""

        def __init__(self) -> None:
            self.moods = [LogUnavailable("disk full"), OSError("not for a log to raise"), None, LogUnavailable("again")]

        def append(self, bodies: Sequence[LogBody], now_ms: int) -> int:
            if self.moods and (mood := self.moods.pop(0)):
                raise mood
            return parts.log.append(bodies, now_ms)

    ingest = Ingest(Moody(), parts.directory, parts.rejects, parts.clock, parts.stats)  # type: ignore[arg-type]
    ingest.put([parts.message(ONE, payload())])
    with running(ingest.run):
        wait_until(lambda: parts.acknowledged == [1], "the message to be acknowledged")
        ingest.put([parts.message(ONE, payload(NOW_MS + 1))])
        wait_until(lambda: parts.acknowledged == [1, 2], "the second message to be acknowledged")
        wait_until(lambda: ingest.ready()[0], "ingest to be ready")
    assert len(parts.readings()) == 2
    parts.close()


def test_stopping_while_the_log_fails_ends_without_acknowledging(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.log.close()
    parts.ingest.put([parts.message(ONE, payload())])
    stop = threading.Event()
    stop.set()
    parts.ingest.run(stop)
    assert parts.acknowledged == []
    parts.rejects.close()


def test_every_counter_and_reason_exists_from_the_start(parts: Parts) -> None:
    assert set(parts.stats.snapshot().values()) == {0}
    assert set(parts.stats.rejected().values()) == {0}
    with pytest.raises(KeyError):
        parts.stats.add(no_such_counter=1)
    with pytest.raises(KeyError):
        parts.stats.set(no_such_gauge=1)


def test_many_points_decode_through_the_whole_topic(tmp_path: Path) -> None:
    parts = Parts(tmp_path, points=make_points(5) + make_points(5, "M002"))
    parts.ingest.put([parts.message("hazmon/v1/M002/CH4-00004", payload(v=4))])
    parts.ingest.step()
    key = parts.log.point_keys()[int(parts.readings().point[0])]
    assert key == PointKey("M002", "CH4-00004")
    parts.close()
