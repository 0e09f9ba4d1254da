"""What is set aside is kept within bounds, counted, and listed newest first."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hazards.plant import PointKey
from ingest.decode.decoder import UnknownReading
from ingest.decode.reject import RejectReason
from ingest.rejects import Rejected, Rejects, RejectsUnavailable


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[Rejects]:
    made = Rejects(tmp_path / "rejects.db", keep_per_reason=5, keep_unknown=3)
    yield made
    made.close()


def reject(ms: int, reason: RejectReason = RejectReason.SHAPE, payload: bytes = b"{}") -> Rejected:
    return Rejected(0, ms, "a/topic", reason, "what was wrong", payload, len(payload))


def unknown(point: str, value: float, ms: int = 1) -> tuple[UnknownReading, int]:
    return UnknownReading(PointKey("M1", point), ms, value, 0), ms


def test_newest_first_page_by_page(rejects: Rejects) -> None:
    rejects.keep([reject(1), reject(2)])
    rejects.keep([reject(3)])
    first = rejects.rejected(limit=2)
    assert ([r.received_ms for r in first.items], first.next) == ([3, 2], "2")
    second = rejects.rejected(limit=2, cursor=first.next)
    assert ([r.received_ms for r in second.items], second.next) == ([1], None)
    assert first.items[0].reason is RejectReason.SHAPE and first.items[0].topic == "a/topic"
    with pytest.raises(ValueError):
        rejects.rejected(cursor="nonsense")


def test_each_reason_has_its_own_share(rejects: Rejects) -> None:
    rejects.keep([reject(1, RejectReason.TOPIC)])
    for ms in range(10, 30):
        rejects.keep([reject(ms), reject(ms)])
    assert [r.received_ms for r in rejects.rejected(reason="topic").items] == [1]
    assert [r.received_ms for r in rejects.rejected(reason="shape").items] == [29, 29, 28, 28, 27]
    rejects.keep([reject(ms) for ms in range(1000)])
    assert [r.received_ms for r in rejects.rejected(reason="shape").items] == [999, 998, 997, 996, 995]
    assert len(rejects.rejected().items) == 6


def test_only_the_head_of_a_payload_is_kept(rejects: Rejects) -> None:
    rejects.keep([reject(1, payload=b"x" * 10_000_000)])
    (kept,) = rejects.rejected().items
    assert (len(kept.payload), kept.payload_bytes) == (4096, 10_000_000)


def test_text_that_is_not_unicode_is_kept_all_the_same(rejects: Rejects) -> None:
    rejects.keep([Rejected(0, 1, "a/\ud800", RejectReason.TOPIC, "\udfff", b"\xff\x00", 2)])
    (kept,) = rejects.rejected().items
    assert (kept.topic, kept.detail, kept.payload) == ("a/?", "?", b"\xff\x00")


def test_unknown_points_have_their_last_value_and_a_count(rejects: Rejects) -> None:
    rejects.keep(unknown=[unknown("a", 1, 10), unknown("b", 2, 10), unknown("a", 3, 11)])
    rejects.keep(unknown=[unknown("a", float("nan"), 12)])
    a, b = rejects.unknown_points().items
    assert (a.key, a.value, a.count, a.first_received_ms, a.last_received_ms) == (PointKey("M1", "a"), None, 3, 10, 12)
    assert (b.value, b.count) == (2, 1)
    page = rejects.unknown_points(limit=1)
    assert [p.key.point for p in rejects.unknown_points(limit=1, cursor=page.next).items] == ["b"]
    with pytest.raises(ValueError):
        rejects.unknown_points(cursor="x")
    rejects.forget_known([PointKey("M1", "a")])
    assert [p.key.point for p in rejects.unknown_points().items] == ["b"]


def test_of_too_many_unknown_points_the_most_recent_stay(rejects: Rejects) -> None:
    for ms, point in enumerate("abcde", 1):
        rejects.keep(unknown=[unknown(point, 1, ms)])
    assert [p.key.point for p in rejects.unknown_points().items] == ["c", "d", "e"]


def test_future_times_are_counted_by_point(rejects: Rejects) -> None:
    rejects.keep(future={PointKey("M1", "a"): 2})
    rejects.keep(future={PointKey("M1", "a"): 3, PointKey("M1", "b"): 1})
    assert rejects.future_counts() == {PointKey("M1", "a"): 5, PointKey("M1", "b"): 1}


def test_it_is_all_there_after_reopening(rejects: Rejects, tmp_path: Path) -> None:
    rejects.keep([reject(1)], [unknown("a", 1)])
    again = Rejects(tmp_path / "rejects.db")
    assert (len(again.rejected().items), len(again.unknown_points().items)) == (1, 1)
    again.close()


def test_a_file_that_cannot_be_written_is_unavailable_and_nothing_is_half_kept(rejects: Rejects) -> None:
    with sqlite3.connect(rejects._path) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON unknown_point BEGIN SELECT RAISE(ABORT, 'full'); END")
    other.close()
    with pytest.raises(RejectsUnavailable, match="full"):
        rejects.keep([reject(1)], [unknown("a", 1)])
    assert rejects.rejected().items == ()
    rejects.keep([reject(1)])
    assert len(rejects.rejected().items) == 1
