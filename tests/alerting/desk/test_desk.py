"""What people do at the desk, who hears of it, and what the history says."""

import threading
from pathlib import Path

import pytest

from alerting.alarm import Alarm, AlarmState, Cause, Decision
from alerting.errors import DeskError, DeskReason, JournalError
from alerting.notify.routing import Match, Route
from hazards.checks import Checks
from tests.support.alerting_parts import O2, T0, Mine, a_plant, a_point

BY_COLOUR = (
    Route(Match.of(severity=["red"]), ("control-room",), "continue"),
    Route(Match.of(kind=["ch4"]), ("duty",)),
    Route(Match.of(severity=["yellow"]), ("engineer",)),
)


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    mine = Mine(
        tmp_path, a_plant(a_point(checks=Checks(high=1.0, high_high=1.5)), a_point("O2-01", "o2", O2)), BY_COLOUR
    )
    mine.limits()
    mine.settle()
    return mine


def told(mine: Mine) -> list[str]:
    """Every delivery so far, in order: event and channel."""
    items = sorted(mine.journal.deliveries(limit=1000).items, key=lambda d: (d.event_seq, d.channel))
    return [f"{d.event_type.removeprefix('alarm.')} {d.channel}" for d in items]


def test_everybody_who_heard_the_beginning_hears_the_end(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.6)
    mine.say("CH4-01", T0 + 2000, 1.2)  # orange now: the control room's route takes it no more
    mine.say("CH4-01", T0 + 3000, 0.2)
    assert told(mine) == [
        "raised control-room",
        "raised duty",
        "deescalated control-room",
        "deescalated duty",
        "cleared control-room",
        "cleared duty",
    ]


