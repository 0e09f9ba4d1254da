"""From the log to the journal: what readings, time and changed limits lead to."""

import math
from pathlib import Path

import pytest

from alerting.alarm import Alarm, AlarmState, Cause
from alerting.errors import LogMismatchError
from alerting.processor import CONSUMER
from hazards.checks import Checks
from hazards.condition import Condition, Severity
from hazards.log import Damaged, Entry, LimitsChanged, Readings, Tick
from hazards.readings import ReadingBatch
from tests.support.alerting_parts import CH4, T0, MemoryLog, Mine, a_plant, a_point

DELAYED = Checks(high=1.0, on_delay_ms=20_000)


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    mine = Mine(tmp_path)
    mine.limits()
    mine.settle()
    return mine


def so(alarm: Alarm) -> str:
    """An alarm in short."""
    return f"{alarm.severity.word} {alarm.condition.word} {alarm.state}"


def test_the_story_of_a_methane_alarm(mine: Mine) -> None:
    """high 1.0, high_high 1.5, both clearing below 1.0."""
    assert mine.say("CH4-01", T0 + 1000, 0.9) == []
    assert mine.journal.alarms().items == ()
    assert mine.say("CH4-01", T0 + 2000, 1.1) == ["alarm.raised"]
    assert so(mine.alarm()) == "orange high unacknowledged"
    assert mine.say("CH4-01", T0 + 3000, 1.6) == ["alarm.escalated"]
    assert so(mine.alarm()) == "red high_high unacknowledged"
    assert mine.say("CH4-01", T0 + 4000, 1.2) == [], "the cut holds"
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    assert so(mine.alarm()) == "red high_high acknowledged"
    assert mine.say("CH4-01", T0 + 5000, 0.9) == ["alarm.deescalated", "alarm.cleared"]
    alarm = mine.alarm()
    assert so(alarm) == "orange high closed"
    assert alarm.worst is Severity.RED
    assert (alarm.raised_at_ms, alarm.cleared_at_ms, alarm.value) == (T0 + 2000, T0 + 5000, 0.9)
    assert [e.type for e in mine.journal.history(alarm.id)] == [
        "alarm.raised",
        "alarm.escalated",
        "alarm.acknowledged",
        "alarm.deescalated",
        "alarm.cleared",
    ]


def test_a_jump_over_both_limits_is_one_event(mine: Mine) -> None:
    assert mine.say("CH4-01", T0 + 1000, 1.6) == ["alarm.raised"]
    assert mine.alarm().condition is Condition.HIGH_HIGH
    assert mine.alarm().limit == 1.5
    assert mine.say("CH4-01", T0 + 2000, 0.5) == ["alarm.cleared"]


def test_a_second_raise_is_a_second_alarm(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.1)
    mine.say("CH4-01", T0 + 2000, 0.5)
    assert mine.say("CH4-01", T0 + 3000, 1.1) == ["alarm.raised"]
    second, first = mine.journal.alarms().items
    assert first.id != second.id
    assert (first.state, second.state) == (AlarmState.RETURNED_UNACKNOWLEDGED, AlarmState.UNACKNOWLEDGED)


def test_stepping_down_lowers_the_severity_and_keeps_the_worst(tmp_path: Path) -> None:
    """high 1.0 and high_high 1.5, each clearing at itself."""
    mine = Mine(tmp_path, a_plant(a_point(checks=Checks(high=1.0, high_high=1.5))))
    mine.limits()
    mine.say("CH4-01", T0 + 1000, 1.6)
    assert mine.say("CH4-01", T0 + 2000, 1.2) == ["alarm.deescalated"]
    alarm = mine.alarm()
    assert (alarm.severity, alarm.worst, alarm.condition, alarm.limit) == (
        Severity.ORANGE,
        Severity.RED,
        Condition.HIGH,
        1.0,
    )


def test_silence_is_an_alarm_and_a_reading_ends_it(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 0.2)
    mine.say("CH4-02", T0 + 1000, 0.2)
    mine.tick(T0 + 61_000)
    assert mine.settle() == [], "exactly at the time it is not silent yet"
    mine.tick(T0 + 62_000)
    assert {(e.type, e.alarm.point, e.alarm.condition.word) for e in mine.settle()} == {
        ("alarm.raised", "CH4-01", "no_data"),
        ("alarm.raised", "CH4-02", "no_data"),
    }
    assert mine.say("CH4-01", T0 + 63_000, 0.2) == ["alarm.cleared"]


def test_a_point_that_never_spoke_is_an_alarm_too(mine: Mine) -> None:
    mine.tick(T0 + 61_000)
    events = mine.settle()
    assert [(e.alarm.point, e.time_ms) for e in events] == [("CH4-01", T0 + 60_000), ("CH4-02", T0 + 60_000)]
    assert events[0].alarm.value is None


