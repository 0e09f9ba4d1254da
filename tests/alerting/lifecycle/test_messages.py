"""The sentences that officers read, word for word."""

from pathlib import Path

import pytest

from alerting import texts
from alerting.alarm import Cause, Decision, EventType
from alerting.lifecycle import Change, after_change
from alerting.messages import Messages, plain_numbers
from hazards.catalogue import load_catalogue
from hazards.checks import Checks
from hazards.condition import Condition, Family, Severity
from hazards.plant import Name
from hazards.plant_files import load_plant
from tests.support.alerting_parts import O2, T0, Mine, a_plant, a_point


@pytest.mark.parametrize(
    ("value", "limit", "shown"),
    [
        (1.623, 1.5, ("1.62", "1.50")),
        (31.0, 24.0, ("31", "24")),
        (24.4, 24.0, ("24.4", "24.0")),
        (1.4999, 1.5, ("1.4999", "1.5000")),
        (1025.36, 1025.0, ("1025.4", "1025.0")),
        (1.5, 1.5, ("1.50", "1.50")),
        (0.0, 0.0, ("0", "0")),
        (-3.25, -3.0, ("-3.25", "-3.00")),
        (12345.6, None, ("12346", "")),
    ],
)
def test_numbers(value: float, limit: float | None, shown: tuple[str, str]) -> None:
    assert plain_numbers(value, limit) == shown


PLANT = a_plant(
    a_point(name=Name("上隅角甲烷", "corner methane")),
    a_point("CH4-02", checks=Checks(rate_per_s=0.01, rate_window_ms=10_000, frozen_after_ms=900_000)),
    a_point("O2-01", "o2", O2),
    a_point("FAN-1", "fan", Checks(low=0.0), placement=""),
    a_point("XYZ-1", "not-in-the-catalogue", Checks(high=3.0, no_data_after_ms=60_000), source="nowhere"),
)


@pytest.fixture
def mine(tmp_path: Path) -> Mine:
    mine = Mine(tmp_path, PLANT)
    mine.limits(
        **{p.id.replace("-", "_"): p.checks for p in PLANT.points if p.id != "CH4-01"}
        | {"CH4_01": Checks(high=1.0, high_high=1.5)}
    )
    mine.settle()
    return mine


def last(mine: Mine) -> Name:
    return mine.journal.events_after(mine.journal.last_seq - 1)[0].alarm.message


def test_the_life_of_a_methane_alarm_in_words(mine: Mine) -> None:
    todo = load_catalogue().kinds["ch4"].at("T1").guidance
    cut, alarm_value = todo[Condition.HIGH_HIGH], todo[Condition.HIGH]
    mine.say("CH4-01", T0 + 3000, 1.62)
    assert last(mine) == Name(
        f"【红色】示例煤矿 1203综采工作面 CH4-01（上隅角甲烷）甲烷 1.62 %CH4，达到或超过 1.50，23:00:03 起。{cut.zh}",
        "RED: Sample colliery, Longwall face 1203, CH4-01 (corner methane): Methane 1.62 %CH4, at or above 1.50, "
        f"since 23:00:03. {cut.en}",
    )
    mine.say("CH4-01", T0 + 4000, 1.2)
    assert last(mine) == Name(
        "【橙色】降级：示例煤矿 1203综采工作面 CH4-01（上隅角甲烷）甲烷 1.20 %CH4，达到或超过 1.00，"
        f"23:00:04 起。{alarm_value.zh}",
        "ORANGE, stepped down: Sample colliery, Longwall face 1203, CH4-01 (corner methane): Methane 1.20 %CH4, "
        f"at or above 1.00, since 23:00:04. {alarm_value.en}",
    )
    mine.clock.now_ms = T0 + 5000
    mine.desk.acknowledge(mine.alarm().id, "Zhang San")
    assert last(mine).en.endswith("at or above 1.00. Zhang San took it at 23:00:05.")
    mine.desk.shelve(mine.alarm().id, "Zhang San", "belt splice", T0 + 7_200_000)
    assert last(mine).en.endswith("Zhang San shelved it until 2026-11-24 01:00:00: belt splice."), "the day is another"
    mine.say("CH4-01", T0 + 68_000, 0.2)
    assert last(mine) == Name(
        "【解除】示例煤矿 1203综采工作面 CH4-01（上隅角甲烷）甲烷 0.20 %CH4，已低于限值。"
        "23:00:03 至 23:01:08，历时1分钟5秒。",
        "CLEARED: Sample colliery, Longwall face 1203, CH4-01 (corner methane): "
        "Methane 0.20 %CH4, below its limit again. From 23:00:03 to 23:01:08, 1 min 5 s.",
    )


