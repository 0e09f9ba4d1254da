"""The MQTT source against a real mosquitto: nothing acknowledged is missing, nothing stale is taken for fresh."""

import gc
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from ingest.errors import MqttUnavailable
from ingest.mqtt import MqttSettings, MqttSource
from ingest.pipeline import IngestSettings
from tests.support.ingest_parts import Parts, running
from tests.support.servers import Mosquitto, find_program, wait_until

pytestmark = pytest.mark.servers

ONE = "hazmon/v1/M001/CH4-00001"


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def client(broker: Mosquitto, *topics: str) -> Iterator[tuple[paho.Client, list[paho.MQTTMessage]]]:
    """Somebody else on the broker, and what it hears on ``topics``."""
    heard: list[paho.MQTTMessage] = []
    made = paho.Client(CallbackAPIVersion.VERSION2)
    made.on_message = lambda _c, _u, message: heard.append(message)
    subscribed = threading.Event()
    made.on_subscribe = lambda *_: subscribed.set()
    made.connect("127.0.0.1", broker.port)
    made.loop_start()
    try:
        if topics:
            made.subscribe([(topic, 1) for topic in topics])
            assert subscribed.wait(10)
        yield made, heard
    finally:
        made.disconnect()
        made.loop_stop()


def publish(broker: Mosquitto, *messages: tuple[str, bytes], retain: bool = False, qos: int = 1) -> None:
    with client(broker) as (publisher, _):
        for info in [publisher.publish(topic, payload, qos, retain) for topic, payload in messages]:
            info.wait_for_publish(20)


class Running:
    """Ingest and source at work on one folder."""

    def __init__(
        self,
        folder: Path,
        url: str,
        ingest_settings: IngestSettings | None = None,
        wait: bool = True,
        **settings: Any,
    ) -> None:
        self._wait = wait
        self.parts = Parts(folder, settings=ingest_settings, clock_ms=wall_ms)
        settings = {"first_pause_s": 0.05, "longest_pause_s": 0.3} | settings
        self.source = MqttSource(MqttSettings(url, **settings), self.parts.ingest, wall_ms)
        self._stack = ExitStack()

    def __enter__(self) -> "Running":
        self._stack.callback(self.parts.close)
        self._stack.enter_context(running(self.parts.ingest.run))
        self._stack.enter_context(running(self.source.run))  # stopped first
        return self.connected() if self._wait else self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def connected(self) -> "Running":
        wait_until(lambda: self.source.connected, "the source to connect")
        return self

    def count(self, name: str) -> float:
        return self.parts.stats.snapshot()[name]


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def made(url: str, **settings: Any) -> Running:
        return Running(tmp_path, url, **settings)

    return made


def reading(i: int) -> tuple[str, bytes]:
    return ONE, json.dumps({"t": wall_ms(), "v": i}).encode()


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_readings_arrive_in_order(mosquitto: Mosquitto, start: Start, protocol: str, qos: int) -> None:
    with start(mosquitto.url, protocol=protocol) as running:
        publish(mosquitto, *map(reading, range(500)), qos=qos)
        wait_until(lambda: running.count("logged_readings") == 500, "500 readings")
        assert running.parts.readings().value.tolist() == list(range(500))
        assert running.source.ready()[0]


def test_a_small_in_flight_window_is_refilled(start: Start) -> None:
    # Only acknowledged messages make room for others: 200 of them pass a window of 3 only if all are.
    with (
        Mosquitto(inflight=3) as broker,
        start(broker.url, ingest_settings=IngestSettings(commit_every_ms=1)) as running,
    ):
        publish(broker, *map(reading, range(200)))
        wait_until(lambda: running.count("logged_readings") == 200, "200 readings")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_what_is_sent_while_we_are_away_comes_afterwards(mosquitto: Mosquitto, start: Start, protocol: str) -> None:
    with start(mosquitto.url, protocol=protocol):
        pass
    publish(mosquitto, *map(reading, range(100)))
    with start(mosquitto.url, protocol=protocol) as running:
        wait_until(lambda: running.count("logged_readings") == 100, "100 readings")


