"""Derived readings go into the log beside those they are made of, and a crash changes nothing of what comes of them."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from alerting.derived import Derivations
from alerting.watch import Watch
from hazards.checks import Checks
from hazards.derivation import Derivation, Function, Input
from hazards.log import Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import Name, Plant, Point, PointKey
from hazards.readings import ReadingBatch
from hazmon.derived_consumer import CONSUMER, DerivedConsumer, numbers_of
from ingest.directory import Directory
from ingest.errors import LogUnavailable
from ingest.log import SqliteLog
from ingest.stores.base import Store
from ingest.stores.open import open_store

T0 = 1_764_000_000_000
A, B, STEP, SUM, HIGHEST = KEYS = [PointKey("M001", p) for p in ("CH4-A", "CH4-B", "STEP", "SUM", "HIGHEST")]
DERIVATIONS = (
    Derivation(STEP, Function.DIFFERENCE, (Input(B), Input(A))),
    Derivation(SUM, Function.WINDOW_SUM, (Input(STEP),), window_ms=5_000),
    Derivation(HIGHEST, Function.MAX, (Input(SUM), Input(A))),
)


def plant(derivations: tuple[Derivation, ...] = DERIVATIONS) -> Plant:
    name = Name("甲烷", "methane")
    points = tuple(
        Point("M001", "face", key.point, "ch4", "T1", name, "%CH4", Checks(high=1.0, high_clear=0.9)) for key in KEYS
    )
    return Plant((), points, derivations=derivations)


class Rig:
    """A log in a folder, and a consumer of it that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = SqliteLog(folder / "log.db")
        self.numbers = self.log.point_ids(KEYS)
        self.now_ms = T0
        self.consumer = self.start()

    def start(self, derivations: tuple[Derivation, ...] = DERIVATIONS) -> DerivedConsumer:
        self.consumer = DerivedConsumer(
            self.log, plant(derivations), self.folder / "derived.state", lambda: self.now_ms
        )
        return self.consumer

    def append(self, *bodies: LogBody) -> None:
        self.now_ms += 1000
        self.log.append(bodies, self.now_ms)

    def read(self) -> None:
        while self.consumer.step():
            pass

    def entries(self) -> list[Entry]:
        return self.log.read(0, 100_000, 1 << 30)

    def derived(self) -> list[ReadingBatch]:
        made = set(self.numbers[2:].tolist())
        bodies = [e.body for e in self.entries()]
        return [b.batch for b in bodies if isinstance(b, Readings) and set(b.batch.point.tolist()) <= made]

    def latest(self) -> dict[tuple[int, int], str]:
        """The last derived reading of each point and time."""
        found: dict[tuple[int, int], str] = {}
        for batch in self.derived():
            columns = (batch.value.tolist(), batch.quality.tolist())
            places = zip(batch.point.tolist(), batch.time_ms.tolist(), strict=True)
            found.update(zip(places, map(repr, zip(*columns, strict=True)), strict=True))
        return found


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.log.close()


def readings(seed: int, n: int) -> list[Readings]:
    """Both inputs once a second, in entries of some seconds each."""
    rng = np.random.default_rng(seed)
    time_ms = np.repeat(T0 + 1000 * np.arange(n), 2)
    value, quality = rng.uniform(0, 0.5, 2 * n).round(2), rng.choice([0, 0, 0, 0, 0, 1, 2], 2 * n)
    point = np.tile([0, 1], n)
    cuts = np.sort(rng.integers(0, 2 * n, n // 3)).tolist()
    parts = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, 2 * n], strict=True) if a < b]
    return [
        Readings(ReadingBatch.of(point[s], time_ms[s], value[s], quality[s]), int(time_ms[s][-1]) + 50) for s in parts
    ]


def test_derived_readings_follow_with_the_receipt_of_what_they_are_made_of(rig: Rig) -> None:
    rig.append(Readings(ReadingBatch.of([0, 1], [T0, T0], [0.25, 0.75], [0, 0]), T0 + 7), Tick(T0 + 1000))
    rig.read()
    body = rig.entries()[-1].body
    assert isinstance(body, Readings)
    assert body.received_ms == T0 + 7
    assert body.batch.point.tolist() == [2, 3, 4]
    assert body.batch.value.tolist() == [0.5, 0.5, 0.5]
    assert rig.entries()[-1].appended_ms == rig.now_ms
    assert rig.consumer.offset == rig.log.last_offset == 3, "its own entry gives nothing more"
    assert rig.consumer.ready() == (True, "3 derived points")


def test_what_somebody_sends_for_a_derived_point_counts_for_nothing(rig: Rig) -> None:
    rig.append(Readings(ReadingBatch.of([2], [T0], [9.0], [0]), T0))
    rig.read()
    assert rig.log.last_offset == 1


def test_a_plant_without_derived_points_is_read_over(rig: Rig) -> None:
    rig.start(())
    rig.append(*readings(1, 10))
    last = rig.log.last_offset
    rig.read()
    assert rig.consumer.offset == rig.log.last_offset == last


def test_it_runs_in_a_thread_and_saves_at_the_end(rig: Rig) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=rig.consumer.run, args=(stop,))
    thread.start()
    rig.append(*readings(1, 20))
    end = time.monotonic() + 20
    while (not rig.derived() or rig.consumer.offset < rig.log.last_offset) and time.monotonic() < end:
        time.sleep(0.005)
    stop.set()
    thread.join(20)
    assert rig.log.consumer_offset(CONSUMER) == rig.log.last_offset
    assert rig.start().offset == rig.log.last_offset
    whole = Derivations(DERIVATIONS, numbers_of(rig.log, DERIVATIONS))
    assert len(whole.feed(ReadingBatch.concatenate([r.batch for r in readings(1, 20)]))) == len(rig.latest())


