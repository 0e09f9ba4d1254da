"""The MQTT connection: readings in, acknowledged once they are safe; alarm topics and our own status out.

One thread does all network work through paho's interface for outside event loops, for three reasons: several
packets are read per look at the socket; acknowledgements are sent by the thread that also reconnects, so that one
meant for an old connection cannot reach the new one, where message ids begin again; and when `Ingest` is full the
thread stops reading, so that TCP and the broker hold what follows, while it still writes and keeps the
connection alive. MQTT 3.1.1 by default: paho parses version 5 more slowly.
"""

import json
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.errors import MqttUnavailable
from ingest.message import Message
from ingest.pipeline import Ingest

__all__ = ["MqttSettings", "MqttSource"]

log = structlog.get_logger(__name__)

_BURST_PACKETS = 128
"""Read at most before they are handed over; bounds the delay of the first."""
_STEADY_S = 10.0
"""A connection that stood so long counts as good: the next pause is short again. Two clients fighting over one
client id, each throwing the other out, never get there."""
_FULL_LOOK_S = 0.05
"""How often a full `Ingest` is asked for room."""
_STOP_LOOK_S = 0.25
"""How often a quiet connection looks whether to stop."""
_FAREWELL_S = 5.0
"""For the last commits and acknowledgements at the end."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where and how to connect; ``[mqtt]`` of the configuration."""

    url: str = "mqtt://127.0.0.1:1883"
    """``mqtt://host:port``, or ``mqtts://`` for TLS."""
    client_id: str = "hazmon"
    """Fixed, since the broker keeps the session under it; one per running service."""
    username: str = ""
    password: str = field(default="", repr=False)
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    topics: tuple[str, ...] = ("hazmon/v1/#",)
    keepalive_s: int = 30
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    session_expiry_s: int = 7 * 86_400
    """How long the broker keeps our session while we are away; MQTT 5 only, 3.1.1 leaves it to the broker."""
    first_pause_s: float = 1.0
    """Before the second attempt to connect; doubles, with jitter, up to ``longest_pause_s``."""
    longest_pause_s: float = 60.0

    @property
    def status_topic(self) -> str:
        """Retained, with a last will: ``{"state": "online" | "stalled" | "offline" | "lost", "time": ms}``."""
        return f"hazmon-status/v1/{self.client_id}"