def test_what_is_not_in_the_log_is_not_acknowledged(mosquitto: Mosquitto, tmp_path: Path, start: Start) -> None:
    """The log fails; we are thrown out and come back with a log that works: everything is there, once or more."""
    first = start(mosquitto.url)
    first.parts.log.append = lambda *_: (_ for _ in ()).throw(OSError("no log"))  # type: ignore[method-assign]
    with first:
        publish(mosquitto, *map(reading, range(50)))
        wait_until(lambda: first.count("received_messages") == 50, "50 messages")
        wait_until(lambda: not first.parts.ingest.ready()[0], "the failure to show")
    with start(mosquitto.url) as second:
        wait_until(lambda: second.count("logged_readings") >= 50, "50 readings")
        assert sorted(set(second.parts.readings().value.tolist())) == list(range(50))


def test_the_broker_restarts_and_nothing_is_lost(mosquitto: Mosquitto, start: Start) -> None:
    with start(mosquitto.url) as running:
        publish(mosquitto, *map(reading, range(50)))
        mosquitto.restart()
        publish(mosquitto, *map(reading, range(50, 100)))
        wait_until(lambda: set(running.parts.readings().value.tolist()) == set(range(100)), "all 100 values", 30)


def test_acknowledgements_of_an_old_connection_are_not_sent_on_the_new_one(mosquitto: Mosquitto, start: Start) -> None:
    running = start(mosquitto.url)
    source, ingest = running.source, running.parts.ingest
    held: list[list[int]] = []
    step, ingest.step = ingest.step, lambda: bool(held) or step()  # type: ignore[method-assign]  # holds commits back
    held.append([])
    with running:
        publish(mosquitto, *map(reading, range(5)))
        wait_until(lambda: running.count("received_messages") == 5, "5 messages")
        mosquitto.restart()  # they come again on the new connection, under message ids that begin again
        wait_until(lambda: running.count("received_messages") == 10, "5 messages again", 30)
        sent: list[int] = []
        ack = source._client.ack
        source._client.ack = lambda mid, qos: (sent.append(mid), ack(mid, qos))[1]  # type: ignore[method-assign]
        held.clear()
        wait_until(lambda: running.count("logged_readings") == 10, "all of them in the log")
        wait_until(lambda: len(sent) >= 5, "acknowledgements")
        publish(mosquitto, reading(5))
        wait_until(lambda: running.count("logged_readings") == 11, "the next one")
    assert len(sent) in (5, 6)


def test_the_service_starts_without_a_broker_and_says_so(start: Start) -> None:
    with Mosquitto() as broker:
        broker.stop()
        with start(broker.url, wait=False) as running:
            wait_until(lambda: "refused" in running.source.ready()[1], "the reason")
            assert not running.source.ready()[0]
            wait_until(lambda: running.parts.log.last_offset >= 2, "ticks, although no broker is there", 5)
            broker.start()
            running.connected()
            publish(broker, reading(1))
            wait_until(lambda: running.count("logged_readings") == 1, "a reading")


def test_retained_messages_are_not_fresh(mosquitto: Mosquitto, start: Start) -> None:
    t = wall_ms() - 5000
    publish(
        mosquitto,
        (ONE, b'{"v": 1}'),
        ("hazmon/v1/M001/CH4-00002", json.dumps({"t": t, "v": 2}).encode()),
        retain=True,
    )
    with start(mosquitto.url) as running:
        wait_until(lambda: running.count("received_messages") == 2, "both")
        running.parts.ingest.drained(5)
        assert running.parts.readings().time_ms.tolist() == [t]
        (reject,) = running.parts.rejects.rejected().items
        assert (reject.reason, reject.topic) == ("retained", ONE)
        publish(mosquitto, (ONE, b'{"v": 3}'), retain=True)  # to a subscriber that is there it is fresh
        wait_until(lambda: running.count("logged_readings") == 2, "the fresh one")


def test_a_full_queue_stops_reading_and_keeps_the_connection(mosquitto: Mosquitto, start: Start) -> None:
    settings = IngestSettings(queue_messages=300)
    running = start(mosquitto.url, ingest_settings=settings, keepalive_s=1)
    ingest = running.parts.ingest
    blocked = threading.Event()
    blocked.set()
    step = ingest.step
    ingest.step = lambda: not blocked.is_set() and step()  # type: ignore[method-assign]
    with client(mosquitto, "hazmon-status/v1/hazmon") as (_, heard), running:
        publish(mosquitto, *map(reading, range(3000)))
        wait_until(lambda: "full" in running.source.ready()[1], "the source to stop reading")
        full_since = time.monotonic()
        # broker and paho would both have given up the connection after 1.5 and 2 s of silence
        wait_until(lambda: time.monotonic() - full_since > 3.2, "more than the keepalive", 5, 0.1)
        assert running.source.connected and running.count("received_messages") < 600
        states = [json.loads(m.payload)["state"] for m in heard]
        assert states[0] == "online" and states[-1] == "stalled"
        blocked.clear()
        wait_until(lambda: running.count("logged_readings") == 3000, "all readings")
        assert running.parts.readings().value.tolist() == list(range(3000))  # none came twice: it was one connection
        wait_until(lambda: running.source.ready()[0], "the source to be ready again")


