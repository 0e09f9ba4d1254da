"""Routes over a real mosquitto: what is subscribed to arrives, and a rebirth request reaches the node."""

import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.decode.sparkplug_schema import Payload
from ingest.mqtt import MqttSettings, MqttSource
from ingest.pipeline import Ingest
from ingest.routes import RouteSpec, open_routes, topic_filters
from tests.support.ingest_parts import NOW_MS, Parts, running
from tests.support.servers import Mosquitto, wait_until

pytestmark = pytest.mark.servers


def birth() -> bytes:
    made = Payload(timestamp=NOW_MS, seq=0)
    made.metrics.add(name="CH4-00002", alias=1, datatype=10, double_value=0.3)
    return bytes(made.SerializeToString())


def data(seq: int, value: float) -> bytes:
    made = Payload(timestamp=NOW_MS, seq=seq)
    made.metrics.add(alias=1, double_value=value)
    return bytes(made.SerializeToString())


def test_every_route_delivers_and_a_node_is_asked_to_be_born_again(mosquitto: Mosquitto, tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    specs = [
        RouteSpec("s/{enterprise}/#", "senml-json"),
        RouteSpec("telegraf/#", "influx-line", enterprise="M001"),
        RouteSpec("spBv1.0/#", "sparkplug-b", enterprise="{group}"),
    ]
    sources: list[MqttSource] = []
    decoder = open_routes(
        specs, parts.directory, 1 << 20, lambda topic, payload: sources[0].publish(topic, payload, qos=0)
    )
    ingest = Ingest(parts.log, parts.directory, parts.rejects, parts.clock, parts.stats, decoder=decoder)
    sources.append(MqttSource(MqttSettings(mosquitto.url, topics=topic_filters(specs)), ingest, parts.clock))

    node = paho.Client(CallbackAPIVersion.VERSION2)
    subscribed = threading.Event()
    node.on_subscribe = lambda *_: subscribed.set()
    # As an edge node does: when asked for it, it sends its birth, and goes on with its data.
    node.on_message = lambda c, *_: (
        c.publish("spBv1.0/M001/NBIRTH/gw1", birth()),
        c.publish("spBv1.0/M001/NDATA/gw1", data(1, 0.5)),
    )
    node.connect("127.0.0.1", mosquitto.port)
    node.loop_start()
    try:
        node.subscribe("spBv1.0/M001/NCMD/gw1")
        assert subscribed.wait(10)
        with running(ingest.run), running(sources[0].run):
            wait_until(lambda: sources[0].connected, "the source to connect")
            node.publish("hazmon/v1/M001/CH4-00000", f'{{"t": {NOW_MS}, "v": 0.1}}', 1)
            node.publish("s/M001/a", f'[{{"n": "CH4-00001", "t": {NOW_MS // 1000}, "v": 0.2}}]', 1)
            node.publish("telegraf/ipc1", f"gas CH4-00001=0.4 {NOW_MS}000000", 1)
            node.publish("spBv1.0/M001/NDATA/gw1", data(7, 9.9))
            wait_until(lambda: len(parts.readings()) == 5, "all readings")
        batch = parts.readings()
        assert sorted(zip(batch.point.tolist(), batch.value.tolist(), batch.quality.tolist(), strict=True)) == [
            (0, 0.1, 0),
            (1, 0.2, 0),
            (1, 0.4, 0),
            (2, 0.3, 0),
            (2, 0.5, 0),
        ]
        assert {k.value: n for k, n in parts.stats.rejected().items() if n} == {"sequence": 1}
    finally:
        node.disconnect()
        node.loop_stop()
        parts.close()