@pytest.mark.parametrize(
    ("point", "readings", "zh", "en"),
    [
        ("O2-01", [17.5], "氧气 17.5 %VOL，达到或低于 18.0", "Oxygen 17.5 %VOL, at or below 18.0"),
        ("O2-01", [17.5, 20.9], "已高于限值", "above its limit again"),
        (
            "CH4-02",
            [0.1, 0.9],
            "甲烷 0.90 %CH4，变化过快，每分钟达到或超过 0.60 %CH4",
            "changing by 0.60 %CH4 a minute or more",
        ),
        ("CH4-02", [0.1] * 91, "甲烷 0.10 %CH4，15分钟没有变化", "unchanged for 15 min; the sensor may be stuck"),
        ("CH4-02", [float("nan")], "甲烷传感器故障或超出量程", "Methane: sensor fault or out of its range"),
        (
            "XYZ-1",
            [3.5],
            "示例煤矿 nowhere XYZ-1 not-in-the-catalogue 3.50，达到或超过 3.00",
            "not-in-the-catalogue 3.50, at or above",
        ),
        ("FAN-1", [0.0], "", ""),
    ],
)
def test_conditions_in_words(mine: Mine, point: str, readings: list[float], zh: str, en: str) -> None:
    for k, value in enumerate(readings):
        mine.say(point, T0 + 1000 + k * 10_000, value)
    message = last(mine)
    assert zh in message.zh
    assert en in message.en


def test_a_limit_that_still_holds_is_not_said_to_be_exceeded(mine: Mine) -> None:
    """high 1.0 clears below 0.8, high_high 1.5 at itself: at 0.9 the power cut is over and the alarm is not."""
    mine.limits(T0 + 500, CH4_01=Checks(high=1.0, high_clear=0.8, high_high=1.5))
    mine.say("CH4-01", T0 + 1000, 1.6)
    assert mine.say("CH4-01", T0 + 2000, 0.9) == ["alarm.deescalated"]
    assert "甲烷 0.90 %CH4，限值 1.00，尚未复位" in last(mine).zh
    assert "Methane 0.90 %CH4, limit 1.00, not cleared yet" in last(mine).en


def test_a_switch_is_told_by_the_name_of_its_state(mine: Mine) -> None:
    mine.say("FAN-1", T0 + 1000, 0.0)
    fan = load_catalogue().kinds["fan"]
    assert f"{fan.name.zh}：{fan.states[0].zh}" in last(mine).zh
    assert f"{fan.name.en}: {fan.states[0].en}" in last(mine).en


def test_silence_says_how_long_and_never_that_data_were_late(mine: Mine) -> None:
    mine.tick(T0 + 600_000)
    mine.settle()
    assert "超过1分钟没有数据" in last(mine).zh
    assert "late data" not in last(mine).en


def test_times_are_those_of_the_clock_on_the_wall(tmp_path: Path) -> None:
    mine = Mine(tmp_path, PLANT)
    mine.limits()
    mine.say("CH4-01", T0 + 3000, 1.62)
    event = mine.journal.events_after(0)[0]
    decision = Decision(alarm=event.alarm, type=event.type, time_ms=event.time_ms, at_ms=event.at_ms)
    assert "15:00:03" in Messages(PLANT, load_catalogue().kinds, "UTC").sentence(decision).en


def test_there_is_a_text_for_everything() -> None:
    assert set(texts.SEVERITIES) == set(Severity)
    assert set(texts.CONDITIONS) == set(texts.WAS) == set(Condition)
    assert set(texts.EVENTS) == set(EventType)
    assert set(texts.CAUSES) == set(Cause)


def test_a_blind_logic_point_is_not_called_a_sensor_and_has_its_own_guidance() -> None:
    plant = load_plant(Path(__file__).parents[3] / "simulators" / "plant")
    point = next(p for p in plant.points if p.id == "GAS-2OO4")
    change = Change(
        point=point,
        number=0,
        family=Family.FAULT,
        flips=((Condition.FAULT, True),),
        time_ms=T0,
        value=float("nan"),
        checks=point.checks,
    )
    alarm, event = after_change(None, change, T0)
    assert alarm is not None
    decision = Decision(alarm=alarm, type=event, time_ms=T0, at_ms=T0)
    sentence = Messages(plant, load_catalogue().kinds).sentence(decision)
    assert "失去判断：输入未知" in sentence.zh
    assert "传感器故障" not in sentence.zh
    assert "blind, its inputs are unknown" in sentence.en
