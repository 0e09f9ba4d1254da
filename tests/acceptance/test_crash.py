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


def expected_events(point: int, start_ms: int) -> list[tuple[str, int]]:
    """Types and event times that a plain reading of the column gives."""
    events: list[tuple[str, int]] = []
    raised = escalated = False
    for second in range(SECONDS):
        v, t = value(point, second), start_ms + second * 1000
        if not raised and v >= 1.0:
            escalated = v >= 1.5
            raised = True
            events.append(("alarm.raised", t))
        elif raised and not escalated and v >= 1.5:
            escalated = True
            events.append(("alarm.escalated", t))
        elif raised and v < 1.0:
            if escalated and events[-1][0] == "alarm.escalated":
                events.append(("alarm.deescalated", t))
            events.append(("alarm.cleared", t))
            raised = escalated = False
    return events


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

        expected = {name: expected_events(point, start_ms) for point, name in enumerate(POINTS)}
        total = sum(map(len, expected.values()))
        wait_until(lambda: len(hazmon.receiver.deliveries) >= total, f"{total} notices", 60)
        told: dict[str, list[tuple[str, str]]] = {name: [] for name in POINTS}
        for delivery in hazmon.receiver.deliveries:
            told[delivery.event["data"]["point"]].append((delivery.event["type"], delivery.event["timestamp"]))
        iso = {name: [(type_, rfc3339(t)) for type_, t in events] for name, events in expected.items()}
        assert told == iso, f"seed {seed}: by point, in order, each once"

        wait_until(lambda: stored(influxd, influx_database) == SECONDS * len(POINTS), "every reading in the store", 40)
        for point, name in enumerate(POINTS):
            (series,) = influxd.query(f'SELECT "value" FROM "reading" WHERE "point" = \'{name}\'', influx_database)
            assert series["values"] == [[start_ms + s * 1000, value(point, s)] for s in range(SECONDS)]


def stored(influxd, database) -> int:
    series = influxd.query('SELECT count("value") FROM "reading"', database)
    return series[0]["values"][0][1] if series else 0
