"""The running service: the only place that builds the parts and connects them.

::

    MqttSource ─> Ingest ─> SqliteLog ─┬─> AlarmProcessor ─> Desk, Journal ─┬─> DeliveryWorker, one a channel
                                       │                                    ├─> AlarmTopics ─> MQTT
                                       ├─> StoreWriter ─> Store             └─> EventWriter ─> Store
                                       └─> DerivedConsumer ─> SqliteLog
    API and console (uvicorn) read the journal and the store, and act through the Desk.

Each arrow is a thread that remembers how far it has read, so it matters little in which order they start or stop.
"""

import asyncio
import fcntl
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import structlog
import uvicorn

from alerting.desk import Desk
from alerting.errors import ChannelError, JournalError, LogMismatchError
from alerting.journal import Journal
from alerting.limit_overrides import keep_limit_override, limit_overrides
from alerting.messages import Messages
from alerting.notify.delivery import DeliveryWorker
from alerting.notify.mqtt_state import AlarmTopics
from alerting.notify.outbox import Outbox
from alerting.notify.routing import Match, Route, Router
from alerting.notify.webhook import WebhookChannel
from alerting.processor import AlarmProcessor
from api.app import create_app, end_streams
from api.keys import Keys
from api.services import Services
from hazards.catalogue import load_catalogue
from hazards.checks import Checks
from hazards.plant import Plant, PointKey
from hazmon import __version__
from hazmon.config import Settings
from hazmon.derived_consumer import CONSUMER as DERIVED
from hazmon.derived_consumer import DerivedConsumer
from hazmon.event_writer import EventWriter
from hazmon.figures import Figures, figures_of
from hazmon.housekeeping import Housekeeping
from hazmon.keys import journal_url
from hazmon.limits_keeper import LimitsKeeper, with_overrides
from hazmon.logs import set_up_logs
from hazmon.threads import Worker
from ingest.directory import Directory
from ingest.errors import IngestError, MqttUnavailable
from ingest.log import SqliteLog
from ingest.mqtt import MqttSettings, MqttSource
from ingest.pipeline import Ingest, IngestSettings
from ingest.rejects import Rejects
from ingest.routes import open_routes, topic_filters
from ingest.stats import IngestStats
from ingest.stores.open import open_store
from ingest.writer import StoreWriter

__all__ = ["Service", "ServiceError", "run_service"]

log = structlog.get_logger(__name__)

_STOPPING_ORDER = ("broker", "ingest", "derived", "alerting", "store", "alarm_topics", "alarm_events", "housekeeping")
"""Sources first, so that what has arrived goes as far as it can."""
_NEVER_READ_AGAIN = 1 << 62
_GRACE_S = 5
"""For requests under way when the service is told to stop."""


