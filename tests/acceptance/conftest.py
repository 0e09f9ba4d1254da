"""The running system: `hazmon run` against real servers, with either store."""

import json
import time
from collections.abc import Callable, Iterator

import paho.mqtt.client as mqtt
import pytest

from tests.support.hazmon_process import HazmonProcess
from tests.support.servers import Influxd, Mosquitto

HEADER = (
    "enterprise,source,point,kind,placement,high,high_high,high_high_clear,low,"
    "on_delay,off_delay,no_data_after,rate,frozen_after"
)
LINE = "M001,face-1203,{point},ch4,T1,1.0,1.5,1.0,-,0s,0s,-,-,-"
POINTS = ["CH4-01", "CH4-02", "CH4-03"]


def points_csv(points: list[str] = POINTS) -> str:
    """Methane points at a coal face, with the limits of AQ 1029 and nothing else watched."""
    return "\n".join([HEADER, *(LINE.format(point=p) for p in points)]) + "\n"


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
    with HazmonProcess(mosquitto.url, store, points_csv()) as process:
        process.wait_ready()
        yield process


@pytest.fixture
def now_ms() -> int:
    """The wall clock when the test began: readings must be of now to be live. [ms since 1970 UTC]"""
    return time.time_ns() // 1_000_000
