"""kill -9 at random moments: what was published is stored once, every alarm is told, none is doubled."""

import json
import os
import random
import time

import paho.mqtt.client as mqtt
import pytest

from alerting.times import rfc3339
from tests.support.hazmon_process import HazmonProcess
from tests.support.servers import wait_until

pytestmark = pytest.mark.servers

POINTS = [f"CH4-{n:02d}" for n in range(20)]
PLANT = "enterprise,source,point,kind,placement,off_delay,no_data_after\n" + "".join(
    f"M001,face-1203,{point},ch4,T1,0s,-\n" for point in POINTS
)
SECONDS = 150
KILLS = 4


def value(point: int, second: int) -> float:
    """Each point goes over both limits and back once in 50 s, every one at its own time."""
    phase = (second + 7 * point) % 50
    return 1.2 if phase in (20, 23) else 1.7 if phase in (21, 22) else 0.4


def expected_stories(point: int, start_ms: int) -> list[list[tuple[str, str]]]:
    """The events of each alarm, with their times, that a plain reading of the column gives."""
    stories: list[list[tuple[str, str]]] = []
    standing: list[tuple[str, str]] = []
    for second in range(SECONDS):
        v, at = value(point, second), rfc3339(start_ms + second * 1000)
        types = [type_ for type_, _ in standing]
        if not standing and v >= 1.0:
            standing.append(("alarm.raised", at))
            worst_at_once = v >= 1.5
        elif standing and v >= 1.5 and not worst_at_once and "alarm.escalated" not in types:
            standing.append(("alarm.escalated", at))
        elif standing and v < 1.0:
            if "alarm.escalated" in types:
                standing.append(("alarm.deescalated", at))
            stories.append([*standing, ("alarm.cleared", at)])
            standing = []
    return [*stories, standing] if standing else stories


def test_nothing_is_lost_and_nothing_told_twice(mosquitto, influxd, influx_database):
    seed = int(os.environ.get("HAZMON_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"HAZMON_TEST_SEED={seed}")
    rng = random.Random(seed)
    start_ms = time.time_ns() // 1_000_000 - SECONDS * 1000
    with HazmonProcess(mosquitto.url, influxd.url(influx_database), PLANT) as hazmon:
        hazmon.wait_ready()
        gateway = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "gateway")
        gateway.connect("127.0.0.1", mosquitto.port)
        gateway.loop_start()
        kill_at = sorted(rng.sample(range(5, SECONDS - 5), KILLS))
        for second in range(SECONDS):
            sent = [
                gateway.publish(
                    f"hazmon/v1/M001/{name}",
                    json.dumps({"t": start_ms + second * 1000, "v": value(point, second)}),
                    qos=1,
                )
                for point, name in enumerate(POINTS)
            ]
            sent[-1].wait_for_publish(20)
            if second in kill_at:
                time.sleep(rng.random() * 0.05)  # somewhere between receipt, log, journal, store and delivery
                hazmon.kill()
                hazmon.start()
        hazmon.wait_ready()
        gateway.disconnect()
        gateway.loop_stop()

        expected = {name: expected_stories(point, start_ms) for point, name in enumerate(POINTS)}
        total = sum(len(story) for stories in expected.values() for story in stories)
        wait_until(lambda: len(hazmon.receiver.deliveries) >= total, f"{total} notices", 60)
        # Order is kept within an alarm; between alarms the worse one goes first.
        told: dict[str, dict[str, list[tuple[str, str]]]] = {name: {} for name in POINTS}
        for delivery in hazmon.receiver.deliveries:
            data = delivery.event["data"]
            story = told[data["point"]].setdefault(data["id"], [])
            story.append((delivery.event["type"], delivery.event["timestamp"]))
        by_point = {name: sorted(stories.values(), key=lambda s: s[0][1]) for name, stories in told.items()}
        assert by_point == expected, f"seed {seed}"

        rows = 'SELECT count("id") FROM "alarm_event"'
        wait_until(lambda: influxd.query(rows, influx_database)[0]["values"][0][1] == total, f"{total} event rows", 30)
        wait_until(lambda: stored(influxd, influx_database) == SECONDS * len(POINTS), "every reading in the store", 40)
        for point, name in enumerate(POINTS):
            (series,) = influxd.query(f'SELECT "value" FROM "reading" WHERE "point" = \'{name}\'', influx_database)
            assert series["values"] == [[start_ms + s * 1000, value(point, s)] for s in range(SECONDS)]


def stored(influxd, database) -> int:
    series = influxd.query('SELECT count("value") FROM "reading"', database)
    return series[0]["values"][0][1] if series else 0
