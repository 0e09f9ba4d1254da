"""The journal's promises: what is written together stands together, lists stay put, news is told."""

import base64
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from alerting import migrations
from alerting.alarm import Alarm, AlarmEvent, AlarmState, Decision, EventType
from alerting.errors import JournalError
from alerting.ids import NAMESPACE, alarm_id
from alerting.journal import Journal
from alerting.journal_rows import alarm_from_row, alarm_row
from alerting.journal_schema import metadata
from alerting.lifecycle import Change, after_change
from alerting.limit_overrides import drop_limit_override, keep_limit_override, limit_overrides
from hazards.checks import Checks
from hazards.condition import Condition, Family, Severity
from hazards.plant import PointKey
from tests.support.alerting_parts import T0, a_point


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    yield journal
    journal.close()


def raised(
    time_ms: int, point: str = "CH4-01", condition: Condition = Condition.HIGH, enterprise: str = "M001"
) -> Decision:
    change = Change(
        point=a_point(point, enterprise=enterprise),
        number=0,
        family=Family.LIMIT_HIGH,
        flips=((condition, True),),
        time_ms=time_ms,
        value=1.25,
        checks=Checks(high=1.0, high_high=1.5),
    )
    alarm, type_ = after_change(None, change, time_ms + 20)
    assert alarm is not None
    return Decision(
        alarm=alarm, type=type_, time_ms=time_ms, at_ms=time_ms + 20, received_ms=time_ms + 5, channels=("duty",)
    )


def walk(journal: Journal, limit: int, **wanted: object) -> Iterator[Alarm]:
    cursor = None
    while True:
        page = journal.alarms(limit=limit, cursor=cursor, **wanted)  # type: ignore[arg-type]
        yield from page.items
        if (cursor := page.next) is None:
            return


def test_the_namespace_is_what_the_docs_say() -> None:
    assert uuid.uuid5(uuid.NAMESPACE_URL, "tag:hazmon,2026:alarms") == NAMESPACE


def test_an_alarm_is_read_back_as_it_was_written(journal: Journal) -> None:
    decision = raised(T0)
    (event,) = journal.write([decision])
    assert journal.alarm(decision.alarm.id) == decision.alarm
    assert journal.history(decision.alarm.id) == [event]
    assert (event.seq, event.alarm, event.received_ms) == (1, decision.alarm, T0 + 5)
    assert event.alarm_id == alarm_id("M001", "CH4-01", "limit-high", T0)
    assert journal.alarm("no such") is None


def test_rows_and_back() -> None:
    alarm = raised(T0).alarm
    with sa.create_engine("sqlite://").connect() as connection:
        columns = ", ".join(f':{name} AS "{name}"' for name in alarm_row(alarm))
        row = connection.execute(sa.text(f"SELECT {columns}"), alarm_row(alarm)).mappings().one()
        assert alarm_from_row(row) == alarm


