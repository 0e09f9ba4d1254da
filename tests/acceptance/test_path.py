"""One reading's way, on real parts: published, stored, an alarm, a signed webhook, acknowledged, cleared."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import paho.mqtt.client as mqtt
import pytest

from tests.support.hazmon_process import METHANE_POINTS, HazmonProcess
from tests.support.servers import Mosquitto, wait_until

pytestmark = pytest.mark.servers

HOT = "hazmon/v1/M001/CH4-01"


def readings(hazmon: HazmonProcess, key: str, point: str, start_ms: int, end_ms: int) -> list[dict]:
    path = f"/api/v1/points/M001/{point}/readings?start={start_ms}&end={end_ms}"
    status, body = hazmon.call("GET", path, key)
    assert status == 200, body
    return body["items"]


def test_a_reading_reaches_the_duty_officer_and_is_dealt_with(hazmon, publish, now_ms):
    t0 = now_ms - 15_000
    steps = [
        # value, webhooks it causes
        (0.9, []),
        (1.2, ["alarm.raised"]),
        (1.6, ["alarm.escalated"]),
        (1.2, []),  # the cut holds until below 1.0
    ]
    told: list[str] = []
    for k, (value, events) in enumerate(steps):
        publish(HOT, {"t": t0 + k * 1000, "v": value})
        told += events
        wait_until(lambda: hazmon.events("CH4-01") == told, f"{told} after {value}")  # noqa: B023

    first = hazmon.receiver.deliveries[0].event["data"]
    assert first["enterprise"] == "M001"
    assert first["source"] == "face-1203"
    assert (first["kind"], first["unit"], first["value"], first["limit"]) == ("ch4", "%CH4", 1.2, 1.0)
    assert (first["condition"], first["severity"], first["state"]) == ("high", "orange", "unacknowledged")
    assert first["standard"].startswith("AQ 1029-2019")
    assert "1203综采工作面" in first["message"]["zh"]
    assert "Longwall face 1203" in first["message"]["en"]
    worse = hazmon.receiver.deliveries[1].event["data"]
    assert (worse["id"], worse["condition"], worse["severity"]) == (first["id"], "high_high", "red")

    operator = hazmon.key("operator")
    status, body = hazmon.call("GET", "/api/v1/alarms?state=unacknowledged", operator)
    assert status == 200
    assert [a["id"] for a in body["items"]] == [first["id"]]
    status, alarm = hazmon.call(
        "POST", f"/api/v1/alarms/{first['id']}/acknowledge", operator, {"comment": "班长已到现场"}
    )
    assert status == 200, alarm
    assert (alarm["state"], alarm["acknowledged_by"]) == ("acknowledged", "test-operator")
    told.append("alarm.acknowledged")
    wait_until(lambda: hazmon.events("CH4-01") == told, str(told))

    publish(HOT, {"t": t0 + 4000, "v": 0.9})
    told += ["alarm.deescalated", "alarm.cleared"]
    wait_until(lambda: hazmon.events("CH4-01") == told, str(told))

    status, alarm = hazmon.call("GET", f"/api/v1/alarms/{first['id']}", operator)
    assert status == 200
    assert (alarm["state"], alarm["worst"]) == ("closed", "red")
    assert "班长已到现场" in json.dumps(alarm, ensure_ascii=False)
    wait_until(
        lambda: len(readings(hazmon, operator, "CH4-01", t0, now_ms + 60_000)) == 5, "five readings in the store"
    )
    assert [r["v"] for r in readings(hazmon, operator, "CH4-01", t0, now_ms)] == [0.9, 1.2, 1.6, 1.2, 0.9]
    assert hazmon.receiver.refused == 0, "every signature was right"


GARBAGE = [
    (HOT, b"{not json", "not JSON"),
    (HOT, b'{"t": 1764000000123, "v": "high"}', "a text for a number"),
    (HOT, b'{"v": NaN}', "NaN is no JSON"),
    (HOT, b'{"v": [1.9]}', "a list for a number"),
    (HOT, b'{"t": "yesterday", "v": 1.9}', "no time"),
    (HOT, b'{"t": 1000, "v": 1.9}', "1970"),
    (HOT, b'{"v": 1.9, "q": 9}', "no such quality"),
    (HOT, b'{"a":' * 100_000, "deep nesting"),
    (HOT, b'{"v": ' + b" " * 10_000_000 + b"1.9}", "10 MB"),
    (HOT, b"\xff\xfe\x00", "not UTF-8"),
    (HOT, b"", "empty"),
    ("hazmon/v1/M001/CH4-01/deeper", b'{"v": 1.9}', "wrong topic"),
    ("hazmon/v1/M001/NOBODY", b'{"v": 1.9}', "unknown point"),
    ("hazmon/v1/M002", b'{"p": ["CH4-01"], "v": [1.9]}', "unknown enterprise"),
    ("hazmon/v1/M001", b'{"p": ["CH4-01", "CH4-02"], "v": [1.9]}', "lengths differ"),
]


def test_garbage_is_listed_and_counted_and_touches_nothing_else(hazmon, publish, now_ms):
    engineer = hazmon.key("engineer")
    for topic, payload, _ in GARBAGE:
        publish(topic, payload)
    ahead = now_ms + 3_600_000
    publish("hazmon/v1/M001/CH4-02", {"t": ahead, "v": 0.3})
    publish("hazmon/v1/M001/CH4-03", {"t": now_ms, "v": 0.4})
    publish("hazmon/v1/M001/CH4-03", {"t": now_ms, "v": 0.4})  # twice the same

    def listed() -> list[dict]:
        _, body = hazmon.call("GET", "/api/v1/rejects?limit=100", engineer)
        return body["items"]

    wait_until(lambda: len(listed()) == len(GARBAGE), f"{len(GARBAGE)} rejects")
    assert all(r["reason"] and r["topic"] and r["received_at"] for r in listed())
    _, unknown = hazmon.call("GET", "/api/v1/unknown-points", engineer)
    assert {(u["enterprise"], u["point"], u["last"]["v"]) for u in unknown["items"]} == {
        ("M001", "NOBODY", 1.9),
        ("M002", "CH4-01", 1.9),
    }

    later = ahead + 60_000
    (future,) = wait_until(lambda: readings(hazmon, engineer, "CH4-02", now_ms - 1000, later), "the future reading")
    assert future["q"] == 1, "kept as UNCERTAIN"
    assert abs(future["t"] - now_ms) < 60_000, "with the time of receipt"
    same = wait_until(lambda: readings(hazmon, engineer, "CH4-03", now_ms - 1000, later), "the double reading")
    assert len(same) == 1, "one reading, however often it comes"
    assert readings(hazmon, engineer, "CH4-01", 0, later) == []
    assert hazmon.events() == []
    _, metrics = hazmon.call("GET", "/metrics")
    assert b"hazmon_" in metrics


def test_a_killed_hazmon_goes_on_where_it_was(hazmon, publish, now_ms):
    t0 = now_ms - 15_000
    publish(HOT, {"t": t0, "v": 1.2})
    wait_until(lambda: hazmon.events() == ["alarm.raised"], "the alarm")
    hazmon.kill()
    publish(HOT, {"t": t0 + 1000, "v": 1.6})  # the broker keeps it for the persistent session
    hazmon.start()
    hazmon.wait_ready()
    wait_until(lambda: hazmon.events() == ["alarm.raised", "alarm.escalated"], "the escalation, and nothing twice")
    publish(HOT, {"t": t0 + 2000, "v": 0.5})
    whole = ["alarm.raised", "alarm.escalated", "alarm.deescalated", "alarm.cleared"]
    wait_until(lambda: hazmon.events() == whole, "the end")
    viewer = hazmon.key("viewer")
    _, body = hazmon.call("GET", f"/api/v1/alarms?since={quote('2020-01-01T00:00:00Z')}", viewer)
    assert len(body["items"]) == 1
    wait_until(lambda: len(readings(hazmon, viewer, "CH4-01", t0, now_ms)) == 3, "three readings")


@contextmanager
def siren(mosquitto: Mosquitto) -> Iterator[list[tuple[str, dict]]]:
    """A siren that comes now: what it hears, the newest last."""
    heard: list[tuple[str, dict]] = []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "siren")
    client.on_message = lambda _c, _u, message: heard.append((message.topic, json.loads(message.payload)))
    client.connect("127.0.0.1", mosquitto.port)
    client.subscribe("hazmon-alarm/v1/#", 1)
    client.loop_start()
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


def test_sirens_read_the_worst_open_alarm_from_a_retained_topic(hazmon, publish, now_ms, mosquitto):
    with siren(mosquitto) as heard:
        publish(HOT, {"t": now_ms - 2000, "v": 1.6})
        topic, alarm = wait_until(lambda: heard and heard[-1], "the siren's message")
        assert topic == "hazmon-alarm/v1/M001/CH4-01"
        assert (alarm["severity"], alarm["condition"]) == ("red", "high_high")
        hazmon.call("POST", f"/api/v1/alarms/{alarm['id']}/acknowledge", hazmon.key("operator"), {})
        publish(HOT, {"t": now_ms - 1000, "v": 0.5})
        wait_until(lambda: heard[-1] == ("hazmon-alarm/v1/M001/CH4-01", {}), "silence")


def test_a_broker_that_lost_what_was_retained_gets_it_again(mosquitto, publish, now_ms):
    with HazmonProcess(mosquitto.url, "duckdb", METHANE_POINTS) as hazmon:
        hazmon.wait_ready()
        publish(HOT, {"t": now_ms, "v": 1.2})
        with siren(mosquitto) as heard:
            wait_until(lambda: heard, "the retained alarm")
        mosquitto.stop()
        (mosquitto.folder / "mosquitto.db").unlink()
        mosquitto.start()
        with siren(mosquitto) as heard:
            _, alarm = wait_until(lambda: heard and heard[-1], "the alarm on the emptied broker", 30)
        assert alarm["condition"] == "high"
