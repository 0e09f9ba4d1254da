"""A real recording through the whole system: replayed over MQTT as a mine's return sensor, its alarms counted."""

import subprocess
from datetime import datetime

import pytest

from alerting.times import rfc3339
from tests.support.hazmon_process import HazmonProcess
from tests.support.longwall import PLANT_POINTS, episodes, recording_file
from tests.support.servers import wait_until

pytestmark = pytest.mark.servers

START = "2026-01-05T07:00:00+08:00"
START_MS = int(datetime.fromisoformat(START).timestamp() * 1000)


def all_alarms(hazmon: HazmonProcess, key: str) -> list[dict]:
    alarms, cursor = [], ""
    while True:
        _, body = hazmon.call("GET", f"/api/v1/alarms?limit=100{cursor}", key)
        alarms += body["items"]
        if body["next"] is None:
            return alarms
        cursor = f"&cursor={body['next']}"


def test_replayed_alarms_are_those_of_a_plain_reading(mosquitto):
    file = recording_file()
    expected = [
        (START_MS + raised, None if cleared is None else START_MS + cleared) for raised, cleared in episodes(file)
    ]
    with HazmonProcess(mosquitto.url, "duckdb", PLANT_POINTS) as hazmon:
        hazmon.wait_ready()
        replayed = subprocess.run(
            [
                hazmon.program, "replay", str(file), "--broker", mosquitto.url, "--map", "MM116=M001/MM116",
                "--speed", "max", "--start", START,
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert replayed.returncode == 0, replayed.stderr
        assert "13368 readings" in replayed.stdout
        ends = sum(1 for _, cleared in expected if cleared is not None)
        wait_until(
            lambda: (
                hazmon.events().count("alarm.raised") == len(expected)
                and hazmon.events().count("alarm.cleared") == ends
            ),
            f"{len(expected)} alarms, {ends} of them over",
            60,
        )
        viewer = hazmon.key("viewer")
        alarms = sorted(all_alarms(hazmon, viewer), key=lambda a: a["raised_at"])
        assert [(a["raised_at"], a["cleared_at"]) for a in alarms] == [
            (rfc3339(raised), None if cleared is None else rfc3339(cleared)) for raised, cleared in expected
        ]
        assert all(a["late"] for a in alarms), "alarms out of a recording say so"
        end_ms = START_MS + 13_368 * 30_000
        path = f"/api/v1/points/M001/MM116/readings?start={START_MS}&end={end_ms}&every=1h"
        buckets = wait_until(
            lambda: (b := hazmon.call("GET", path, viewer)[1]["items"]) and sum(x["n"] for x in b) == 13_368 and b,
            "all readings in the store",
            30,
        )
        assert max(b["max"] for b in buckets) > 1.0