def test_either_all_of_a_group_stands_or_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.write([raised(T0)], log_offset=7)

    def broken(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk I/O error"))

    with monkeypatch.context() as patch:
        patch.setattr("alerting.journal._set_number", broken)
        with pytest.raises(JournalError, match="disk I/O error"):
            journal.write([raised(T0 + 1)], log_offset=8)
    assert (journal.log_offset, journal.last_seq, len(journal.open_alarms())) == (7, 1, 1)
    assert len(journal.deliveries().items) == 1
    (event,) = journal.write([raised(T0 + 1)], log_offset=8)
    assert (event.seq, journal.log_offset) == (2, 8)


def test_pages_stay_put_while_alarms_are_added(journal: Journal) -> None:
    # Several in one millisecond, so that the order needs more than the time.
    first = [raised(T0 + k // 3, f"P-{k:02d}") for k in range(20)]
    journal.write(first)
    seen = []
    for n, alarm in enumerate(walk(journal, 4)):
        seen.append(alarm.id)
        journal.write([raised(T0 + 1000 + n, "NEW"), raised(T0 - 1000 - n, "OLD")])
        if len(seen) == 20:
            break
    assert sorted(seen) == sorted(d.alarm.id for d in first)


def test_the_last_raised_comes_first_and_the_last_page_has_no_next(journal: Journal) -> None:
    journal.write([raised(T0 + k, f"P-{k}") for k in range(5)])
    assert [a.raised_at_ms - T0 for a in walk(journal, 2)] == [4, 3, 2, 1, 0]
    assert journal.alarms(limit=5).next is None
    assert journal.alarms(limit=4).next is not None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "%%%",
        "YWJj",
        "äöü",
        base64.urlsafe_b64encode(b"9" * 40 + b".x").decode(),
        base64.urlsafe_b64encode(b"\xff.\xff").decode(),
    ],
)
def test_a_made_up_cursor_is_refused(journal: Journal, cursor: str) -> None:
    with pytest.raises(JournalError) as refusal:
        journal.alarms(cursor=cursor)
    assert refusal.value.reason == "bad_cursor"


def test_filters(journal: Journal) -> None:
    red = raised(T0 + 1, "RED", Condition.HIGH_HIGH)
    other = raised(T0 + 2, "OTHER", enterprise="M002")
    closed = raised(T0 + 3, "CLOSED")
    journal.write([red, other, closed])
    done = replace(closed.alarm, state=AlarmState.CLOSED, active=frozenset(), cleared_at_ms=T0 + 4)
    over = replace(other.alarm, state=AlarmState.RETURNED_UNACKNOWLEDGED, active=frozenset(), cleared_at_ms=T0 + 4)
    journal.write([Decision(alarm=a, type=EventType.CLEARED, time_ms=T0 + 4, at_ms=T0 + 5) for a in (done, over)])

    def found(**wanted: object) -> list[str]:
        return [a.point for a in walk(journal, 10, **wanted)]

    assert found() == ["CLOSED", "OTHER", "RED"]
    assert found(state="open") == ["OTHER", "RED"]
    assert found(state="unacknowledged") == ["OTHER", "RED"], "one that is over still wants to be seen"
    assert found(state="closed") == ["CLOSED"]
    assert found(state="shelved") == found(state="acknowledged") == []
    assert found(enterprise="M002") == ["OTHER"]
    assert found(enterprise=["M002", "M003"]) == ["OTHER"]
    assert found(enterprise=[]) == []
    assert found(severity=Severity.RED) == ["RED"]
    assert found(severity=[Severity.RED, Severity.ORANGE], state="open") == ["OTHER", "RED"]
    assert found(since_ms=T0 + 2) == ["CLOSED", "OTHER"]
    assert found(until_ms=T0 + 2) == ["RED"]
    with pytest.raises(ValueError, match="there are open, unacknowledged"):
        found(state="on fire")
    assert journal.count_by_state()[AlarmState.CLOSED] == 1
    assert [a.point for a in journal.open_alarms()] == ["RED", "OTHER"]
    assert [a.point for a in journal.open_alarms_of("M001", "RED")] == ["RED"]


def test_events_are_told_in_order_and_waited_for(journal: Journal) -> None:
    assert not journal.wait_for_event(0, 0.0)
    told: list[int] = []
    listener = lambda: told.append(journal.last_seq)  # noqa: E731
    journal.listen(listener)
    waiting = threading.Thread(target=lambda: told.append(-1 if journal.wait_for_event(0, 10.0) else 0))
    waiting.start()
    journal.write([raised(T0), raised(T0 + 1)])
    waiting.join()
    assert sorted(told) == [-1, 2]
    journal.unlisten(listener)
    journal.write([raised(T0 + 2)])
    assert sorted(told) == [-1, 2]
    assert [e.seq for e in journal.events_after(1)] == [2, 3]
    assert [e.seq for e in journal.events_after(0, limit=1)] == [1]


def test_the_same_raise_twice_is_one_alarm_with_two_events(journal: Journal) -> None:
    """Limits switched off and on within a millisecond; the id says that it is the same alarm."""
    events: list[AlarmEvent] = journal.write([raised(T0)]) + journal.write([raised(T0)])
    assert len({e.id for e in events}) == 2
    assert len(journal.alarms().items) == 1


def test_a_closed_and_opened_journal_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    first = Journal(url)
    first.write([raised(T0)], log_offset=3)
    first.close()
    again = Journal(url)
    assert (again.last_seq, again.log_offset) == (1, 3)
    (event,) = again.write([raised(T0 + 1)])
    assert event.seq == 2
    again.close()


def test_the_migrations_make_the_schema(journal: Journal) -> None:
    with journal.reading() as connection:
        assert migrations.current_revision(connection) == migrations.newest_revision()
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_disk_is_waited_for(journal: Journal) -> None:
    with journal.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_a_journal_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="unable to open"):
        Journal(f"sqlite:///{tmp_path}/missing/journal.db")


def test_changed_limits_are_kept_versioned_and_audited(journal: Journal) -> None:
    key = PointKey("M001", "CH4-01")
    off = float("nan")
    assert keep_limit_override(journal, key, {"high": 0.8, "on_delay_ms": 5000}, "engineer", "gas rising", T0) == 1
    assert (
        keep_limit_override(journal, key, {"high_high": off, "range_high": float("inf")}, "engineer", "new head", T0)
        == 2
    )
    (fields,) = limit_overrides(journal).values()
    assert (fields["high"], fields["on_delay_ms"], fields["range_high"]) == (0.8, 5000, float("inf"))
    assert fields["high_high"] != fields["high_high"], "off"
    assert drop_limit_override(journal, key, "engineer", "as before", T0 + 1)
    assert not drop_limit_override(journal, key, "engineer", "as before", T0 + 2)
    assert limit_overrides(journal) == {}
    with journal.reading() as connection:
        rows = connection.exec_driver_sql("SELECT seq, action, by, reason FROM audit ORDER BY seq").all()
    assert [tuple(r) for r in rows] == [
        (1, "limits.change", "engineer", "gas rising"),
        (2, "limits.change", "engineer", "new head"),
        (3, "limits.restore", "engineer", "as before"),
    ]
