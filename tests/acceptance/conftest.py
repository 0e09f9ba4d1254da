"""The running system: `hazmon run` against real servers, with either store."""

import json
import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest

from tests.support.hazmon_process import METHANE_POINTS, HazmonProcess
from tests.support.servers import Influxd, Mosquitto

Publish = Callable[[str, object], None]


@pytest.fixture
def publish(mosquitto: Mosquitto) -> Iterator[Publish]:
    """Send one message at QoS 1 and wait until the broker has it; bytes go as they are, the rest as JSON."""
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "outsider")

    def send(topic: str, payload: object) -> None:
        if not client.is_connected():
            client.connect("127.0.0.1", mosquitto.port)
            client.loop_start()
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        client.publish(topic, body, qos=1).wait_for_publish(20)

    yield send
    client.disconnect()
    client.loop_stop()


@pytest.fixture(params=["influxdb", "duckdb"])
def hazmon(request: pytest.FixtureRequest, mosquitto: Mosquitto) -> Iterator[HazmonProcess]:
    """`hazmon run`, ready, once on InfluxDB and once on the embedded store."""
    if request.param == "influxdb":
        influxd: Influxd = request.getfixturevalue("influxd")
        database: str = request.getfixturevalue("influx_database")
        store = influxd.url(database)
    else:
        store = "duckdb"
    with HazmonProcess(mosquitto.url, store, METHANE_POINTS) as process:
        process.wait_ready()
        yield process


@pytest.fixture
def now_ms() -> int:
    """The wall clock when the test began: readings must be of now to be live. [ms since 1970 UTC]"""
    return time.time_ns() // 1_000_000
