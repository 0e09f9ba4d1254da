"""Killed at any moment, and started again: nothing is lost and nothing doubled, to the byte."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alerting.errors import DeskError
from alerting.journal import Journal
from alerting.journal_schema import alarm, alarm_event, delivery
from alerting.notify.routing import Match, Route
from hazards.checks import Checks
from hazards.log import LimitsChanged, Readings, Tick
from hazards.readings import ReadingBatch
from tests.support.alerting_parts import T0, Mine

ROUTES = (
    Route(Match.of(severity=["red"]), ("control-room",), "continue"),
    Route(Match.of(family=["limit-high", "limit-low"]), ("duty",)),
)


class Crash(BaseException):
    """The process is gone."""


class Fuse:
    """Blows at the n-th thing that touches the disk: before a statement, before a commit, or right after one."""

    def __init__(self) -> None:
        self.passed = 0
        self.blows: list[int] = []
        """Steps from here to the next blow, and from that one to the one after."""

    def step(self, *_: Any) -> None:
        self.passed += 1
        if self.blows:
            self.blows[0] -= 1
            if self.blows[0] == 0:
                del self.blows[0]
                raise Crash

    def journal(self, url: str) -> Journal:
        journal = Journal(url)
        commit = journal.engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            self.step()
            commit(connection)
            self.step()

        journal.engine.dialect.do_commit = do_commit  # type: ignore[method-assign]
        sa.event.listen(journal.engine, "before_cursor_execute", self.step)
        # This process goes on, so what it wrote is there; waiting for the disk would only take time.
        with journal.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA synchronous=OFF")  # type: ignore[union-attr]
        return journal


def story(mine: Mine) -> Iterator[Callable[[], object]]:
    """What happens, step by step; what goes into the log is safe there before the step begins."""
    ch4_01, ch4_02, o2_01 = (mine.numbers[p] for p in ("CH4-01", "CH4-02", "O2-01"))

    def readings(time_ms: int, *values: tuple[int, float]) -> Readings:
        points, numbers = zip(*values, strict=True)
        return Readings(ReadingBatch.of(points, [time_ms] * len(points), numbers, [0] * len(points)), time_ms + 20)

    def act(act: Callable[[str], object]) -> Callable[[], object]:
        def once() -> None:
            (alarm,) = (a for a in mine.desk.open_alarms() if a.point == "CH4-01" and a.family == "limit-high")
            try:
                act(alarm.id)
            except DeskError as error:
                # A person whose click was answered by a crash clicks again, and reads that it is done.
                assert error.reason == "not_allowed"

        return once

    mine.limits()
    yield mine.settle
    mine.log.append([readings(T0 + 1000, (ch4_01, 1.2), (ch4_02, 0.3), (o2_01, 20.9))], T0 + 1030)
    yield mine.settle
    mine.clock.now_ms = T0 + 1500
    yield act(lambda id_: mine.desk.acknowledge(id_, "Zhang San"))
    mine.log.append([readings(T0 + 2000, (ch4_01, 1.7), (o2_01, 17.0)), Tick(T0 + 2000)], T0 + 2030)
    yield mine.settle
    mine.clock.now_ms = T0 + 2500
    yield act(lambda id_: mine.desk.shelve(id_, "Li Si", "belt splice", T0 + 4000))
    mine.log.append([readings(T0 + 3000, (ch4_01, 0.4), (o2_01, 19.0)), readings(T0 + 3500, (ch4_01, 1.2))], T0 + 3530)
    yield mine.settle
    mine.log.append([Tick(T0 + 4000), LimitsChanged(T0 + 4100, {o2_01: Checks()}), Tick(T0 + 5000)], T0 + 5030)
    yield mine.settle
    mine.log.append([readings(T0 + 6000, (ch4_01, 0.4)), Tick(T0 + 66_001)], T0 + 66_030)
    yield mine.settle


Rows = dict[str, list[tuple[Any, ...]]]


def play(mine: Mine, fuse: Fuse) -> tuple[Rows, int]:
    """The whole story; everything that the journal then holds, and how many steps it took."""
    before = fuse.passed
    for step in story(mine):
        started = True
        while True:
            try:
                if not started:
                    mine.restart()
                    started = True
                step()
                break
            except Crash:
                started = False
    steps = fuse.passed - before
    fuse.blows.clear()
    with mine.journal.reading() as connection:
        tables = (alarm, alarm_event, delivery)
        return {t.name: [tuple(r) for r in connection.execute(sa.select(t).order_by(t.c.id))] for t in tables}, steps


def a_mine(folder: Path, fuse: Fuse) -> Mine:
    folder.mkdir()
    return Mine(folder, routes=ROUTES, journal=fuse.journal, snapshot_every_ms=1500)


@pytest.fixture(scope="module")
def uncrashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, int]:
    fuse = Fuse()
    mine = a_mine(tmp_path_factory.mktemp("uncrashed") / "data", fuse)
    played = play(mine, fuse)
    mine.crash()
    return played


def test_the_story_itself(uncrashed: tuple[Rows, int]) -> None:
    rows, steps = uncrashed
    assert steps > 100
    assert sorted(r[3] for r in rows["alarm_event"]) == [
        "alarm.acknowledged",
        *["alarm.cleared"] * 3,
        *["alarm.deescalated"] * 2,
        "alarm.escalated",
        *["alarm.raised"] * 5,
        "alarm.shelved",
        *["alarm.unshelved"] * 2,
    ]


@pytest.mark.parametrize("part", range(6))
def test_a_crash_at_any_step_changes_nothing(tmp_path: Path, part: int, uncrashed: tuple[Rows, int]) -> None:
    """Every step once; every second time there is another crash soon after, most of them while starting again."""
    expected, steps = uncrashed
    for k in range(1 + part, steps + 1, 6):
        fuse = Fuse()
        mine = a_mine(tmp_path / str(k), fuse)
        fuse.blows = [k] if k % 2 else [k, 1 + k * 7 % 23]
        assert play(mine, fuse)[0] == expected, f"crash at step {k}"
        mine.crash()
