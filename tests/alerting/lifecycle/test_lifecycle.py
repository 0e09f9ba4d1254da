"""The life of an alarm as arithmetic: no clock, no database."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting import lifecycle
from alerting.alarm import Alarm, AlarmState, EventType
from alerting.ids import alarm_id
from alerting.lifecycle import Change, NotAllowedError, Shelf
from hazards.checks import Checks
from hazards.condition import FAMILY_CONDITIONS, Condition, Family, Severity, family_of
from tests.support.alerting_parts import SEVERITIES, T0, a_point

HIGH, HIGH_HIGH = Condition.HIGH, Condition.HIGH_HIGH
CHECKS = Checks(high=1.0, high_high=1.5, low=0.2, low_low=0.1)


def a_change(time_ms: int, *flips: tuple[Condition, bool], value: float = 1.2, number: int = 7) -> Change:
    return Change(
        point=a_point(),
        number=number,
        family=family_of(flips[0][0]),
        flips=flips,
        time_ms=time_ms,
        value=value,
        checks=CHECKS,
    )


def the_raised(*conditions: Condition) -> Alarm:
    alarm, event = lifecycle.after_change(None, a_change(T0, *((c, True) for c in conditions or (HIGH,))), T0 + 30)
    assert alarm is not None
    assert event is EventType.RAISED
    return alarm


def test_what_a_raise_knows() -> None:
    alarm = the_raised()
    assert alarm.id == alarm_id("M001", "CH4-01", "limit-high", T0)
    assert (alarm.point_number, alarm.source, alarm.kind, alarm.unit) == (7, "face-1203", "ch4", "%CH4")
    assert (alarm.condition, alarm.limit, alarm.value, alarm.standard) == (HIGH, 1.0, 1.2, "AQ 1029-2019 table 1")
    assert (alarm.severity, alarm.worst) == (Severity.ORANGE, Severity.ORANGE)
    assert (alarm.raised_at_ms, alarm.detected_at_ms, alarm.late) == (T0, T0 + 30, False)
    assert alarm.is_open


STORIES = {
    "acknowledged, then over": ["ack acknowledged", "clear closed"],
    "over, then acknowledged": ["clear returned_unacknowledged", "ack closed"],
    "worse after acknowledgement asks again": ["ack acknowledged", "worse unacknowledged", "ack acknowledged"],
    "milder asks nobody": ["worse unacknowledged", "ack acknowledged", "milder acknowledged", "clear closed"],
    "shelved, then over, then off the shelf": ["shelve shelved", "clear shelved", "unshelve closed"],
    "shelved, then off the shelf while it stands": ["ack acknowledged", "shelve shelved", "unshelve unacknowledged"],
    "worse on the shelf comes off it": ["shelve shelved", "worse unacknowledged"],
    "milder on the shelf stays": ["worse unacknowledged", "shelve shelved", "milder shelved", "clear shelved"],
    "nobody acknowledges twice": ["ack acknowledged", "ack !"],
    "nobody acknowledges what is shelved": ["shelve shelved", "ack !"],
    "nobody shelves twice": ["shelve shelved", "shelve !"],
    "nobody unshelves what is not shelved": ["unshelve !"],
    "what is closed is closed": ["ack acknowledged", "clear closed", "ack !", "shelve !", "unshelve !"],
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_states(story: list[str]) -> None:
    alarm = the_raised()
    for n, step in enumerate(story, 1):
        action, expected = step.split()
        if expected == "!":
            with pytest.raises(NotAllowedError, match="the alarm is"):
                do(alarm, action, T0 + n)
            continue
        alarm = do(alarm, action, T0 + n)
        assert alarm.state == expected, step
        assert (alarm.acknowledged_by is None) == (alarm.acknowledged_at_ms is None)
        if alarm.state is AlarmState.UNACKNOWLEDGED:
            assert alarm.acknowledged_by is None


def do(alarm: Alarm, action: str, time_ms: int) -> Alarm:
    match action:
        case "ack":
            return lifecycle.acknowledge(alarm, "Zhang San", time_ms)
        case "shelve":
            return lifecycle.shelve(alarm, time_ms + 1000)
        case "unshelve":
            return lifecycle.unshelve(alarm)
    flips = {
        "worse": [(HIGH_HIGH, True)],
        "milder": [(HIGH_HIGH, False)],
        "clear": [(c, False) for c in sorted(alarm.active)],
    }[action]
    changed, _ = lifecycle.after_change(alarm, a_change(time_ms, *flips), time_ms)
    assert changed is not None
    return changed


def test_escalating_moves_condition_limit_and_severity() -> None:
    alarm, event = lifecycle.after_change(the_raised(), a_change(T0 + 1, (HIGH_HIGH, True), value=1.6), T0 + 1)
    assert alarm is not None
    assert event is EventType.ESCALATED
    assert (alarm.condition, alarm.limit, alarm.value, alarm.severity) == (HIGH_HIGH, 1.5, 1.6, Severity.RED)
    assert alarm.raised_at_ms == T0, "still the same alarm"


def test_an_escalation_is_taken_back_before_the_alarm_clears() -> None:
    both_end = a_change(T0 + 2, (HIGH, False), (HIGH_HIGH, False), value=0.5)
    escalated, event = lifecycle.after_change(the_raised(HIGH), a_change(T0 + 1, (HIGH_HIGH, True)), T0 + 1)
    assert event is EventType.ESCALATED
    first, second = lifecycle.in_steps(escalated, both_end)
    stepped_down, event = lifecycle.after_change(escalated, first, T0 + 2)
    assert event is EventType.DEESCALATED
    assert lifecycle.after_change(stepped_down, second, T0 + 2)[1] is EventType.CLEARED
    assert lifecycle.in_steps(the_raised(HIGH, HIGH_HIGH), both_end) == (both_end,), "nobody heard of an escalation"
    assert lifecycle.in_steps(stepped_down, second) == (second,)
    assert lifecycle.in_steps(None, both_end) == (both_end,)


def test_a_milder_condition_that_joins_is_no_event() -> None:
    alarm, event = lifecycle.after_change(the_raised(HIGH_HIGH), a_change(T0 + 1, (HIGH, True)), T0 + 1)
    assert event is None
    assert alarm == replace(the_raised(HIGH_HIGH), active=frozenset({HIGH, HIGH_HIGH}))


def test_the_end_of_what_never_stood_is_nothing() -> None:
    assert lifecycle.after_change(None, a_change(T0, (HIGH, False)), T0) == (None, None)


@pytest.mark.parametrize(
    ("condition", "worst", "at_ms", "state"),
    [
        (HIGH, Severity.ORANGE, T0 + 999, AlarmState.SHELVED),
        (HIGH, Severity.ORANGE, T0 + 1000, AlarmState.UNACKNOWLEDGED),
        (HIGH_HIGH, Severity.ORANGE, T0 + 999, AlarmState.UNACKNOWLEDGED),
        (HIGH_HIGH, Severity.RED, T0 + 999, AlarmState.SHELVED),
    ],
    ids=["no worse", "the shelf has ended", "worse", "as bad as was shelved"],
)
def test_a_raise_under_a_shelf(condition: Condition, worst: Severity, at_ms: int, state: AlarmState) -> None:
    change = a_change(T0 + 500, (condition, True))
    alarm, event = lifecycle.after_change(None, change, at_ms, Shelf(T0 + 1000, worst))
    assert alarm is not None
    assert (alarm.state, event) == (state, EventType.RAISED)


Step = tuple[str, list[tuple[Condition, bool]]]


@st.composite
def lives(draw: st.DrawFn) -> Iterator[tuple[Family, list[Step]]]:
    family = draw(st.sampled_from([Family.LIMIT_HIGH, Family.LIMIT_LOW, Family.FAULT]))
    flips = st.lists(st.tuples(st.sampled_from(FAMILY_CONDITIONS[family]), st.booleans()), min_size=1, max_size=3)
    person = st.sampled_from(["ack", "shelve", "unshelve"]).map(lambda a: (a, []))
    return family, draw(st.lists(st.one_of(flips.map(lambda f: ("engine", f)), person), max_size=20))


@given(lives())
def test_whatever_happens(life: tuple[Family, list[Step]]) -> None:
    family, steps = life
    order = FAMILY_CONDITIONS[family]
    alarm: Alarm | None = None
    for n, (who, flips) in enumerate(steps):
        before, event = alarm, None
        if who == "engine":
            standing = alarm if alarm is not None and alarm.active else None
            alarm, event = lifecycle.after_change(standing, a_change(T0 + n, *flips), T0 + n)
            alarm = alarm or before
        elif alarm is not None:
            try:
                alarm = do(alarm, who, T0 + n)
            except NotAllowedError:
                assert alarm == before
        if alarm is None:
            continue
        assert alarm.condition in order
        assert alarm.severity == SEVERITIES[alarm.condition] <= alarm.worst
        assert (alarm.cleared_at_ms is None) == bool(alarm.active)
        assert (alarm.shelved_until_ms is not None) == (alarm.state is AlarmState.SHELVED)
        if alarm.active:
            assert alarm.condition is lifecycle.worst_of(family, alarm.active)
            assert alarm.state not in (AlarmState.RETURNED_UNACKNOWLEDGED, AlarmState.CLOSED)
        else:
            assert alarm.state not in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)
        if before is not None and before.id == alarm.id:
            assert alarm.worst >= before.worst
            if event is EventType.ESCALATED:
                assert order.index(alarm.condition) > order.index(before.condition)
                assert alarm.state is AlarmState.UNACKNOWLEDGED