def test_a_reading_that_is_no_number_clears_nothing(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    assert mine.say("CH4-01", T0 + 2000, math.nan) == ["alarm.raised"], "the fault is an alarm of its own"
    assert mine.say("CH4-01", T0 + 3000, 0.2, quality=3) == [], "calibration says nothing about the place"
    (fault, high) = mine.desk.open_alarms()[::-1]
    assert (high.condition.word, high.active) == ("high", frozenset({Condition.HIGH}))
    assert (fault.condition.word, fault.value) == ("fault", None)
    assert sorted(mine.say("CH4-01", T0 + 4000, 0.2)) == ["alarm.cleared", "alarm.cleared"]


def test_an_alarm_out_of_a_backlog_says_that_it_is_late(mine: Mine) -> None:
    received_ms = T0 + 7_200_000
    mine.say("O2-01", T0 + 1000, 20.9)
    mine.reading("O2-01", received_ms - 60_001, 17.0, received_ms=received_ms)
    mine.reading("O2-01", received_ms - 60_000, 20.9, received_ms=received_ms)
    mine.reading("O2-01", received_ms - 59_999, 17.0, received_ms=received_ms)
    mine.settle()
    second, first = mine.journal.alarms(enterprise="M001").items[:2]
    assert (first.late, second.late) == (True, False), "more than 60 s before it was detected"
    assert first.detected_at_ms == received_ms
    assert "补传数据" in mine.journal.history(first.id)[0].alarm.message.zh


def test_a_damaged_log_entry_is_stepped_over(mine: Mine) -> None:
    assert mine.say("CH4-01", T0 + 1000, 1.2) == ["alarm.raised"]
    damaged = Entry(mine.log.last_offset + 1, T0 + 2000, Damaged("checksum differs"))
    mine.processor.apply([damaged])
    assert mine.processor.offset == damaged.offset
    assert so(mine.alarm()) == "orange high unacknowledged", "it changes nothing"


def test_a_backlog_older_than_our_start_is_evaluated(mine: Mine) -> None:
    """The gateway kept readings while nobody was there; the point was never heard, so nothing contradicts them."""
    hours_ago = T0 - 4 * 3_600_000
    numbers = [mine.numbers["CH4-01"]] * 3 + [mine.numbers["CH4-02"]]
    times = [hours_ago, hours_ago + 1000, hours_ago + 2000, T0 + 1000]
    batch = ReadingBatch.of(numbers, times, [1.2, 1.6, 0.5, 1.2], [0] * 4)
    mine.log.append([Readings(batch, T0 + 1000)], T0 + 1000)
    assert [(str(e.type), e.alarm.point) for e in mine.settle()] == [
        ("alarm.raised", "CH4-01"),
        ("alarm.escalated", "CH4-01"),
        ("alarm.deescalated", "CH4-01"),
        ("alarm.cleared", "CH4-01"),
        ("alarm.raised", "CH4-02"),
    ]
    assert mine.say("CH4-01", hours_ago + 1500, 9.9) == [], "once heard, a point's past is past"
    assert mine.processor.late == 1


def test_a_backlog_may_end_a_silence_before_it_began(mine: Mine) -> None:
    mine.tick(T0 + 61_000)
    mine.settle()
    assert mine.say("CH4-01", T0 + 30_000, 0.2) == ["alarm.cleared"]
    (alarm,) = (a for a in mine.journal.alarms().items if a.point == "CH4-01")
    assert alarm.cleared_at_ms == alarm.raised_at_ms, "no alarm ends before it began"


def test_a_check_that_is_switched_off_ends_its_alarm_and_says_why(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.6)
    mine.limits(T0 + 2000, CH4_01=Checks(high=1.0))
    (event,) = mine.settle()
    assert (event.type, event.cause, event.alarm.condition.word) == ("alarm.deescalated", Cause.CHECK_OFF, "high")
    mine.limits(T0 + 3000, CH4_01=Checks())
    (event,) = mine.settle()
    assert (event.type, event.cause, event.alarm.limit) == ("alarm.cleared", Cause.CHECK_OFF, 1.0)
    assert "停用" in event.alarm.message.zh
    assert "switched off" in event.alarm.message.en


def test_a_point_that_leaves_the_plant_takes_its_alarms_along(tmp_path: Path) -> None:
    mine = Mine(tmp_path)
    mine.limits()
    mine.say("CH4-02", T0 + 1000, 1.6)
    mine.plant = a_plant(a_point())
    mine.restart()
    mine.log.append([LimitsChanged(T0 + 2000, {mine.numbers["CH4-02"]: Checks()})], T0 + 2000)
    (event,) = mine.settle()
    assert (event.type, event.cause, event.alarm.source) == ("alarm.cleared", Cause.POINT_REMOVED, "face-1203")
    assert mine.alarm().state is AlarmState.RETURNED_UNACKNOWLEDGED, "somebody still has to see it"


def test_readings_of_a_removed_point_that_are_still_in_the_log_lose_no_alarm(tmp_path: Path) -> None:
    mine = Mine(tmp_path)
    mine.limits()
    mine.settle()
    mine.reading("CH4-02", T0 + 1000, 1.6)
    mine.plant = a_plant(a_point())
    mine.restart()
    mine.settle()
    alarm = mine.alarm()
    assert (alarm.point, alarm.source, alarm.severity, alarm.message.zh != "") == ("CH4-02", "", Severity.RED, True)


def test_a_new_point_is_watched_from_its_first_limits_on(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.plant = a_plant(*mine.plant.points, a_point("CH4-99"))
    (number,) = mine.log.point_ids([mine.plant.points[-1].key]).tolist()
    mine.numbers["CH4-99"] = number
    mine.restart()
    mine.limits(T0 + 500_000, CH4_99=CH4)
    assert mine.settle() == [], "the alarm that stands goes on standing"
    mine.tick(T0 + 500_000 + 60_001)
    assert "CH4-99" in {e.alarm.point for e in mine.settle()}
    assert mine.say("CH4-99", T0 + 561_000, 1.2) == ["alarm.raised", "alarm.cleared"]


def test_a_reading_of_a_point_without_limits_harms_nothing(tmp_path: Path) -> None:
    mine = Mine(tmp_path)
    assert mine.say("O2-01", T0, 1.0) == []
    mine.limits()
    assert mine.say("O2-01", T0 + 1000, 17.0) == ["alarm.raised"]


def test_the_engine_goes_on_from_its_snapshot_with_the_delay_that_runs(tmp_path: Path) -> None:
    mine = Mine(tmp_path, a_plant(a_point(checks=DELAYED)))
    mine.limits()
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.processor.save_snapshot()
    assert mine.log.consumer_offset(CONSUMER) == mine.log.last_offset
    assert mine.log.drop_consumed(before_ms=T0 + 10**9, max_bytes=0) == 2, "what lies before is needed no more"
    mine.restart()
    mine.tick(T0 + 21_000)
    assert [(e.type, e.time_ms) for e in mine.settle()] == [("alarm.raised", T0 + 21_000)]


def test_what_lies_behind_the_snapshot_stays_in_the_log(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    snapshot = mine.journal.snapshot()
    assert snapshot is not None
    assert mine.log.consumer_offset(CONSUMER) == snapshot[0] < mine.processor.offset


def test_snapshots_follow_the_logs_time(tmp_path: Path) -> None:
    mine = Mine(tmp_path, snapshot_every_ms=10_000)
    mine.limits()
    for k in range(25):
        mine.tick(T0 + k * 1000)
        mine.settle()
    offset, _, _ = mine.journal.snapshot() or (0, b"", b"")
    assert 20 <= offset <= 22
    assert mine.journal.log_offset == offset


def test_an_unreadable_snapshot_neither_loses_an_alarm_nor_ends_one(tmp_path: Path) -> None:
    """A new version may not read an old one's state: the limits are kept apart, the log has what it has."""
    mine = Mine(tmp_path)
    mine.limits()
    for point in ("CH4-01", "CH4-02", "O2-01"):
        mine.say(point, T0 + 1000, 1.6)
    mine.processor.save_snapshot()
    mine.log.drop_consumed(before_ms=T0 + 10**9, max_bytes=0)
    with mine.journal.transaction() as connection:
        connection.exec_driver_sql("UPDATE engine_snapshot SET state = 'from another version'")
    mine.restart()
    assert mine.settle() == [], "nobody has measured that anything is over"
    assert mine.say("CH4-01", T0 + 2000, 1.6) == [], "found again: the alarm goes on"
    assert mine.say("CH4-02", T0 + 2000, 0.2) == []
    mine.tick(T0 + 2500)
    (event,) = mine.settle()
    assert (event.type, event.alarm.point, event.cause) == ("alarm.cleared", "CH4-02", Cause.ENGINE_RESET)
    assert {a.point for a in mine.desk.open_alarms() if a.active} == {"CH4-01", "O2-01"}
    mine.restart()
    assert mine.say("CH4-01", T0 + 3000, 0.2) == ["alarm.cleared"]
    assert mine.say("O2-01", T0 + 3000, 20.9) == [], "until the next tick"
    mine.tick(T0 + 3500)
    assert [(e.alarm.point, e.cause) for e in mine.settle()] == [("O2-01", Cause.ENGINE_RESET)]


def test_a_log_that_is_not_the_journals_is_refused(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.log = MemoryLog()
    with pytest.raises(LogMismatchError, match="not the log that the journal was written from"):
        mine.restart()


def test_the_checks_in_force_are_those_at_the_end_of_the_log(mine: Mine) -> None:
    number = mine.numbers["CH4-01"]
    assert mine.processor.checks_in_force()[number].high == 1.0
    mine.log.append([Tick(T0 + 1), LimitsChanged(T0 + 2, {number: Checks(high=0.8)}), Tick(T0 + 3)], T0 + 3)
    assert mine.processor.checks_in_force()[number].high == 0.8
    mine.settle()
    mine.restart()
    assert mine.processor.checks_in_force()[number].high == 0.8


def test_entries_that_change_nothing_cost_no_transaction(mine: Mine) -> None:
    before = mine.journal.log_offset
    for k in range(10):
        mine.say("CH4-01", T0 + k * 1000 + 1, 0.3)
    assert mine.journal.log_offset == before
    assert mine.processor.offset == mine.log.last_offset
