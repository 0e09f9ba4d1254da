"""Broker or store missing at the start: the service starts, says so, keeps trying, and becomes ready when it can."""

import signal
import socket

import pytest

from tests.support.hazmon_process import METHANE_POINTS, HazmonProcess
from tests.support.servers import Influxd, Mosquitto, wait_until

pytestmark = pytest.mark.servers


def readiness(hazmon: HazmonProcess) -> tuple[int, str]:
    status, body = hazmon.call("GET", "/readyz")
    return status, str(body)


def test_without_a_broker_it_waits_for_one():
    with Mosquitto() as mosquitto:
        mosquitto.stop()
        with HazmonProcess(mosquitto.url, "duckdb", METHANE_POINTS) as hazmon:
            _, body = wait_until(lambda: (r := readiness(hazmon))[0] == 503 and "refused" in r[1].lower() and r, "503")
            assert "broker" in body
            assert hazmon.call("GET", "/healthz")[0] == 200, "it is alive and says what is missing"
            mosquitto.start()
            hazmon.wait_ready()


def test_without_a_store_it_alarms_all_the_same_and_stores_later(publish, mosquitto, now_ms):
    with Influxd() as influxd:
        influxd.stop()
        with HazmonProcess(mosquitto.url, influxd.url("late"), METHANE_POINTS) as hazmon:
            wait_until(lambda: "not connected" not in readiness(hazmon)[1], "the broker")
            assert readiness(hazmon)[0] == 503
            publish("hazmon/v1/M001/CH4-01", {"t": now_ms, "v": 1.2})
            wait_until(lambda: hazmon.events() == ["alarm.raised"], "the alarm, without a store")
            influxd.start()
            hazmon.wait_ready()
            stored = wait_until(lambda: influxd.query('SELECT "value" FROM "reading"', "late"), "the reading")
            assert stored[0]["values"] == [[now_ms, 1.2]]
            events = wait_until(lambda: influxd.query('SELECT "event" FROM "alarm_event"', "late"), "its event")
            assert events[0]["values"] == [[now_ms, "alarm.raised"]]


def test_two_of_them_in_one_data_folder_is_refused_in_one_line(mosquitto):
    with HazmonProcess(mosquitto.url, "duckdb", METHANE_POINTS) as hazmon:
        second = hazmon.run_program("run", "-c", str(hazmon.config))
        assert second.returncode == 2
        assert "another hazmon is at work in it" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_port_that_is_taken_is_refused_in_one_line(mosquitto):
    with HazmonProcess(mosquitto.url, "duckdb", METHANE_POINTS) as hazmon:
        hazmon.stop()
        with socket.create_server(("127.0.0.1", hazmon.port)):
            second = hazmon.run_program("run", "-c", str(hazmon.config))
        assert second.returncode == 2
        assert f"api.listen 127.0.0.1:{hazmon.port}: Address already in use; give another port" in second.stderr


def test_it_stops_cleanly_when_told_to(mosquitto):
    with HazmonProcess(mosquitto.url, "duckdb", METHANE_POINTS) as hazmon:
        hazmon.wait_ready()
        assert hazmon.end(signal.SIGTERM) == 0
        assert "Traceback" not in hazmon.output()
        hazmon.start()
        hazmon.wait_ready()