class ServiceError(Exception):
    """The service can't start; the text says why and what would help."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Service:
    """Everything behind `hazmon run`, and behind the demo.

    Parameters
    ----------
    settings : Settings
        The configuration.
    plant : Plant
        As its files say.
    channel_secrets : mapping
        Signing secrets by the name in ``secret_env``; the environment.
    login_code : str, optional
        Lets a browser into the console without a key; for the demo.
    when_port_taken : {"refuse", "take_another"}
        What to do if somebody listens on the API's port already.
    language : {"zh", "en"}, optional
        Of the console, in place of the configuration's.

    Raises
    ------
    ServiceError
        If it can't start as configured: a folder that can't be written, another hazmon at work in it, a port that
        is taken, a secret that is none.
    """

    def __init__(
        self,
        settings: Settings,
        plant: Plant,
        channel_secrets: Mapping[str, str] = os.environ,
        *,
        login_code: str | None = None,
        when_port_taken: Literal["refuse", "take_another"] = "refuse",
        language: str | None = None,
    ) -> None:
        self.settings = settings
        self._closing = ExitStack()
        try:
            self._build(settings, plant, channel_secrets, login_code, when_port_taken, language)
        except OSError as error:
            self._closing.close()
            raise ServiceError(f"data.dir {settings.data.dir}: {error.strerror or error}") from error
        except (IngestError, JournalError) as error:
            self._closing.close()
            raise ServiceError(f"data.dir {settings.data.dir}: {error}") from error
        except (ChannelError, LogMismatchError, ServiceError) as error:
            self._closing.close()
            raise ServiceError(str(error)) from error

    def _build(
        self,
        settings: Settings,
        plant: Plant,
        channel_secrets: Mapping[str, str],
        login_code: str | None,
        when_port_taken: Literal["refuse", "take_another"],
        language: str | None,
    ) -> None:
        data = settings.data.dir
        data.mkdir(parents=True, exist_ok=True)
        self._closing.callback(_only_one_in(data))
        self._socket = self._closing.enter_context(_listen(settings.api.listen, when_port_taken))
        catalogue = load_catalogue()

        # The log and what feeds it.
        self.log = SqliteLog(data / "log.db")
        self._closing.callback(self.log.close)
        self.stats = IngestStats()
        self.journal = Journal(journal_url(data))
        self._closing.callback(self.journal.close)
        plant = with_overrides(plant, limit_overrides(self.journal))
        self.log.point_ids([p.key for p in plant.points])  # virtual points too: the watch judges them by number
        directory = Directory(self.log, plant.measured)
        rejects = Rejects(data / "rejects.db")
        self._closing.callback(rejects.close)
        rejects.forget_known([p.key for p in plant.measured])
        routes = [route.spec() for route in settings.ingest.routes]
        self.ingest = Ingest(
            self.log,
            directory,
            rejects,
            _now_ms,
            self.stats,
            IngestSettings(
                commit_every_ms=settings.ingest.commit_every_ms,
                group_messages=settings.ingest.commit_messages,
                queue_messages=settings.ingest.queue_messages,
            ),
            open_routes(routes, directory, settings.ingest.max_payload_bytes, self._command),
        )
        topics = AlarmTopics(self.journal, self._publish)
        self.mqtt = MqttSource(_mqtt_settings(settings, topic_filters(routes)), self.ingest, _now_ms, topics.refresh)

        # What reads the log.
        token = settings.store.token.get_secret_value() if settings.store.token else ""
        store = open_store(settings.store.url, token, data, directory)
        self._closing.callback(store.close)
        self.writer = StoreWriter(self.log, store, rejects, _now_ms, self.stats)
        router = Router(
            [
                Route(
                    Match.of(**route.match.model_dump()),
                    tuple(route.channels),
                    "continue" if route.continue_ else "stop",
                )
                for route in settings.notify.routes
            ]
        )
        self.desk = Desk(self.journal, _now_ms, router, Messages(plant, catalogue.kinds, settings.alerting.time_zone))
        self.processor = AlarmProcessor(
            self.log, plant, self.journal, self.desk, snapshot_every_ms=settings.alerting.snapshot_every
        )
        self._limits = LimitsKeeper(self.log, plant.points, _now_ms)

        self.derived = DerivedConsumer(self.log, plant, data / "derived.state", _now_ms) if plant.derivations else None
        if self.derived is None and self.log.consumer_offset(DERIVED):
            self.log.commit(DERIVED, _NEVER_READ_AGAIN)  # else retention would wait for a consumer that is gone

        # What reads the journal.
        channels = [WebhookChannel(c.name, c.url, channel_secrets[c.secret_env]) for c in settings.notify.channels]
        Outbox.bury_others(self.journal, [c.name for c in channels], _now_ms())
        self.deliveries = [DeliveryWorker(self.journal, channel, _now_ms) for channel in channels]
        events = EventWriter(self.journal, store)
        housekeeping = Housekeeping(self.log, settings.log, _now_ms)

        self._workers = {
            "alerting": Worker("alerting", self.processor.run),
            "store": Worker("store", self.writer.run),
            **({"derived": Worker("derived", self.derived.run)} if self.derived else {}),
            "alarm_topics": Worker("alarm-topics", topics.run),
            "alarm_events": Worker("alarm-events", events.run),
            "housekeeping": Worker("housekeeping", housekeeping.run),
            "ingest": Worker("ingest", self.ingest.run),
            "broker": Worker("mqtt", self.mqtt.run),
        }
        self._ready: dict[str, Callable[[], tuple[bool, str]]] = {
            "broker": self.mqtt.ready,
            "ingest": self.ingest.ready,
            "store": self.writer.ready,
            "alerting": self.processor.ready,
            **({"derived": self.derived.ready} if self.derived else {}),
        }
        services = Services(
            journal=self.journal,
            desk=self.desk,
            keys=Keys(self.journal, _now_ms),
            plant=plant,
            catalogue=catalogue,
            log=self.log,
            store=store,
            rejects=rejects,
            stats=self.stats,
            clock_ms=_now_ms,
            set_limits=self._set_limits,
            readiness=self.readiness,
            consumer_offsets=self._consumer_offsets,
            version=__version__,
            delivery_failures=lambda: {d.channel: d.failed for d in self.deliveries},
            engine_late=lambda: self.processor.late,
            session_secret=_session_secret(data),
            login_code=login_code,
            language=language or settings.alerting.language,
            time_zone=settings.alerting.time_zone,
        )
        self._server = _Server(create_app(services))
        self._server_thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Of the API and the console."""
        host, port = self._socket.getsockname()[:2]
        return f"http://{host}:{port}"

    # --- life

    def start(self) -> None:
        """Start every thread but the server's. Broker and store may come later."""
        changed = self._limits.reconcile(self.processor.checks_in_force())
        if changed:
            log.info("limits taken over from the plant's files", points=changed)
        for delivery in self.deliveries:
            delivery.start()
        for worker in self._workers.values():
            worker.start()
        log.info("hazmon is up", version=__version__, url=self.url, data=str(self.settings.data.dir))

    def serve(self) -> None:
        """Serve the API in this thread until `end`."""
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def serve_in_background(self) -> None:
        """Serve the API in a thread of its own until `stop`."""
        self._server_thread = threading.Thread(target=self.serve, name="api", daemon=True)
        self._server_thread.start()

    def end(self) -> None:
        """Let `serve` return; for signal handlers."""
        self._server.stop()

    def stop(self) -> None:
        """Stop everything, sources first, so that what has arrived goes as far as it can."""
        self._server.stop()
        for name in _STOPPING_ORDER:
            if name in self._workers:
                self._workers[name].stop()
        for delivery in self.deliveries:
            delivery.stop()
        if self._server_thread is not None:
            self._server_thread.join(2 * _GRACE_S)
        self._closing.close()
        log.info("hazmon has stopped")

    # --- how it is

    def readiness(self) -> Mapping[str, tuple[bool, str]]:
        """Each part by name: whether it works, and a word on it."""
        return {name: ready() for name, ready in self._ready.items()}

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until every part works.

        Raises
        ------
        ServiceError
            At the timeout, with what is still missing.
        """
        end = time.monotonic() + timeout_s
        while missing := {name: why for name, (well, why) in self.readiness().items() if not well}:
            if time.monotonic() > end:
                raise ServiceError("; ".join(f"{name}: {why}" for name, why in missing.items()))
            time.sleep(0.02)

    def drained(self) -> bool:
        """Whether everything that has arrived is stored, judged and told."""
        end = self.log.last_offset
        return (
            self.ingest.drained(0)
            # A tick may come between the questions.
            and all(offset >= end - 1 for offset in self._consumer_offsets().values())
            and all(d.waiting == 0 for d in self.deliveries)
        )

    def figures(self) -> Figures:
        """What has happened since the start, as the demo reports it."""
        derived = self.derived.written if self.derived else 0
        return figures_of(self.stats.snapshot(), self.stats.rejected(), derived, self.processor.late, self.journal)

    # --- connections between parts

    def _consumer_offsets(self) -> dict[str, int]:
        """How far each consumer of the log has read."""
        offsets = {"alerting": self.processor.offset, "store": self.writer.offset}
        return offsets | ({"derived": self.derived.offset} if self.derived else {})

    def _publish(self, topic: str, payload: bytes) -> bool:
        """Publish a retained alarm topic; False if the broker is away."""
        try:
            self.mqtt.publish(topic, payload, retain=True)
        except MqttUnavailable:
            return False
        return True

    def _command(self, topic: str, payload: bytes) -> None:
        """Send a decoder's request to a device, without waiting; it asks again if that fails."""
        self.mqtt.publish(topic, payload, qos=0)

    def _set_limits(self, key: PointKey, fields: Mapping[str, float], by: str, reason: str) -> Checks:
        number = int(self.log.point_ids([key])[0])
        keep_limit_override(self.journal, key, fields, by, reason, _now_ms())
        return self._limits.change(number, fields)