class MqttSource:
    """Feeds `Ingest` from a broker, and publishes to it.

    Parameters
    ----------
    settings : MqttSettings
        Where and how.
    ingest : Ingest
        Takes the messages.
    clock_ms : callable
        The wall clock, for times of receipt. [ms since 1970 UTC]
    on_connected : callable, optional
        Called in the network thread whenever the broker has taken us (back); must not block. A broker that was
        replaced or emptied has lost what was retained, so whoever keeps retained topics publishes them again.

    Raises
    ------
    ValueError
        If the URL is not one of a broker.
    OSError
        If a certificate file cannot be read.
    """

    def __init__(
        self,
        settings: MqttSettings,
        ingest: Ingest,
        clock_ms: Callable[[], int],
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._ingest = ingest
        self._clock_ms = clock_ms
        self._on_connected = on_connected
        self._burst: list[Message] = []
        self._received_ms = 0
        self._acknowledge = self.acknowledge  # one object, so that a group's messages compare equal
        self._generation = 0
        self._to_acknowledge: deque[Sequence[int]] = deque()
        self._wake_in: socket.socket | None = None
        self._wake_out: socket.socket | None = None
        self._subscribed = False
        self._up = False
        self._full = False
        self._problem = "not started"
        self._status_at_s = 0.0
        self._steady = False
        self._leaving = False
        self._client = self._new_client()

    # --- for others

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted connection and subscription."""
        return self._up

    def ready(self) -> tuple[bool, str]:
        """Whether messages arrive, and if not, why."""
        if not self._up:
            return False, f"not connected to {self._where}: {self._problem}"
        if self._full:
            return False, f"connected to {self._where}, but not reading: ingest is full"
        return True, f"connected to {self._where}"

    def publish(
        self, topic: str, payload: bytes, retain: bool = False, qos: Literal[0, 1] = 1, timeout_s: float = 5.0
    ) -> None:
        """Publish from any thread but this source's own; with QoS 1 return once the broker has it.

        Raises
        ------
        MqttUnavailable
            Not connected, or no acknowledgement in time; in that case it may still arrive.
        """
        if not self._up:
            raise MqttUnavailable(f"not connected to {self._where}: {self._problem}")
        info = self._client.publish(topic, payload, qos, retain)
        self._wake()
        if qos == 0:
            return
        try:
            info.wait_for_publish(timeout_s)
            if info.is_published():
                return
            problem = f"not acknowledged within {timeout_s} s"
        except (RuntimeError, ValueError) as e:  # what paho raises for a connection lost meanwhile
            problem = str(e)
        raise MqttUnavailable(f"{topic}: {problem}")

    def acknowledge(self, tokens: Sequence[int]) -> None:
        """Let the network thread acknowledge these messages; for `Ingest`."""
        self._to_acknowledge.append(tokens)
        self._wake()

    # --- the network thread

    def run(self, stop: threading.Event) -> None:
        """Connect, read, reconnect, until ``stop`` is set; then a clean goodbye.

        Set the `Ingest`'s own stop no earlier: what it still commits is acknowledged on the way out.
        """
        pause_s = self._settings.first_pause_s
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        try:
            while not stop.is_set():
                if self._connect():
                    self._serve(stop)
                if stop.is_set():
                    break
                self._down()
                if self._steady:
                    pause_s = self._settings.first_pause_s
                stop.wait(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  -- jitter
                pause_s = min(pause_s * 2, self._settings.longest_pause_s)
            self._farewell()
        finally:
            self._down()
            self._problem = "stopped"
            if (sock := self._client.socket()) is not None:  # the goodbye did not get through
                sock.close()
            self._wake_in.close()
            self._wake_out.close()

    def _connect(self) -> bool:
        self._generation += 1
        self._to_acknowledge.clear()
        self._steady = False
        try:
            self._client.reconnect()
        except OSError as e:
            self._complain(str(e))
            return False
        return True

    def _serve(self, stop: threading.Event) -> None:
        """Work on one connection until it is lost."""
        client = self._client
        began_s = time.monotonic()
        try:
            while (sock := client.socket()) is not None and not stop.is_set():
                now_s = time.monotonic()
                self._steady = self._steady or (self._up and now_s - began_s > _STEADY_S)
                room = self._ingest.accepting
                if self._full is room:
                    self._full = not room
                    log.warning("not reading from the broker: ingest is full") if self._full else log.info("reading on")
                    self._status_at_s = 0.0
                if self._up and now_s - self._status_at_s > self._settings.keepalive_s / 3:
                    # Also keeps the connection alive while nothing is read, not even the answer to a ping.
                    self._status_at_s = now_s
                    client.publish(
                        self._settings.status_topic, self._status("stalled" if self._full else "online"), 0, True
                    )
                emptied = self._turn(sock, room)
                if emptied and room:
                    client.loop_misc()
        except Exception as e:  # paho lets struct.error and others escape when a peer sends nonsense
            log.exception("connection failed")
            self._problem = f"{type(e).__name__}: {e}"
        finally:
            self._hand_over()

    def _turn(self, sock: Any, room: bool) -> bool:
        """Wait for the socket, read a burst, send what is to send. True if nothing is left to read."""
        client, wake_in = self._client, self._wake_in
        assert wake_in is not None
        poll = select.poll()  # not select(): our descriptors may be beyond 1024
        poll.register(wake_in, select.POLLIN)
        wanted = (select.POLLIN if room else 0) | (select.POLLOUT if client.want_write() else 0)
        if wanted:  # else not even asked about: a closed connection would answer at once, again and again
            poll.register(sock, wanted)
        # TLS may hold decrypted bytes that the socket does not show.
        decrypted = room and isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
        ready = dict(poll.poll(0 if decrypted else 1000 * (_STOP_LOOK_S if room else _FULL_LOOK_S)))
        if wake_in.fileno() in ready:
            wake_in.recv(4096)
        emptied = True
        if room and (decrypted or ready.get(sock.fileno(), 0) & ~select.POLLOUT):
            emptied = self._read()
        self._send_acknowledgements()
        if client.socket() is not None and client.want_write():
            client.loop_write()
        return emptied

    def _read(self) -> bool:
        self._received_ms = self._clock_ms()
        for _ in range(_BURST_PACKETS):
            before = len(self._burst)
            if self._client.loop_read() is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            if len(self._burst) == before:
                self._hand_over()
                return True
        self._hand_over()
        return False

    def _hand_over(self) -> None:
        if self._burst:
            burst, self._burst = self._burst, []
            self._ingest.put(burst)

    def _send_acknowledgements(self) -> None:
        generation, ack = self._generation, self._client.ack
        while self._to_acknowledge:
            for token in self._to_acknowledge.popleft():
                if token >> 16 == generation:
                    ack(token & 0xFFFF, 1)

    def _farewell(self) -> None:
        """Acknowledge what is still being committed, say goodbye and close."""
        client = self._client
        self._leaving = True
        end_s = time.monotonic() + _FAREWELL_S
        try:
            while client.socket() is not None and not self._ingest.drained(0.01) and time.monotonic() < end_s:
                self._turn(client.socket(), room=False)
            if client.socket() is not None:
                self._send_acknowledgements()
                client.publish(self._settings.status_topic, self._status("offline"), 0, True)
                client.disconnect()
            while client.socket() is not None and time.monotonic() < end_s:
                self._turn(client.socket(), room=False)
        except Exception:  # as in _serve; the will speaks for us then
            log.exception("goodbye to the broker failed")

    def _wake(self) -> None:
        wake_out = self._wake_out
        if wake_out is None:
            return
        try:
            wake_out.send(b"\0")
        except OSError:  # full, so it will wake anyway; or closed, so nobody is left to wake
            return

    # --- paho's callbacks, all in the network thread

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(topic is not UTF-8)"
        if message.qos:
            token, acknowledge = self._generation << 16 | message.mid, self._acknowledge
        else:
            token, acknowledge = 0, None
        payload = bytes(message.payload)  # no copy: it is bytes already
        self._burst.append(Message(topic, payload, self._received_ms, message.retain, token, acknowledge))

    def _on_connect(
        self, client: Client, userdata: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._complain(f"refused: {reason}")
            return
        # Subscribed again even to a session that the broker says it kept: routes may have changed, and a broker
        # that lost the subscription but not the session would leave us deaf.
        topics = self._settings.topics
        if self._settings.protocol == "5":
            # Retained messages only for a new subscription; they are not fresh data on a mere reconnect.
            once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, once) for topic in topics])
        else:
            client.subscribe([(topic, 1) for topic in topics])

    def _on_subscribe(
        self, client: Client, userdata: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = [topic for topic, reason in zip(self._settings.topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._complain(f"the broker refuses the subscription to {', '.join(refused)}")
            client.disconnect()
            return
        self._up = True
        self._problem = ""
        self._status_at_s = 0.0
        log.info("connected to the broker", broker=self._where)
        self._on_connected()

    def _on_disconnect(
        self,
        client: Client,
        userdata: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._up and not self._leaving:
            self._down()
            self._complain(f"connection lost: {reason}")

    def _down(self) -> None:
        self._up = False
        self._full = False

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("no broker", broker=self._where, problem=problem)
        self._problem = problem

    # --- set-up

    @property
    def _where(self) -> str:
        url = urlsplit(self._settings.url)
        return f"{url.scheme}://{url.hostname}:{url.port or (8883 if url.scheme == 'mqtts' else 1883)}"

    def _status(self, state: str) -> bytes:
        return json.dumps({"state": state, "time": self._clock_ms()}).encode()

    def _new_client(self) -> Client:
        settings = self._settings
        url = urlsplit(settings.url)
        if url.scheme not in ("mqtt", "mqtts") or not url.hostname:
            raise ValueError(f"{settings.url!r} is not a broker's URL; give mqtt://host:port or mqtts://host:port")
        v5 = settings.protocol == "5"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if v5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,  # `run` does that, with pauses
            manual_ack=True,
        )
        username = settings.username or unquote(url.username or "")
        if username:
            client.username_pw_set(username, settings.password or unquote(url.password or "") or None)
        if url.scheme == "mqtts":
            context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
            if settings.cert_file:
                context.load_cert_chain(settings.cert_file, settings.key_file)
            client.tls_set_context(context)
        client.will_set(settings.status_topic, self._status("lost"), 1, True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        # With this callback set, paho leaves all writing to our loop; otherwise `publish` in another thread would write
        # to the socket itself, in the middle of a packet of ours.
        client.on_socket_register_write = lambda *_: None
        port = url.port or (8883 if url.scheme == "mqtts" else 1883)
        if v5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = settings.session_expiry_s
            client.connect_async(url.hostname, port, settings.keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect_async(url.hostname, port, settings.keepalive_s)
        return client