def test_status_topic_tells_online_offline_and_lost(mosquitto: Mosquitto, start: Start) -> None:
    with client(mosquitto, "hazmon-status/v1/hazmon") as (_, heard):

        def last() -> str:
            return str(json.loads(heard[-1].payload)["state"]) if heard else ""

        with start(mosquitto.url):
            wait_until(lambda: last() == "online", "online")
        wait_until(lambda: last() == "offline", "offline")
        with start(mosquitto.url) as running:
            wait_until(lambda: last() == "online", "online")
            sock = running.source._client.socket()
            assert sock is not None
            sock.shutdown(socket.SHUT_RDWR)  # as a crash would
            wait_until(lambda: any(b"lost" in m.payload for m in heard), "the last will")
            wait_until(lambda: last() == "online", "online again")


def test_publishing(mosquitto: Mosquitto, start: Start) -> None:
    running = start(mosquitto.url)
    with pytest.raises(MqttUnavailable, match="not started"):
        running.source.publish("a/b", b"x")
    with client(mosquitto, "hazmon-alarm/#") as (_, heard), running:
        threads = [
            threading.Thread(target=running.source.publish, args=(f"hazmon-alarm/v1/M001/P{i}", b"{}", True))
            for i in range(20)
        ]
        publish(mosquitto, *map(reading, range(200)))  # acknowledged on the same socket at the same time
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        wait_until(lambda: len(heard) == 20, "20 messages")
        wait_until(lambda: running.count("logged_readings") == 200, "200 readings")
        mosquitto.pause()
        with pytest.raises(MqttUnavailable, match="within"):
            running.source.publish("hazmon-alarm/v1/M001/P1", b"{}", True, timeout_s=0.2)
        mosquitto.resume()
    with pytest.raises(MqttUnavailable, match="stopped"):
        running.source.publish("a/b", b"x")


def test_wrong_credentials_are_named(tmp_path: Path, start: Start) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    with (
        Mosquitto(extra=f"allow_anonymous false\npassword_file {passwords}\n") as broker,
        start(broker.url, wait=False, username="u", password="hunter2") as running,
    ):
        wait_until(lambda: "authori" in running.source.ready()[1].lower(), "the reason")
        assert "hunter2" not in repr(running.source._settings)


def test_two_with_one_client_id_do_not_chase_each_other_for_ever(
    mosquitto: Mosquitto, start: Start, tmp_path: Path
) -> None:
    with start(mosquitto.url) as one, Running(tmp_path / "two", mosquitto.url) as two:
        wait_until(lambda: not (one.source.connected and two.source.connected), "one to be thrown out")
        assert one.source._steady is False or two.source._steady is False


@pytest.mark.parametrize("url", ["127.0.0.1:1883", "http://host", "mqtt://", ""])
def test_a_wrong_url_says_what_is_right(parts: Parts, url: str) -> None:
    with pytest.raises(ValueError, match="give mqtt://host:port"):
        MqttSource(MqttSettings(url), parts.ingest, wall_ms)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_with_a_certificate_of_our_own_authority(tmp_path: Path, start: Start) -> None:
    openssl = find_program(["openssl"], "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*make, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    with Mosquitto(extra=f"certfile {certificate}\nkeyfile {key}\n") as broker:
        url = broker.url.replace("mqtt://", "mqtts://")
        with start(url, wait=False) as stranger:  # who knows nothing of that authority
            wait_until(lambda: "certificate verify failed" in stranger.source.ready()[1], "the reason")
        gc.collect()  # paho leaves the socket of a failed handshake to the collector, which warns; here it may
        with start(url, ca_file=certificate) as running:
            for i in range(300):
                running.source.publish(*reading(i), qos=0)
            wait_until(lambda: running.count("logged_readings") == 300, "300 readings")
