"""The API over real parts, without broker or engine: a journal, a desk, a log, a store, and a plant of two enterprises.

``python -m tests.support.api_rig PORT`` serves it with a few alarms and prints a login link, for looking at the page.
"""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from fastapi import FastAPI

from alerting.alarm import Alarm, AlarmEvent, AlarmState
from alerting.desk import Desk, Step
from alerting.journal import Journal
from alerting.lifecycle import Change
from alerting.messages import Messages
from alerting.notify.routing import Router
from api.app import create_app
from api.keys import Keys, Role
from api.services import Services
from hazards.catalogue import load_catalogue
from hazards.checks import Checks
from hazards.condition import FAMILY_CONDITIONS, Condition, Severity, family_of
from hazards.log import LimitsChanged, Readings, Tick
from hazards.plant import Enterprise, Name, Plant, Point, PointKey, Source
from hazards.readings import ReadingBatch
from ingest.directory import Directory
from ingest.log import SqliteLog
from ingest.rejects import Rejects
from ingest.stats import IngestStats
from ingest.stores.duckdb import DuckdbStore

__all__ = ["CH4", "H2S", "LEVEL", "NOW_MS", "ApiRig", "sample_plant"]

NOW_MS = 1_795_446_245_123  # 2026-11-23T15:04:05.123Z
CH4 = PointKey("M001", "CH4-01")
CO = PointKey("M001", "CO-07")
WIND = PointKey("M001", "WIND-02")
H2S = PointKey("T001", "H2S-01")
LEVEL = PointKey("T001", "LT-101")


def sample_plant() -> Plant:
    """A mine with a face and a return airway, and a tank farm."""
    mine = (
        Source("M001", "face-1203", "coal-mine", Name("1203综采工作面", "Longwall face 1203")),
        Source("M001", "return-east", "coal-mine", Name("东翼回风巷", "East return airway")),
    )
    farm = (Source("T001", "tanks-1", "tank-farm", Name("一号罐区", "Tank farm 1")),)
    points = (
        Point(
            "M001", "face-1203", "CH4-01", "ch4", "T1", Name("工作面甲烷", "Methane at the face"), "%CH4",
            Checks(high=1.0, high_clear=0.9, high_high=1.5, high_high_clear=1.0, range_low=0, range_high=40),
            {Condition.HIGH: "AQ 1029-2019 table 1", Condition.HIGH_HIGH: "AQ 1029-2019 table 1"},
            {Condition.HIGH: Severity.ORANGE, Condition.HIGH_HIGH: Severity.RED},
        ),
        Point(
            "M001", "face-1203", "CO-07", "co", "face-return", Name("回风一氧化碳", "CO in the return"), "ppm",
            Checks(high=24.0, no_data_after_ms=60_000), {Condition.HIGH: "AQ 1029-2019"},
            {Condition.HIGH: Severity.ORANGE, Condition.NO_DATA: Severity.YELLOW},
        ),
        Point(
            "M001", "return-east", "WIND-02", "wind-speed", "", Name("东翼风速", "Air velocity, east"), "m/s",
            Checks(low=0.25, high=8.0), {}, {Condition.LOW: Severity.YELLOW},
        ),
        Point(
            "T001", "tanks-1", "H2S-01", "h2s", "", Name("泵房硫化氢", "H2S, pump house"), "mg/m3",
            Checks(high=10.0, high_high=20.0), {Condition.HIGH_HIGH: "GB/T 50493-2019 5.5.2"},
            {Condition.HIGH: Severity.ORANGE, Condition.HIGH_HIGH: Severity.RED},
        ),
        Point(
            "T001", "tanks-1", "LT-101", "level", "", Name("101罐液位", "Level, tank 101"), "%",
            Checks(low=10.0, high=85.0, high_high=90.0), {}, {Condition.HIGH: Severity.BLUE},
        ),
    )  # fmt: skip
    return Plant(
        (
            Enterprise("M001", Name("示例煤矿", "Sample colliery"), "140105", 37.8, 112.6, mine),
            Enterprise("T001", Name("示例罐区", "Sample tank farm"), "140431", 36.5, 112.3, farm),
        ),
        points,
    )


