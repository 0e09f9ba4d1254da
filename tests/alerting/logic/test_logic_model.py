"""Logic points agree with a plain loop, whatever the batches, restarts and numbers."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.logic import LogicAlarms
from hazards.checks import Checks
from hazards.logic import LogicPoint
from hazards.plant import PointKey
from tests.support.logic_rig import ENTRIES, PLANTS, LogicRig, Reading, as_list, key
from tests.support.scalar_logic import ScalarWatch

Plant = tuple[list[Checks], list[LogicPoint], dict[PointKey, int]]
Entry = tuple[Any, ...]
Found = list[tuple[int, int, bool, int]]


def timed(entries: list[Entry], numbers: dict[PointKey, int]) -> list[Entry]:
    """Entries with numbers and times: each point's readings in order of time, points against each other in any."""
    last: dict[str, int] = {}
    now, out = 0, []
    for entry in entries:
        if entry[0] == "reading":
            _, name, step, value, quality = entry
            last[name] = last.get(name, now) + step
            now = max(now, last[name])
            out.append(("reading", (numbers[key(name)], last[name], value, quality)))
        elif entry[0] == "tick":
            now = max(0, now + entry[1])
            out.append(("tick", now))
        else:
            out.append(("limits", numbers[key(entry[1])], entry[2], now))
    return [*out, ("tick", now + 50)]


def play(rig: LogicRig | ScalarWatch, entry: Entry) -> Found:
    match entry:
        case ("reading", reading):
            found: list[Any] = rig.readings([reading])
        case ("tick", now):
            found = rig.tick(now)
        case (_, number, high, now):
            found = rig.limits(number, replace(rig.checks[number], high=high), now)
    return [tuple(change[:4]) for change in found]


@settings(max_examples=250, deadline=None)
@given(PLANTS, ENTRIES)
def test_it_agrees_with_the_scalar_model(plant: Plant, entries: list[Entry]) -> None:
    rig, model = LogicRig(*plant), ScalarWatch(*plant)
    for entry in timed(entries, plant[2]):
        assert play(rig, entry) == play(model, entry), entry


@settings(max_examples=120, deadline=None)
@given(PLANTS, ENTRIES, st.data())
def test_batches_may_be_cut_anywhere(plant: Plant, entries: list[Entry], data: st.DataObject) -> None:
    log = timed(entries, plant[2])
    uncut, cut = LogicRig(*plant), LogicRig(*plant)
    one_by_one: Found = []
    for entry in log:
        one_by_one += play(uncut, entry)
    batched: Found = []
    waiting: list[Reading] = []
    for entry in log:
        if entry[0] == "reading":
            waiting.append(entry[1])
            if data.draw(st.booleans()):
                continue
        batched += cut.readings(waiting)
        waiting = []
        if entry[0] != "reading":
            batched += play(cut, entry)
    order = lambda change: (change[3], change[0], change[1])  # noqa: E731
    assert sorted(batched, key=order) == sorted(one_by_one, key=order)
    assert cut.logic.snapshot() == uncut.logic.snapshot()


@settings(max_examples=120, deadline=None)
@given(PLANTS, ENTRIES, st.sets(st.integers(0, 40)))
def test_a_restart_anywhere_changes_nothing(plant: Plant, entries: list[Entry], restarts: set[int]) -> None:
    log = timed(entries, plant[2])
    steady, restarted = LogicRig(*plant), LogicRig(*plant)
    for position, entry in enumerate(log):
        if position in restarts:
            restarted = restarted.restored()
        assert play(restarted, entry) == play(steady, entry)
    assert restarted.logic.snapshot() == steady.logic.snapshot()


@settings(max_examples=60, deadline=None)
@given(PLANTS, ENTRIES)
def test_numbers_and_the_order_of_definitions_do_not_matter(plant: Plant, entries: list[Entry]) -> None:
    checks, definitions, numbers = plant
    names = sorted(numbers)
    plain = {name: number for number, name in enumerate(names)}
    one, other = LogicRig(*plant), LogicRig([checks[numbers[n]] for n in names], definitions[::-1], plain)
    back = {number: name for name, number in numbers.items()}
    again = {number: name for name, number in plain.items()}
    for a, b in zip(timed(entries, numbers), timed(entries, plain), strict=True):
        found = {(back[n], c, active, t) for n, c, active, t in play(one, a)}
        assert found == {(again[n], c, active, t) for n, c, active, t in play(other, b)}


@settings(max_examples=120, deadline=None)
@given(PLANTS, ENTRIES, st.sets(st.integers(0, 40)))
def test_where_readings_come_in_order_ticks_may_come_anywhere(
    plant: Plant, entries: list[Entry], more: set[int]
) -> None:
    """What the clock does between readings is no part of the truth."""
    log: list[Entry] = []
    now = 1
    for entry in entries:
        if entry[0] == "reading":
            now += entry[2]
            log.append(("reading", (plant[2][key(entry[1])], now, entry[3], entry[4])))
        elif entry[0] == "tick":
            log.append(("tick", now))
            now += 1  # what comes behind a tick is later
    log.append(("tick", now + 50))
    few, many = LogicRig(*plant), LogicRig(*plant)
    found_few: Found = []
    found_many: Found = []
    last_ms = 0
    for position, entry in enumerate(log):
        if entry[0] == "reading" and position in more and entry[1][1] - 1 > last_ms:
            found_many += play(many, ("tick", entry[1][1] - 1))
        last_ms = entry[1][1] if entry[0] == "reading" else entry[1]
        found_few += play(few, entry)
        found_many += play(many, entry)
    order = lambda change: (change[3], change[0], change[1])  # noqa: E731
    assert sorted(found_many, key=order) == sorted(found_few, key=order)


def test_an_empty_plant_has_no_logic() -> None:
    logic = LogicAlarms([], {})
    assert as_list(logic.tick(1000)) == []
    assert logic.standing == set()
