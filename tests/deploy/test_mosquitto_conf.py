"""The broker's file and rights, in a real mosquitto with users made by deploy/make-secrets."""

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.support.servers import Mosquitto, find_program, free_port, wait_until

pytestmark = pytest.mark.servers

DEPLOY = Path(__file__).parents[2] / "deploy"


class DeployedMosquitto(Mosquitto):
    """mosquitto with the files of deploy/, its container's paths moved into the folder of this test."""

    def __init__(self, tls: bool = False) -> None:
        super().__init__()
        self.tls_port = free_port() if tls else 0
        find_program(["mosquitto_passwd"], "mosquitto")
        self.secrets = self.folder / "secrets"
        subprocess.run([DEPLOY / "make-secrets", self.secrets, "M001", "M002"], check=True, capture_output=True)
        (self.folder / "conf.d").mkdir()
        if tls:
            self._certify()

    def password(self, user: str) -> str:
        file = f"mqtt-{user}" if user.startswith("M0") else f"{user}-mqtt-password"
        return (self.secrets / file).read_text()

    def _configure(self) -> list[str]:
        (self.folder / "data").mkdir(exist_ok=True)
        moved = {
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
            "/mosquitto/passwd": str(self.secrets / "mosquitto-passwd"),
            "/mosquitto/config/acl": str(DEPLOY / "mosquitto" / "acl"),
            "/mosquitto/conf.d": str(self.folder / "conf.d"),
            "/mosquitto/data/": f"{self.folder}/data/",
            "/mosquitto/tls": str(self.folder / "tls"),
            "log_dest stdout": "log_dest stderr",
        }

        def adapted(file: Path) -> str:
            text = file.read_text("utf-8")
            for theirs, ours in moved.items():
                text = text.replace(theirs, ours)
            return text

        if self.tls_port:
            (self.folder / "conf.d" / "tls.conf").write_text(adapted(DEPLOY / "mosquitto/conf.d/tls.conf.example"))
        # As root mosquitto would become user `mosquitto`, who cannot write into our folder.
        user = "user root\n" if os.geteuid() == 0 else ""
        conf = self.folder / "mosquitto.conf"
        conf.write_text(user + adapted(DEPLOY / "mosquitto" / "mosquitto.conf"))
        return [self._program, "-c", str(conf)]

    def _certify(self) -> None:
        """An authority and a server certificate for 127.0.0.1."""
        tls = self.folder / "tls"
        tls.mkdir()
        openssl = find_program(["openssl"], "openssl")

        def run(command: str) -> None:
            subprocess.run([openssl, *command.split()], check=True, capture_output=True, cwd=tls)

        run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem")
        run("req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr")
        (tls / "san").write_text("subjectAltName=IP:127.0.0.1")
        signed = (
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out server.pem"
        )
        run(signed)


class Client:
    """A client that keeps what it is sent; MQTT 5, where the broker says that it refuses."""

    def __init__(self, broker: DeployedMosquitto, user: str, password: str | None = None, tls: bool = False) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.refused: str | None = None
        self._acks: dict[int, str] = {}
        self._connected = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(user, broker.password(user) if password is None else password)
        if tls:
            self.client.tls_set_context(ssl.create_default_context(cafile=str(broker.folder / "tls" / "ca.pem")))
        self.client.on_message = lambda c, u, m: self.got.append((m.topic, m.payload))
        self.client.on_publish = lambda c, u, mid, reason, p: self._acks.__setitem__(mid, reason.getName())
        self.client.on_subscribe = lambda c, u, mid, reasons, p: self._acks.__setitem__(mid, reasons[0].getName())
        self.client.on_connect = self._on_connect
        self.client.connect("127.0.0.1", broker.tls_port if tls else broker.port)
        self.client.loop_start()
        assert self._connected.wait(10)

    def _on_connect(self, client: object, userdata: object, flags: object, reason: object, properties: object) -> None:
        name = reason.getName()  # type: ignore[attr-defined]
        self.refused = None if name == "Success" else name
        self._connected.set()

    def publish(self, topic: str, retain: bool = False) -> bool:
        """Whether the broker took it."""
        mid = self.client.publish(topic, b'{"v": 1}', qos=1, retain=retain).mid
        answer = wait_until(lambda: self._acks.get(mid), f"an answer about {topic}", 5)
        assert answer in ("Success", "No matching subscribers", "Not authorized"), answer
        return bool(answer != "Not authorized")

    def subscribe(self, topic: str) -> None:
        _, mid = self.client.subscribe(topic, 1)
        assert mid is not None
        wait_until(lambda: self._acks.get(mid), f"an answer about {topic}", 5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


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