class _Server(uvicorn.Server):
    """uvicorn, told to end the streams of events when it is to stop: they would never end by themselves."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
                lifespan="on",
            )
        )
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run_service`: uvicorn would raise them anew before the rest has stopped."""
        yield

    def stop(self) -> None:
        """End, from any thread."""
        self.should_exit = True
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(end_streams, self._app)


def run_service(settings: Settings, plant: Plant) -> None:
    """Run until SIGTERM or SIGINT.

    Raises
    ------
    ServiceError
        If it can't start.
    """
    set_up_logs()
    service = Service(settings, plant)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda _signal, _frame: service.end())
    try:
        service.start()
        service.serve()
    finally:
        service.stop()


def _only_one_in(data: Path) -> Callable[[], None]:
    """Take the data folder for this process; how to give it back."""
    lock = (data / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ServiceError(
            f"data.dir {data}: another hazmon is at work in it; stop that one, or give this one a folder of its own"
        ) from None
    return lock.close


def _listen(address: str, when_taken: Literal["refuse", "take_another"]) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
    except OSError as error:
        if when_taken == "refuse":
            listener.close()
            raise ServiceError(
                f"api.listen {address}: {error.strerror}; give another port, or stop what listens there"
            ) from error
        listener.bind((host, 0))
    return listener


def _session_secret(data: Path) -> bytes:
    """Signs the console's sessions; kept, so that a restart logs nobody out."""
    file = data / "session-secret"
    if not file.exists():
        file.touch(0o600)
        file.write_bytes(secrets.token_bytes(32))
    return file.read_bytes()


def _mqtt_settings(settings: Settings, topics: tuple[str, ...]) -> MqttSettings:
    mqtt = settings.mqtt
    return MqttSettings(
        url=mqtt.url,
        client_id=mqtt.client_id,
        username=mqtt.username or "",
        password=mqtt.password.get_secret_value() if mqtt.password else "",
        protocol=mqtt.protocol,
        topics=topics,
        keepalive_s=mqtt.keepalive_s,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
    )