def test_who_is_called_in_by_a_worsening_hears_no_earlier_event_and_every_later_one(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.say("CH4-01", T0 + 2000, 1.6)
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    assert told(mine) == [
        "raised duty",
        "escalated control-room",
        "escalated duty",
        "acknowledged control-room",
        "acknowledged duty",
    ]
    assert mine.alarm().told == ("duty", "control-room")


def test_an_alarm_that_no_route_takes_stands_in_the_journal(tmp_path: Path) -> None:
    mine = Mine(tmp_path, routes=())
    mine.limits()
    assert mine.say("CH4-01", T0 + 1000, 1.2) == ["alarm.raised"]
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    assert (mine.alarm().state, told(mine)) == (AlarmState.ACKNOWLEDGED, [])


def test_a_channel_that_was_removed_is_not_told_any_more(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.6)
    mine.router = type(mine.router)([Route(Match(), ("duty",))])
    mine.restart()
    mine.say("CH4-01", T0 + 2000, 0.2)
    assert told(mine) == ["raised control-room", "raised duty", "cleared duty"]


def test_acknowledging_is_in_the_history_with_name_and_remark(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.clock.now_ms = T0 + 5000
    alarm = mine.desk.acknowledge(mine.alarm().id, "张三", "已派人查看")
    assert (alarm.state, alarm.acknowledged_by, alarm.acknowledged_at_ms) == ("acknowledged", "张三", T0 + 5000)
    assert alarm == mine.alarm()
    event = mine.journal.history(alarm.id)[-1]
    assert (event.by, event.comment, event.time_ms, event.received_ms) == ("张三", "已派人查看", T0 + 5000, None)
    assert "张三 于 23:00:05 确认：已派人查看" in alarm.message.zh


def test_a_comment_changes_nothing_and_calls_nobody(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    before, heard = mine.alarm(), told(mine)
    for _ in range(3):  # three in one millisecond, and each is there
        mine.desk.comment(before.id, "Zhang San", "checked with a hand-held")
    assert (mine.alarm().state, mine.alarm().told, told(mine)) == (before.state, before.told, heard)
    events = mine.journal.history(before.id)
    assert [e.comment for e in events[1:]] == ["checked with a hand-held"] * 3
    assert len({e.id for e in events}) == 4


def test_a_closed_alarm_can_still_be_commented_on(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    mine.say("CH4-01", T0 + 2000, 0.2)
    mine.desk.comment(mine.alarm().id, "Li Si", "cause: brattice torn")
    assert (mine.alarm().state, mine.desk.open_alarms()) == (AlarmState.CLOSED, [])


def test_a_shelf_ends_by_itself_and_says_so(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.clock.now_ms = T0 + 2000
    alarm = mine.desk.shelve(mine.alarm().id, "Zhang San", "belt splice", T0 + 60_000)
    assert (alarm.state, alarm.shelved_until_ms) == (AlarmState.SHELVED, T0 + 60_000)
    mine.tick(T0 + 59_999)
    assert mine.settle() == []
    mine.tick(T0 + 60_500)
    (event,) = mine.settle()
    assert (event.type, event.time_ms, event.cause) == ("alarm.unshelved", T0 + 60_000, Cause.SHELF_ENDED)
    assert mine.alarm().state is AlarmState.UNACKNOWLEDGED
    assert told(mine) == ["raised duty", "shelved duty", "unshelved duty"]


def test_a_chattering_point_stays_shelved_and_every_alarm_is_recorded(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.desk.shelve(mine.alarm().id, "Zhang San", "sensor loose", T0 + 60_000)
    assert mine.say("CH4-01", T0 + 2000, 0.2) == ["alarm.cleared"]
    assert mine.say("CH4-01", T0 + 3000, 1.2) == ["alarm.raised"]
    second, first = mine.journal.alarms().items
    assert (first.state, second.state) == (AlarmState.SHELVED, AlarmState.SHELVED)
    assert told(mine) == ["raised duty", "shelved duty", "cleared duty"], "nobody is called for the second one"
    mine.tick(T0 + 60_500)
    mine.settle()
    second, first = mine.journal.alarms().items
    assert (first.state, second.state) == (AlarmState.CLOSED, AlarmState.UNACKNOWLEDGED)
    assert told(mine)[3:] == ["unshelved duty"] * 2, "now they hear of the one that stands, and that the first is over"


def test_shelving_never_hides_a_worsening(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.desk.shelve(mine.alarm().id, "Zhang San", "sensor loose", T0 + 60_000)
    assert mine.say("CH4-01", T0 + 2000, 1.6) == ["alarm.escalated"]
    assert (mine.alarm().state, mine.alarm().shelved_until_ms) == (AlarmState.UNACKNOWLEDGED, None)
    assert told(mine)[-2:] == ["escalated control-room", "escalated duty"]


def test_unshelving_by_hand(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.desk.shelve(mine.alarm().id, "Zhang San", "belt splice", T0 + 60_000)
    assert mine.desk.unshelve(mine.alarm().id, "Li Si").state is AlarmState.UNACKNOWLEDGED
    mine.tick(T0 + 61_000)
    assert mine.settle() == []


def test_shelves_survive_a_restart(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    mine.desk.shelve(mine.alarm().id, "Zhang San", "belt splice", T0 + 60_000)
    mine.restart()
    mine.tick(T0 + 61_000)
    assert [e.type for e in mine.settle()] == ["alarm.unshelved"]


def act(mine: Mine, action: str, alarm: Alarm) -> object:
    match action:
        case "acknowledge":
            return mine.desk.acknowledge(alarm.id, "Li Si")
        case "shelve into the past":
            return mine.desk.shelve(alarm.id, "Li Si", "why not", mine.clock.now_ms)
        case "shelve without a reason":
            return mine.desk.shelve(alarm.id, "Li Si", " ", T0 + 10**9)
        case "unshelve":
            return mine.desk.unshelve(alarm.id, "Li Si")
        case "comment nothing":
            return mine.desk.comment(alarm.id, "Li Si", "")
        case "another alarm":
            return mine.desk.acknowledge("0" * 36, "Li Si")
    raise AssertionError(action)


@pytest.mark.parametrize(
    ("action", "reason", "says"),
    [
        ("acknowledge", DeskReason.NOT_ALLOWED, "Zhang San acknowledged it"),
        ("shelve into the past", DeskReason.BAD_REQUEST, "in the future"),
        ("shelve without a reason", DeskReason.BAD_REQUEST, "needs a reason"),
        ("unshelve", DeskReason.NOT_ALLOWED, "acknowledged, not shelved"),
        ("comment nothing", DeskReason.BAD_REQUEST, "needs a text"),
        ("another alarm", DeskReason.NOT_FOUND, "no alarm"),
    ],
)
def test_what_the_desk_refuses_changes_nothing(mine: Mine, action: str, reason: DeskReason, says: str) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    before = mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    seq = mine.journal.last_seq
    with pytest.raises(DeskError, match=says) as refusal:
        act(mine, action, before)
    assert refusal.value.reason is reason
    assert (mine.alarm(), mine.journal.last_seq) == (before, seq)


def test_of_many_who_click_at_once_one_acknowledges(mine: Mine) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    alarm, outcomes = mine.alarm(), list[str]()
    start = threading.Barrier(8)

    def click(n: int) -> None:
        start.wait()
        try:
            mine.desk.acknowledge(alarm.id, f"operator {n}")
            outcomes.append("done")
        except DeskError as error:
            outcomes.append(error.reason)

    threads = [threading.Thread(target=click, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", *["not_allowed"] * 7]
    assert len(mine.journal.history(alarm.id)) == 2


def test_what_could_not_be_written_has_not_happened(mine: Mine, monkeypatch: pytest.MonkeyPatch) -> None:
    mine.say("CH4-01", T0 + 1000, 1.2)
    before = mine.alarm()

    def full(decisions: list[Decision], log_offset: int | None = None) -> None:
        raise JournalError("the journal can't be written: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(mine.journal, "write", full)
        with pytest.raises(JournalError):
            mine.desk.acknowledge(before.id, "Zhang San")
    assert mine.desk.open_alarms() == [before] == [mine.alarm()]
    assert mine.desk.acknowledge(before.id, "Zhang San").state is AlarmState.ACKNOWLEDGED