@dataclass
class ApiRig:
    """All parts, in a folder, with a clock that stands until it is moved."""

    folder: Path
    session_secret: bytes | None = None
    login_code: str | None = None
    plant: Plant = field(default_factory=sample_plant)
    now_ms: int = NOW_MS
    ready: dict[str, tuple[bool, str]] = field(default_factory=lambda: {"broker": (True, ""), "store": (True, "")})

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.catalogue = load_catalogue()
        self.journal = Journal(f"sqlite:///{self.folder / 'journal.db'}")
        self.log = SqliteLog(self.folder / "log.db")
        self.directory = Directory(self.log, self.plant.points)
        self.rejects = Rejects(self.folder / "rejects.db")
        self.store = DuckdbStore(self.folder / "readings.duckdb", self.directory)
        self.stats = IngestStats()
        self.desk = Desk(self.journal, lambda: self.now_ms, Router(), Messages(self.plant, self.catalogue.kinds))
        self.keys = Keys(self.journal, lambda: self.now_ms)
        self.limits_set: list[tuple[PointKey, Mapping[str, float], str, str]] = []
        self._points = {p.key: p for p in self.plant.points}

    @property
    def services(self) -> Services:
        """As `hazmon.service` would make them."""
        return Services(
            journal=self.journal,
            desk=self.desk,
            keys=self.keys,
            plant=self.plant,
            catalogue=self.catalogue,
            log=self.log,
            store=self.store,
            rejects=self.rejects,
            stats=self.stats,
            clock_ms=lambda: self.now_ms,
            set_limits=self._set_limits,
            readiness=lambda: self.ready,
            consumer_offsets=lambda: {"alerting": self.log.last_offset, "store": self.log.last_offset},
            version="0.0.test",
            session_secret=self.session_secret,
            login_code=self.login_code,
        )

    def app(self) -> FastAPI:
        """A new application over these parts."""
        return create_app(self.services)

    def close(self) -> None:
        """Release the files."""
        self.journal.close()
        self.log.close()
        self.rejects.close()
        self.store.close()

    def key(self, role: Role, enterprise: str | None = None) -> str:
        """A new key."""
        return self.keys.create(role, f"test {role.word}", enterprise)

    def number(self, key: PointKey) -> int:
        """Of a point, in the log."""
        return int(self.log.point_ids([key])[0])

    def change(
        self, key: PointKey, flips: Mapping[Condition, bool], value: float = math.nan, time_ms: int | None = None
    ) -> AlarmEvent | None:
        """What the desk makes of conditions of one family that begin (True) or end (False)."""
        at_ms = self.now_ms if time_ms is None else time_ms
        change = Change(
            point=self._points[key],
            number=self.number(key),
            family=family_of(next(iter(flips))),
            flips=tuple(flips.items()),
            time_ms=at_ms,
            value=value,
            checks=self._points[key].checks,
        )
        with self._lock:
            events = self.desk.apply([Step(at_ms=at_ms, received_ms=at_ms, changes=[change])], self.log.last_offset)
        return events[0] if events else None

    def raise_alarm(self, key: PointKey = CH4, condition: Condition = Condition.HIGH, value: float = 1.2) -> Alarm:
        """A new alarm, unacknowledged; one that stands there already ends before. The clock goes on by seconds."""
        self.now_ms += 1000
        for standing in self.journal.open_alarms_of(*key):
            if standing.state is AlarmState.SHELVED:
                self.desk.unshelve(standing.id, "test")
        self.change(key, dict.fromkeys(FAMILY_CONDITIONS[family_of(condition)], False), 0.5)
        self.now_ms += 1000
        event = self.change(key, {condition: True}, value)
        assert event is not None
        return event.alarm

    def send(self, key: PointKey, time_ms: int, value: float, quality: int = 0) -> None:
        """A reading into the log and the store."""
        self.send_many(key, np.array([time_ms]), np.array([value]), np.array([quality]))

    def send_many(self, key: PointKey, time_ms: np.ndarray, value: np.ndarray, quality: np.ndarray) -> None:
        """Readings into the log and the store."""
        batch = ReadingBatch.of(np.full(len(time_ms), self.number(key)), time_ms, value, quality)
        self.log.append([Readings(batch, self.now_ms), Tick(self.now_ms)], self.now_ms)
        self.store.write(batch)

    def _set_limits(self, key: PointKey, changes: Mapping[str, float], by: str, reason: str) -> Checks:
        self.limits_set.append((key, changes, by, reason))
        point = self._points[key]
        checks = replace(point.checks, **changes)
        self._points[key] = replace(point, checks=checks)
        self.log.append([LimitsChanged(self.now_ms, {self.number(key): checks})], self.now_ms)
        return checks


