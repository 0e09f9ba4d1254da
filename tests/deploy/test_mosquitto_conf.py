"""The broker's file and rights, in a real mosquitto with users made by deploy/make-secrets."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.deployed import DEPLOY, Client, DeployedMosquitto
from tests.support.servers import find_program, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def broker() -> Iterator[DeployedMosquitto]:
    with DeployedMosquitto() as server:
        yield server


@pytest.fixture
def connect(broker: DeployedMosquitto) -> Iterator[object]:
    clients: list[Client] = []

    def make(user: str, **more: object) -> Client:
        clients.append(Client(broker, user, **more))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


PUBLISH = [
    # who, topic, may
    ("M001", "hazmon/v1/M001/CH4-01", True),
    ("M001", "hazmon/v1/M001", True),  # readings by column
    ("M001", "hazmon/v1/M002/CH4-01", False),
    ("M001", "hazmon/v1/M002", False),
    ("M001", "hazmon/v1/M0011/CH4-01", False),
    ("M001", "hazmon-alarm/v1/M001/CH4-01", False),
    ("M001", "hazmon-status/v1/hazmon", False),
    ("M001", "elsewhere", False),
    ("hazmon", "hazmon-alarm/v1/M001/CH4-01", True),
    ("hazmon", "hazmon-status/v1/hazmon", True),
    ("hazmon", "hazmon/v1/M001/CH4-01", False),
    ("siren", "hazmon/v1/siren/CH4-01", False),
    ("siren", "hazmon/v1/M001/CH4-01", False),
    ("siren", "hazmon-alarm/v1/M001/CH4-01", False),
    ("simulator", "hazmon/v1/M002/CH4-01", True),
    ("simulator", "hazmon-alarm/v1/M001/CH4-01", False),
]


@pytest.mark.parametrize(("user", "topic", "may"), PUBLISH, ids=[f"{u} {t}" for u, t, _ in PUBLISH])
def test_who_may_publish(connect, user: str, topic: str, may: bool) -> None:  # type: ignore[no-untyped-def]
    assert connect(user).publish(topic) is may


READ = [
    # who, readings of M001, alarms of M001, alarms of M002, hazmon's status
    ("hazmon", True, True, True, True),
    ("siren", False, True, True, True),
    ("M001", False, True, False, False),
    ("simulator", False, False, False, False),
]


@pytest.mark.parametrize("row", READ, ids=[r[0] for r in READ])
def test_who_may_read(connect, row: tuple[str, bool, bool, bool, bool]) -> None:  # type: ignore[no-untyped-def]
    user, *may = row
    topics = ["hazmon/v1/M001/CH4-01", "hazmon-alarm/v1/M001/A", "hazmon-alarm/v1/M002/A", "hazmon-status/v1/hazmon"]
    listener = connect(user)
    for topic_filter in ["hazmon/v1/#", "hazmon-alarm/v1/#", "hazmon-status/v1/#"]:
        listener.subscribe(topic_filter)
    assert connect("M001").publish(topics[0])
    service = connect("hazmon")
    assert [service.publish(topic) for topic in topics[1:]] == [True, True, True]
    expected = {topic for topic, allowed in zip(topics, may, strict=True) if allowed}
    # All four were acknowledged; whatever the broker sends on, it sends before it answers a later request.
    listener.subscribe("nothing/of/ours")
    wait_until(lambda: expected <= {topic for topic, _ in listener.got}, f"{user} to hear {expected}", 5)
    assert {topic for topic, _ in listener.got} == expected


def test_a_siren_that_comes_later_hears_the_retained_alarm(connect) -> None:  # type: ignore[no-untyped-def]
    connect("hazmon").publish("hazmon-alarm/v1/M001/RETAINED", retain=True)
    siren = connect("siren")
    siren.subscribe("hazmon-alarm/v1/#")
    wait_until(lambda: ("hazmon-alarm/v1/M001/RETAINED", b'{"v": 1}') in siren.got, "the retained alarm", 5)


@pytest.mark.parametrize(("user", "password"), [("", ""), ("M001", "wrong"), ("M003", "unknown")])
def test_strangers_are_turned_away(connect, user: str, password: str) -> None:  # type: ignore[no-untyped-def]
    assert connect(user, password=password).refused == "Not authorized"


def test_more_than_twenty_messages_may_be_in_flight(broker: DeployedMosquitto, connect) -> None:  # type: ignore[no-untyped-def]
    """With mosquitto's own limit of 20 the 21st would wait for an acknowledgement that never comes here."""
    slow = Client(broker, "hazmon")
    try:
        slow.client.manual_ack_set(True)
        slow.subscribe("hazmon/v1/M001/#")
        device = connect("M001")
        for k in range(500):
            device.client.publish(f"hazmon/v1/M001/P{k}", b"{}", qos=1)
        wait_until(lambda: len(slow.got) >= 500, "500 messages without one acknowledgement", 10)
    finally:
        slow.close()


def test_what_waits_for_hazmon_survives_a_restart_of_the_broker() -> None:
    """A persistent session, QoS 0 and 1 messages while it is away, a restart; all are delivered."""
    with DeployedMosquitto() as broker:

        def service() -> paho.Client:
            client = paho.Client(CallbackAPIVersion.VERSION2, client_id="hazmon", clean_session=False)
            client.username_pw_set("hazmon", broker.password("hazmon"))
            return client

        first = service()
        ready = threading.Event()
        first.on_connect = lambda c, u, f, r, p: c.subscribe("hazmon/v1/#", 1)
        first.on_subscribe = lambda c, u, m, r, p: ready.set()
        first.connect("127.0.0.1", broker.port)
        first.loop_start()
        assert ready.wait(10)
        first.disconnect()
        first.loop_stop()

        device = Client(broker, "M001")
        device.client.publish("hazmon/v1/M001/ZERO", b"{}", qos=0)
        assert device.publish("hazmon/v1/M001/ONE")
        device.close()
        broker.restart()

        got: list[str] = []
        second = service()
        second.on_message = lambda c, u, m: got.append(m.topic)
        second.connect("127.0.0.1", broker.port)
        second.loop_start()
        try:
            wait_until(lambda: len(got) >= 2, "what was sent meanwhile", 10)
        finally:
            second.disconnect()
            second.loop_stop()
        assert sorted(got) == ["hazmon/v1/M001/ONE", "hazmon/v1/M001/ZERO"]


def test_tls_as_the_example_has_it() -> None:
    with DeployedMosquitto(tls=True) as broker:
        device = Client(broker, "M001", tls=True)
        try:
            assert device.refused is None
            assert device.publish("hazmon/v1/M001/CH4-01")
            assert not device.publish("hazmon/v1/M002/CH4-01")
        finally:
            device.close()


def test_make_secrets_keeps_what_is_there_and_refuses_names_that_are_taken(tmp_path: Path) -> None:
    find_program(["mosquitto_passwd"], "mosquitto")
    script = DEPLOY / "make-secrets"
    subprocess.run([script, tmp_path / "s", "M001"], check=True, capture_output=True)
    before = {f.name: f.read_text() for f in (tmp_path / "s").iterdir() if f.name != "mosquitto-passwd"}
    again = subprocess.run([script, tmp_path / "s", "M002"], check=True, capture_output=True, text=True)
    after = {f.name: f.read_text() for f in (tmp_path / "s").iterdir() if f.name != "mosquitto-passwd"}
    assert before.items() <= after.items()
    assert "hazmon siren simulator M002 M001" in again.stdout
    wrong = subprocess.run([script, tmp_path / "s", "siren"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "siren cannot be an enterprise's user" in wrong.stderr