def changes(rig: Rig) -> list[str]:
    """What the engine makes of the log as it stands, the derived entries included."""
    watch = Watch(plant(), rig.log.point_keys)
    watch.feed(Entry(0, T0 - 1, LimitsChanged(T0 - 1, dict(enumerate(p.checks for p in plant().points)))))
    found = []
    for entry in rig.entries():
        found += [f"{c.point.id} {c.family} {c.flips} {c.time_ms} {c.value}" for c in watch.feed(entry)]
    return found


def stored(rig: Rig) -> list[tuple[str, list[object]]]:
    """What the store holds of the log as it stands."""
    store: Store = open_store("duckdb", "", rig.folder, Directory(rig.log, plant().points))
    try:
        for entry in rig.entries():
            if isinstance(entry.body, Readings):
                store.write(entry.body.batch)
        return [(key.point, list(map(repr, store.readings(key, 0, T0 * 2)))) for key in KEYS[2:]]
    finally:
        store.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_writes_some_results_again_which_changes_nothing(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bodies = readings(seed, 60)
    for name in ("whole", "crashed"):
        (tmp_path / name).mkdir()
    whole, crashed = Rig(tmp_path / "whole"), Rig(tmp_path / "crashed")
    for body in bodies:
        whole.append(body)
        whole.read()
        crashed.append(body)
        for _ in range(int(rng.integers(0, 3))):
            crashed.consumer.step()
        if rng.random() < 0.2:
            crashed.consumer.save()
        if rng.random() < 0.2:
            # Gone in the middle of saving: the state's file stays what it was.
            (crashed.folder / "derived.state.new").write_bytes(b"half a st")
            crashed.start()
    crashed.read()
    crashed.start()
    crashed.read()
    assert sum(map(len, crashed.derived())) > len(whole.latest()), "some results were written again"
    assert crashed.latest() == whole.latest()
    assert stored(crashed) == stored(whole)
    for rig in (whole, crashed):
        rig.log.close()


def test_the_engine_takes_what_is_written_again_as_late(rig: Rig) -> None:
    bodies = readings(3, 60)
    rig.append(*bodies[:10])
    rig.read()
    rig.consumer.save()
    rig.append(*bodies[10:])
    rig.read()
    before = changes(rig)
    assert any("SUM" in change for change in before)
    n = len(rig.derived())
    rig.start()
    rig.read()
    assert len(rig.derived()) > n
    assert changes(rig) == before


def test_results_wait_for_a_log_that_is_full(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.append(*readings(1, 20))
    refused = LogUnavailable("disk full")

    class Full:
        """The log, which takes nothing."""

        def __getattr__(self, name: str) -> object:
            return getattr(rig.log, name)

        def append(self, bodies: Sequence[LogBody], now_ms: int) -> int:
            raise refused

    consumer = rig.consumer
    consumer._log = Full()  # type: ignore[assignment]
    for _ in range(2):
        with pytest.raises(LogUnavailable):
            consumer.step()
    consumer.save()
    assert not (tmp_path / "derived.state").exists(), "the state is ahead of the log"
    assert consumer.offset == 0
    consumer._log = rig.log
    rig.read()
    whole = Derivations(DERIVATIONS, numbers_of(rig.log, DERIVATIONS))
    assert len(whole.feed(ReadingBatch.concatenate([r.batch for r in readings(1, 20)]))) == len(rig.latest())
    rig.log.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: b"",
        lambda state: b"something else",
        lambda state: state[:-1],
        lambda state: state[:-1] + bytes([state[-1] ^ 1]),
        lambda state: state[: len(b"hazmon derived 1\n")] + b"\xff" * 7 + b"\0" + state[25:],
    ],
)
def test_a_state_of_no_use_is_made_anew_from_the_log(rig: Rig, damage: object) -> None:
    assert callable(damage)
    rig.append(*readings(1, 20))
    rig.read()
    rig.consumer.save()
    before = rig.latest()
    file = rig.folder / "derived.state"
    file.write_bytes(damage(file.read_bytes()))
    assert rig.start().offset == 0
    rig.read()
    assert rig.latest() == before


def test_a_changed_derivation_begins_anew_and_the_others_go_on(rig: Rig) -> None:
    bodies = readings(5, 40)
    rig.append(*bodies[:12])
    rig.read()
    rig.consumer.save()
    changed = Derivation(HIGHEST, Function.MIN, (Input(SUM), Input(A)))
    rig.start((DERIVATIONS[0], DERIVATIONS[1], changed))
    rig.append(*bodies[12:])
    rig.read()
    once = Derivations(DERIVATIONS[:2], numbers_of(rig.log, DERIVATIONS))
    made = once.feed(ReadingBatch.concatenate([r.batch for r in bodies]))
    mine = {place: value for place, value in rig.latest().items() if place[0] != 4}
    rows = zip(made.point.tolist(), made.time_ms.tolist(), made.value.tolist(), made.quality.tolist(), strict=True)
    assert mine == {(p, t): repr((v, q)) for p, t, v, q in rows}