def _show(port: int) -> None:
    """Serve the console with a history, a few alarms, and readings that go on."""
    import tempfile
    import time

    import uvicorn

    with tempfile.TemporaryDirectory() as folder:
        rig = ApiRig(Path(folder), session_secret=b"s" * 32, login_code="look", now_ms=int(time.time() * 1000))
        start_ms = rig.now_ms - 6 * 3_600_000
        steps = np.arange(start_ms, rig.now_ms, 5000)
        rng = np.random.default_rng(1)
        for key, base, swing in (
            (CH4, 0.55, 0.1),
            (CO, 9.0, 2.0),
            (WIND, 1.6, 0.2),
            (H2S, 1.0, 0.4),
            (LEVEL, 62.0, 3.0),
        ):
            hours = (steps - start_ms) / 3_600_000
            value = base + swing * np.sin(hours * 1.3) + rng.normal(0, swing / 5, len(steps))
            if key == CH4:
                value += 1.2 * np.exp(-(((hours - 5.72) / 0.05) ** 2)) + 0.7 * np.exp(-(((hours - 3) / 0.1) ** 2))
            quality = np.where((hours > 4.2) & (hours < 4.35), 2, 0)
            quality = np.where((hours > 1.5) & (hours < 1.7), 3, quality)
            keep = ~((hours > 2.2) & (hours < 2.4))
            rig.send_many(key, steps[keep], value[keep], quality[keep])
        now_ms = rig.now_ms
        old_ms = start_ms + int(2.9 * 3_600_000)
        rig.change(CH4, {Condition.HIGH: True}, 1.05, old_ms)
        rig.change(CH4, {Condition.HIGH: False}, 0.85, old_ms + 900_000)
        for alarm in rig.journal.open_alarms():
            rig.desk.acknowledge(alarm.id, "王建国", "已到现场，正在加强通风")
        begun = start_ms + int(5.68 * 3_600_000)
        rig.change(CH4, {Condition.HIGH: True}, 1.12, begun)
        rig.change(CH4, {Condition.HIGH_HIGH: True}, 1.62, begun + 60_000)
        rig.change(CO, {Condition.HIGH: True}, 26.5, now_ms - 600_000)
        rig.desk.acknowledge(rig.journal.open_alarms()[-1].id, "李伟", "通知瓦检员")
        rig.change(H2S, {Condition.HIGH_HIGH: True}, 23.0, now_ms - 95_000)
        rig.change(H2S, {Condition.HIGH_HIGH: False}, 8.0, now_ms - 35_000)
        rig.change(WIND, {Condition.LOW: True}, 0.21, now_ms - 4_000_000)
        rig.change(LEVEL, {Condition.HIGH: True}, 86.0, now_ms - 7_000_000)
        level = next(a for a in rig.journal.open_alarms() if a.point == LEVEL.point)
        rig.desk.shelve(level.id, "赵敏", "正在倒罐，液位计校验", now_ms + 3_600_000)
        rig.ready = {"broker": (True, ""), "store": (True, ""), "alerting": (True, ""), "notify": (True, "")}
        app = rig.app()

        def live() -> None:
            while True:
                rig.now_ms = int(time.time() * 1000)
                for key, base in ((CH4, 1.3), (CO, 25.0), (WIND, 0.22), (H2S, 2.0), (LEVEL, 86.0)):
                    rig.send(key, rig.now_ms, base + rng.normal(0, base / 40))
                    rig.stats.add(received_readings=1)
                time.sleep(1)

        threading.Thread(target=live, daemon=True).start()
        print(f"http://127.0.0.1:{port}/login?code=look", rig.key(Role.OPERATOR))
        uvicorn.run(app, port=port, log_level="warning", ws="wsproto")


if __name__ == "__main__":
    import sys

    _show(int(sys.argv[1]))
