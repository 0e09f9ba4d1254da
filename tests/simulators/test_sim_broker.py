"""The demo's broker does what the service asks of one: kept sessions, acknowledgement by hand, retained messages."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import paho.mqtt.client as mqtt
import pytest

from simulators.broker import DemoBroker
from simulators.errors import SimulatorError
from simulators.publisher import publish
from simulators.scenario import load_scenario
from tests.support.servers import wait_until


@pytest.fixture(scope="module")
def broker() -> Iterator[DemoBroker]:
    """One broker for the module."""
    with DemoBroker() as it:
        yield it


class Consumer:
    """A paho client as ingest uses it: fixed id, session kept, acknowledgement by hand."""

    def __init__(self, broker: DemoBroker, client_id: str, topics: str = "hazmon/v1/#") -> None:
        self.got: list[mqtt.MQTTMessage] = []
        self.session_present = False
        self._ready = threading.Event()
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True
        )

        def on_connect(client: mqtt.Client, _u: object, flags: mqtt.ConnectFlags, *_: object) -> None:
            self.session_present = flags.session_present
            client.subscribe(topics, 1)

        self.client.on_connect = on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._take
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self._ready.wait(10)

    def _take(self, client: mqtt.Client, _u: object, message: mqtt.MQTTMessage) -> None:
        self.got.append(message)
        client.ack(message.mid, message.qos)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_scenario_reaches_a_consumer_that_acknowledges_by_hand(broker: DemoBroker) -> None:
    consumer = Consumer(broker, "consumer-1")
    counts = asyncio.run(publish(load_scenario("demo"), broker.url, speed="max", for_s=20.0))
    assert counts.readings == 980
    wait_until(lambda: len(consumer.got) >= 980, "980 messages")
    consumer.close()
    assert {m.qos for m in consumer.got} == {1}
    assert len({(m.topic, m.payload) for m in consumer.got}) == 980


def test_what_comes_while_a_persistent_client_is_away_waits_for_it(broker: DemoBroker) -> None:
    Consumer(broker, "consumer-2", "away/#").close()
    publisher = Consumer(broker, "publisher-2", "none/#")
    publisher.client.publish("away/1", b"missed", 1).wait_for_publish(5)
    publisher.close()
    consumer = Consumer(broker, "consumer-2", "away/#")
    assert consumer.session_present
    wait_until(lambda: [m.payload for m in consumer.got] == [b"missed"], "the message")
    consumer.close()


def test_retained_messages_are_kept_and_marked(broker: DemoBroker) -> None:
    publisher = Consumer(broker, "publisher-3", "none/#")
    publisher.client.publish("hazmon-alarm/v1/M1/A", b"{}", 1, retain=True).wait_for_publish(5)
    publisher.close()
    consumer = Consumer(broker, "consumer-3", "hazmon-alarm/v1/#")
    wait_until(lambda: consumer.got, "the retained message")
    assert (consumer.got[0].payload, consumer.got[0].retain) == (b"{}", True)
    consumer.close()


def test_two_hundred_readings_a_second_are_comfortable(broker: DemoBroker) -> None:
    """Not a benchmark: at the broker's usual speed the run takes well under a second."""
    consumer = Consumer(broker, "consumer-4")
    asyncio.run(publish(load_scenario("demo"), broker.url, speed="max", for_s=41.0))
    wait_until(lambda: len(consumer.got) >= 2000, "2000 messages", deadline_s=10.0)
    consumer.close()


def test_it_stops_when_asked_and_when_its_parent_is_gone() -> None:
    broker = DemoBroker()
    assert broker.running
    broker.stop()
    broker.stop()
    assert not broker.running
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.broker", "--stop-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("mqtt://127.0.0.1:")
    out, err = process.communicate(timeout=10)  # closes its standard input
    assert (process.returncode, out, err) == (0, "", "")


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "simulators.broker", "--port", str(port)], capture_output=True, text=True, timeout=30
        )
        assert done.returncode == 1
        assert f"127.0.0.1:{port} cannot be had" in done.stderr
        assert done.stderr.count("\n") == 1
        with pytest.raises(SimulatorError, match="did not start"):
            DemoBroker(port)
