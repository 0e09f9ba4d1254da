"""The files of deploy/ at work: mosquitto with its configuration and users, a client, hazmon with the sample file."""

import os
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests.support.servers import Mosquitto, Server, find_program, free_port, wait_until

__all__ = ["DEPLOY", "Client", "DeployedHazmon", "DeployedMosquitto"]

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
        """What make-secrets made for this user."""
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
        self.client.on_message = lambda c, u, m: self.got.append((m.topic, bytes(m.payload)))
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

    def publish(self, topic: str, payload: bytes = b'{"v": 1}', retain: bool = False) -> bool:
        """Whether the broker took it."""
        mid = self.client.publish(topic, payload, qos=1, retain=retain).mid
        answer = wait_until(lambda: self._acks.get(mid), f"an answer about {topic}", 5)
        assert answer in ("Success", "No matching subscribers", "Not authorized"), answer
        return bool(answer != "Not authorized")

    def subscribe(self, topic: str) -> None:
        """Returns once the broker has answered."""
        _, mid = self.client.subscribe(topic, 1)
        assert mid is not None
        wait_until(lambda: self._acks.get(mid), f"an answer about {topic}", 5)

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()


class DeployedHazmon(Server):
    """`hazmon run` with deploy/hazmon.toml as it is, and what the compose file would say in the environment over it.

    Parameters
    ----------
    broker : DeployedMosquitto
        Where it logs in as its own user.
    environment : mapping
        More ``HAZMON_`` variables.
    """

    name = "hazmon"

    def __init__(self, broker: DeployedMosquitto, environment: Mapping[str, str]) -> None:
        super().__init__()
        self._broker, self._environment = broker, environment

    def _find(self) -> str:
        return str(Path(sys.executable).parent / "hazmon")

    def _configure(self) -> list[str]:
        variables = {
            "HAZMON_MQTT__URL": self._broker.url,
            "HAZMON_MQTT__USERNAME": "hazmon",
            "HAZMON_MQTT__PASSWORD_FILE": str(self._broker.secrets / "hazmon-mqtt-password"),
            "HAZMON_DATA__DIR": str(self.folder / "data"),
            "HAZMON_API__LISTEN": f"127.0.0.1:{self.port}",
            **self._environment,
        }
        set_them = [f"{name}={value}" for name, value in variables.items()]
        return ["/usr/bin/env", *set_them, self._program, "run", "-c", str(DEPLOY / "hazmon.toml")]

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False
