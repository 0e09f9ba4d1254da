"""Logic points in the engine over the log, with the plant's own files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from alerting.watch import Watch
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.log import Entry, LimitsChanged, Tick
from hazards.plant import Plant, PointKey
from hazards.plant_files import load_plant
from tests.support.logic_story import T0, LogicStory, told

PLANT = """\
[[enterprise]]
id = "M001"
region = "140105"
[[enterprise.source]]
id = "face"
type = "coal-mine"
"""
POINTS = """\
enterprise,source,point,kind,placement,on_delay,off_delay
M001,face,CH4-01,ch4,T1,0s,0s
M001,face,CH4-02,ch4,T0,0s,0s
M001,face,CH4-03,ch4,T0,0s,0s
M001,face,FAN-01,fan,main-fan,0s,0s
M001,face,FEED-01,feed,,0s,0s
"""
LOGIC = """\
[[logic]]
enterprise = "M001"
source = "face"
point = "VOTE"
when = "2 of (CH4-01:high, CH4-02:high, CH4-03:high)"
off_delay = "0s"
severity = "red"
[[logic]]
enterprise = "M001"
source = "face"
point = "FEED"
template = "feed-present-after-cut"
points = { cut = "CH4-01", feed = "FEED-01" }
[[logic]]
enterprise = "M001"
source = "face"
point = "BOTH"
when = "VOTE:high and FAN-01:low"
off_delay = "0s"
"""


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    for name, text in (("plant.toml", PLANT), ("points.csv", POINTS), ("logic.toml", LOGIC)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return load_plant(tmp_path)


def quiet(story: LogicStory, at_s: float) -> list[str]:
    found = story.say(at_s, CH4_01=0.2, CH4_02=0.2, CH4_03=0.2, FAN_01=1, FEED_01=1)
    return found + story.tick(at_s)


def test_two_of_three_becomes_one_of_two_becomes_blind_and_says_so(plant: Plant) -> None:
    story = LogicStory(plant)
    assert story.tick(0.5) == [], "nothing heard yet is no failure yet"
    assert quiet(story, 1) == []
    assert story.say(2, CH4_01=1.2) == ["CH4-01:high on 2"]
    assert story.tick(3) == [], "one of three is not two"
    assert story.say(3.5, quality=2, CH4_02=0) == ["CH4-02:fault on 3.5"]
    assert story.tick(4) == ["VOTE:high on 3.5"], "one of the two that are left"
    assert story.say(5, CH4_01=0.2) == ["CH4-01:high off 5"]
    assert story.tick(5) == ["VOTE:high off 5"]
    assert words(story, "VOTE") == "does not hold; degraded: M001/CH4-02 unknown; vote 2 of 3 is now 1 of 2"
    assert story.say(6, quality=2, CH4_03=0) == ["CH4-03:fault on 6"]
    assert story.tick(6) == ["VOTE:fault on 6"]
    assert words(story, "VOTE") == "blind: M001/CH4-02, M001/CH4-03 unknown; vote 2 of 3 is blind"
    assert story.say(7, CH4_03=0.1) == ["CH4-03:fault off 7"]
    assert story.tick(7) == ["VOTE:fault off 7"]


def words(story: LogicStory, point: str) -> str:
    from alerting.logic import describe

    assert story.watch.logic is not None
    return describe(*story.watch.logic.verdict(story.number(point))).en


def test_an_alarm_holds_while_nobody_can_know(plant: Plant) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(2, CH4_01=1.2, CH4_02=1.2)
    assert story.tick(2) == ["VOTE:high on 2"]
    story.say(3, quality=2, CH4_01=0, CH4_02=0)
    assert story.tick(3) == ["VOTE:fault on 3", "FEED:fault on 3"]
    story.say(4, quality=2, CH4_03=0)
    assert story.tick(5) == []
    story.say(6, CH4_01=0.1, CH4_02=0.1, CH4_03=0.1)
    assert story.tick(6) == ["VOTE:high off 6", "VOTE:fault off 6", "FEED:fault off 6"]


def test_silence_is_not_normal(plant: Plant) -> None:
    story = LogicStory(plant)
    assert story.say(1, CH4_02=0.1, CH4_03=0.1) == []
    assert story.tick(59) == []
    found = story.tick(61.5)
    assert "CH4-01:no_data on 60" in found, "never heard since the start"
    assert "FEED:fault on 60" in found
    assert "VOTE:fault on 61.001" not in found
    assert "VOTE:fault on 61" in found, "two of three are silent since"


def test_a_cut_command_that_does_not_cut(plant: Plant) -> None:
    """Feed anomaly: 40 s after the cut command there is still power."""
    story = LogicStory(plant)
    quiet(story, 1)
    assert story.say(10, CH4_01=1.6) == ["CH4-01:high on 10", "CH4-01:high_high on 10"]
    for t in range(11, 50):
        story.say(t, FEED_01=1, CH4_02=0.1, CH4_03=0.1, FAN_01=1)
        assert story.tick(t) == []
    assert story.tick(50) == ["FEED:high on 50"]
    story.say(55, FEED_01=0)
    assert story.tick(56) == ["FEED:high off 55"]


def test_a_cut_that_comes_in_the_last_moment_is_no_alarm(plant: Plant) -> None:
    """The tick at which the delay would run out also brings the change that ends it."""
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(10, CH4_01=1.6)
    assert story.tick(11) == []
    assert story.say(49.9, FEED_01=0) == ["FEED-01:low on 49.9"]
    assert story.tick(50) == []
    assert story.tick(60) == []


def test_logic_on_logic(plant: Plant) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    assert story.say(2, FAN_01=0) == ["FAN-01:low on 2"]
    story.say(3, CH4_01=1.2, CH4_02=1.2)
    assert story.tick(3) == ["VOTE:high on 3", "BOTH:high on 3"]
    story.say(4, CH4_01=0.2)
    assert story.tick(5) == ["VOTE:high off 4", "BOTH:high off 4"]


def test_inputs_of_one_moment_make_no_alarm_between_them(plant: Plant) -> None:
    """A scan in two messages: in the first the fan stops, in the second gas that stood until then is gone."""
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(10, CH4_01=1.2, CH4_02=1.2)
    assert story.tick(10) == ["VOTE:high on 10"]
    story.say(20, FAN_01=0)
    story.say(20, CH4_01=0.4)
    assert story.tick(21) == ["VOTE:high off 20"], "judged in order of arrival, BOTH would have been on for no time"


def test_a_check_that_is_switched_off_makes_blind(plant: Plant) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    off = {story.number(p): Checks(no_data_after_ms=600_000) for p in ("CH4-01", "CH4-02")}
    assert story.add(LimitsChanged(T0 + 2000, off), T0 + 2000) == []
    assert story.tick(3) == ["VOTE:fault on 2", "FEED:fault on 2"]
    assert "CH4-01" in words(story, "FEED")


def test_a_limit_that_is_moved_ahead_of_a_lagging_gateway_leaves_no_wrong_state(plant: Plant) -> None:
    """The change is stamped by the clock, readings behind it are older: what came last is what holds."""
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(2, CH4_01=1.2, CH4_02=1.2)
    story.tick(2)
    off, on = Checks(no_data_after_ms=60_000), story.plant.points[0].checks
    assert story.add(LimitsChanged(T0 + 9000, {0: off}), T0 + 9000) == ["CH4-01:high off 9"]
    assert story.add(LimitsChanged(T0 + 9000, {0: on}), T0 + 9000) == []
    assert story.say(8, CH4_01=1.2) == ["CH4-01:high on 8"]
    assert story.tick(9) == [], "off and on again in one moment"
    assert (story.number("VOTE"), Condition.HIGH) in story.watch.standing()


@pytest.mark.parametrize("at", range(1, 9))
def test_a_restart_anywhere_goes_on(plant: Plant, at: int) -> None:
    def lines(story: LogicStory) -> Iterator[Sequence[str]]:
        yield quiet(story, 1)
        yield story.say(2, CH4_01=1.2)
        yield story.say(2.5, quality=2, CH4_02=0)
        yield story.tick(3)
        yield story.say(4, FAN_01=0)
        yield story.tick(5)
        yield story.say(6, CH4_01=0.1)
        yield story.tick(6)
        yield story.tick(30)

    steady = [list(line) for line in lines(LogicStory(plant))]
    story, restarted = LogicStory(plant), []
    for position, line in enumerate(lines(story), start=1):
        restarted.append(list(line))
        if position == at:
            story.restart()
    assert restarted == steady
    assert sum(map(len, steady)) == 8


def test_a_snapshot_from_before_there_was_logic(plant: Plant) -> None:
    bare = Plant(plant.enterprises, plant.measured)
    story = LogicStory(bare)
    story.say(1, CH4_01=1.2, CH4_02=1.2, CH4_03=0.1, FAN_01=1, FEED_01=1)
    story.tick(1)
    story.keys = [p.key for p in plant.points]
    for state in (story.watch.state(), story.watch._engine.snapshot() if story.watch._engine else b""):
        watch = Watch(plant, lambda: story.keys)
        watch.restore(story.watch.limits(), state)
        new = {n: p.checks for n, p in enumerate(plant.points) if n >= len(bare.points)}
        assert told(watch, Entry(90, T0 + 2000, LimitsChanged(T0 + 2000, new))) == []
        assert told(watch, Entry(91, T0 + 3000, Tick(T0 + 3000))) == ["VOTE:high on 1"], "it holds since then"


def test_logic_waits_for_the_numbers_of_its_points(plant: Plant) -> None:
    """A new logic point has no number yet when the snapshot is read; the others go on once it has."""
    older = Plant(plant.enterprises, tuple(p for p in plant.points if p.id != "BOTH"), plant.logic[:2])
    story = LogicStory(older)
    quiet(story, 1)
    story.say(2, CH4_01=1.2, CH4_02=1.2)
    assert story.tick(2) == ["VOTE:high on 2"]
    story.restart(plant)
    assert story.watch.logic is None
    story.restart(plant)
    story.keys.append(PointKey("M001", "BOTH"))
    both = {story.number("BOTH"): plant.points[-1].checks}
    assert story.add(LimitsChanged(T0 + 3000, both), T0 + 3000) == []
    story.say(4, CH4_01=0.2)
    assert story.tick(4) == ["VOTE:high off 4"]


def test_a_logic_point_that_leaves_the_plant_ends_its_alarm(plant: Plant) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(2, CH4_01=1.2, CH4_02=1.2)
    assert story.tick(2) == ["VOTE:high on 2"]
    vote = story.number("VOTE")
    story.restart(Plant(plant.enterprises, plant.measured))
    assert (vote, Condition.HIGH) in story.watch.standing()
    story.restart()  # nothing has been said about it yet: a second restart keeps it
    story.restart(Plant(plant.enterprises, plant.measured))
    assert story.add(LimitsChanged(T0 + 5000, {vote: Checks()}), T0 + 5000) == ["VOTE:high off 5"]
    assert (vote, Condition.HIGH) not in story.watch.standing()


def test_what_stands_and_what_waits_goes_on_in_another_plant(plant: Plant) -> None:
    """A logic point is taken out: the others' alarms, delays and what they wait for are as they were."""
    story = LogicStory(plant)
    quiet(story, 1)
    story.say(10, CH4_01=1.6, CH4_02=1.2)
    assert story.tick(10) == ["VOTE:high on 10"]
    story.say(20, quality=2, CH4_02=0, CH4_03=0)
    story.say(21, CH4_01=1.6, FEED_01=1)
    assert story.tick(21) == []
    story.say(22, quality=2, CH4_01=0)
    assert story.tick(22) == ["VOTE:fault on 22", "FEED:fault on 22"]
    story.say(23, CH4_01=1.6)
    assert story.tick(23) == ["VOTE:fault off 23", "FEED:fault off 23"]
    left = Plant(plant.enterprises, tuple(p for p in plant.points if p.id != "BOTH"), plant.logic[:2])
    story.restart(left)
    story.restart()
    assert {c for n, c in story.watch.standing() if n == story.number("VOTE")} == {Condition.HIGH}
    story.say(40, CH4_01=1.6, FEED_01=1)
    assert story.tick(40) == []
    assert story.tick(50) == ["FEED:high on 50"], "40 s after the command, blind for a second or not"


def test_readings_of_a_logic_point_are_nobodys_to_send(plant: Plant) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    assert story.say(2, VOTE=1) == []
    assert story.say(3, quality=2, VOTE=0) == []
    assert story.tick(4) == []


@pytest.mark.parametrize("position", [0, 4, 20, -1])
def test_a_damaged_snapshot_is_refused(plant: Plant, position: int) -> None:
    story = LogicStory(plant)
    quiet(story, 1)
    state = bytearray(story.watch.state())
    state[position] ^= 0x40
    with pytest.raises(ValueError, match="snapshot"):
        Watch(plant, lambda: story.keys).restore(story.watch.limits(), bytes(state))
