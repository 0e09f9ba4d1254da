"""Sends what scenarios and replays yield to a broker: in time, at QoS 1, through outages.

A producer puts messages into a bounded outbox when they are due; a sender empties it over one connection after the
other. What a broken connection did not acknowledge is sent again, so a reading may arrive twice, but none is lost
unless the outbox overflows, and that is counted and said.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import aiomqtt
import structlog
from aiomqtt.exceptions import MqttConnectError

from simulators.address import BrokerAddress, parse_broker_url
from simulators.errors import SimulatorError
from simulators.payload import Form, Message, messages
from simulators.scenario import Scenario
from simulators.step import Step

__all__ = ["Counts", "Progress", "Speed", "WhenFull", "publish", "send"]

log = structlog.get_logger(__name__)

Speed = float | Literal["max"]
"""How many times faster than life; ``max`` sends without waiting."""

WhenFull = Literal["drop_oldest", "wait"]
"""What a full outbox does to the next message."""

_WINDOW = 200
"""Messages in flight to the broker at once."""
_OUTBOX = 100_000
_LOOK_EVERY_S = 0.2
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run has done so far."""

    readings: int = 0
    """Acknowledged by the broker."""
    messages: int = 0
    """Acknowledged by the broker."""
    waiting: int = 0
    """Messages in the outbox."""
    dropped: int = 0
    """Readings lost because the outbox was full, or the run ended with the broker away."""
    connections: int = 0
    """How often the broker was reached."""


Progress = Callable[[Counts], None]
"""Is told the counts after every batch; from the event loop's thread, so it must be quick."""


async def publish(
    scenario: Scenario,
    url: str,
    *,
    password: str | None = None,
    ca_file: Path | None = None,
    speed: Speed = 1.0,
    for_s: float | None = None,
    seed: int = 1,
    form: Form = Form.READING,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    connect_within_s: float = 30.0,
) -> Counts:
    """Run a scenario against a broker.

    Parameters
    ----------
    scenario
        What to run.
    url
        ``mqtt://[user@]host[:port]`` or ``mqtts://…``.
    password, ca_file
        See `parse_broker_url`.
    speed
        The plant lives this many times faster; stamps stay the wall clock's, so that readings are live. ``max`` does
        not wait: it back-fills the last ``for_s`` seconds at once, at the plant's own pace.
    for_s
        How long; None is until stopped. [s of stamps]
    seed
        The same seed gives the same plant.
    form
        One message a reading, or one a step.
    stop
        Set it from the event loop to end early; cancelling the task does as well.
    progress
        Called with the counts now and then.
    clock_ms
        The wall clock; asked once, at the start.
    connect_within_s
        How long the first connection may take. Later the sender tries for ever. [s]

    Returns
    -------
    Counts

    Raises
    ------
    SimulatorError
        If the URL or speed is wrong, the broker refuses the user, or it cannot be reached at the start.
    """
    address = parse_broker_url(url, password, ca_file)
    now_ms = clock_ms()
    if for_s is not None and not for_s > 0:
        raise SimulatorError(f"duration {for_s:g} s: give one above 0")
    if speed == "max":
        if for_s is None:
            raise SimulatorError("speed max needs a duration: how far back the readings begin, such as 24h")
        steps = scenario.steps(now_ms - round(for_s * 1000), seed, 1.0)
    else:
        steps = scenario.steps(now_ms, seed, speed)
    return await send(
        _until(steps, for_s),
        address,
        paced=speed != "max",
        when_full="wait" if speed == "max" else "drop_oldest",
        form=form,
        stop=stop,
        progress=progress,
        connect_within_s=connect_within_s,
    )


def _until(steps: Iterator[Step], for_s: float | None) -> Iterator[Step]:
    for step in steps:
        if for_s is not None and step.due_s >= for_s:
            return
        yield step


async def send(
    steps: Iterator[Step],
    address: BrokerAddress,
    *,
    paced: bool,
    when_full: WhenFull = "drop_oldest",
    form: Form = Form.READING,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    connect_within_s: float = 30.0,
    finish_within_s: float = 5.0,
    outbox_messages: int = _OUTBOX,
) -> Counts:
    """Send steps to a broker; ends with the steps, or when ``stop`` is set.

    Parameters
    ----------
    steps
        In the order of `Step.due_s`.
    address
        The broker.
    paced
        True sends each step when it is due, False as fast as the broker takes it.
    when_full
        With the broker away or slow: live data drops the oldest messages of a full outbox, a file can wait.
    form, stop, progress, connect_within_s
        See `publish`.
    finish_within_s
        How long to go on trying for what is left in the outbox at the end, if the broker is away. [s]
    outbox_messages
        Size of the outbox.

    Raises
    ------
    SimulatorError
        If the broker refuses us, or cannot be reached at the start.
    """
    run = _Run(address, form, stop or asyncio.Event(), progress, outbox_messages)
    producer = asyncio.create_task(run.produce(steps, paced, when_full))
    sender = asyncio.create_task(run.deliver(connect_within_s))
    try:
        await asyncio.wait([producer, sender], return_when=asyncio.FIRST_COMPLETED)
        if producer.done():
            producer.result()
            loop = asyncio.get_running_loop()
            last_seen_s = loop.time()
            while not sender.done() and loop.time() - last_seen_s < finish_within_s:
                await asyncio.wait([sender], timeout=_LOOK_EVERY_S)
                # Before the first connection the sender has a deadline of its own, and says more than we could.
                if not run.away or (run.never_connected and not run.stopped):
                    last_seen_s = loop.time()
    finally:
        for task in (producer, sender):
            task.cancel()
        await asyncio.gather(producer, sender, return_exceptions=True)
    if not sender.cancelled() and (error := sender.exception()) is not None:
        raise error
    return run.finish()


class _Run:
    """One run: the outbox and the two tasks around it."""

    def __init__(
        self,
        address: BrokerAddress,
        form: Form,
        stop: asyncio.Event,
        progress: Progress | None,
        outbox_messages: int,
    ) -> None:
        self._address, self._form, self._stop, self._progress = address, form, stop, progress
        self._size = outbox_messages
        self._outbox: deque[Message] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._produced = False
        self._dropping = False
        self._counts = Counts()
        self.away = True
        """Whether there is no connection."""

    @property
    def never_connected(self) -> bool:
        """Whether the broker has not been reached so far."""
        return self._counts.connections == 0

    @property
    def stopped(self) -> bool:
        """Whether somebody asked to end."""
        return self._stop.is_set()

    def finish(self) -> Counts:
        """The counts at the end; what is still in the outbox is lost."""
        lost = sum(message.n_readings for message in self._outbox)
        if lost:
            log.warning("readings not sent", readings=lost, broker=str(self._address))
        return replace(self._counts, dropped=self._counts.dropped + lost, waiting=0)

    async def produce(self, steps: Iterator[Step], paced: bool, when_full: WhenFull) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for step in steps:
            wait_s = start_s + step.due_s - loop.time() if paced else 0.0
            if wait_s > 0.0 and await self._stopped_within(wait_s):
                break
            if self._stop.is_set():
                break
            for message in messages(step, self._form):
                self._put(message)
            self._filled.set()
            while when_full == "wait" and len(self._outbox) >= min(10 * _WINDOW, self._size):
                self._emptied.clear()
                if await self._stopped_before(self._emptied):
                    break
            await asyncio.sleep(0)  # when behind, let the sender and the signals have their turn all the same
        self._produced = True
        self._filled.set()

    async def deliver(self, connect_within_s: float) -> None:
        deadline_s = asyncio.get_running_loop().time() + connect_within_s
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                async with self._client() as client:
                    self.away = False
                    self._dropping = False
                    if self._counts.connections:
                        log.info("broker is back", broker=str(self._address), waiting=len(self._outbox))
                    self._counts = replace(self._counts, connections=self._counts.connections + 1)
                    pause_s = _FIRST_PAUSE_S
                    await self._empty(client)
                    return
            except aiomqtt.MqttError as error:
                first = self._counts.connections == 0
                if isinstance(error, MqttConnectError) and first:
                    raise SimulatorError(
                        f"broker {self._address}: refuses us ({error}); check user and password"
                    ) from error
                if first and "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise SimulatorError(
                        f"broker {self._address}: its certificate is not trusted; give the CA file it was signed with"
                    ) from error
                if first and asyncio.get_running_loop().time() >= deadline_s:
                    raise SimulatorError(
                        f"broker {self._address}: cannot be reached within {connect_within_s:g} s ({error});"
                        " start it, or give another address"
                    ) from error
                if first and pause_s == _FIRST_PAUSE_S:
                    log.warning("broker cannot be reached yet", broker=str(self._address), reason=str(error))
                elif not self.away:
                    log.warning("broker is away", broker=str(self._address), reason=str(error))
                self.away = True
            # Jitter, so that many publishers do not come back at the same instant.
            if first:
                pause_s = min(pause_s, max(deadline_s - asyncio.get_running_loop().time(), 0.0))
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311
            pause_s = min(2.0 * pause_s, _LONGEST_PAUSE_S)

    def _client(self) -> aiomqtt.Client:
        a = self._address
        client = aiomqtt.Client(
            a.host,
            a.port,
            username=a.username,
            password=a.password,
            tls_context=a.tls,
            keepalive=30,
            max_inflight_messages=_WINDOW,
        )
        client.pending_calls_threshold = 10 * _WINDOW
        return client

    def _put(self, message: Message) -> None:
        if len(self._outbox) >= self._size:
            oldest = self._outbox.popleft()
            self._counts = replace(self._counts, dropped=self._counts.dropped + oldest.n_readings)
            if not self._dropping:
                log.warning("outbox full, dropping the oldest readings", messages=self._size, broker=str(self._address))
                self._dropping = True
        self._outbox.append(message)

    async def _stopped_before(self, event: asyncio.Event) -> bool:
        waits = [asyncio.create_task(e.wait()) for e in (event, self._stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self._stop.is_set()

    async def _stopped_within(self, span_s: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), span_s)
        except TimeoutError:
            return False
        return True

    async def _empty(self, client: aiomqtt.Client) -> None:
        """Send from the outbox until the steps are over and it is empty; MqttError when the connection breaks."""
        broken = asyncio.create_task(_until_broken(client))
        try:
            while True:
                if not self._outbox:
                    if self._produced:
                        return
                    self._filled.clear()
                    filled = asyncio.create_task(self._filled.wait())
                    await asyncio.wait((filled, broken), return_when=asyncio.FIRST_COMPLETED)
                    filled.cancel()
                if broken.done():
                    broken.result()
                await self._send_batch(client, broken)
        finally:
            broken.cancel()
            await asyncio.gather(broken, return_exceptions=True)

    async def _send_batch(self, client: aiomqtt.Client, broken: "asyncio.Task[None]") -> None:
        batch = [self._outbox.popleft() for _ in range(min(_WINDOW, len(self._outbox)))]
        tasks = [asyncio.create_task(client.publish(m.topic, m.payload, qos=1)) for m in batch]
        everything = asyncio.gather(*tasks, return_exceptions=True)
        try:
            # aiomqtt leaves a publish waiting when the connection breaks, so the break is watched for beside it.
            await asyncio.wait((asyncio.ensure_future(everything), broken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            acknowledged = [task.done() and not task.cancelled() and task.exception() is None for task in tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(everything, return_exceptions=True)
            self._outbox.extendleft(m for m, ok in zip(reversed(batch), reversed(acknowledged), strict=True) if not ok)
            self._counts = replace(
                self._counts,
                messages=self._counts.messages + sum(acknowledged),
                readings=self._counts.readings
                + sum(m.n_readings for m, ok in zip(batch, acknowledged, strict=True) if ok),
                waiting=len(self._outbox),
            )
            self._emptied.set()
            if self._progress is not None:
                self._progress(self._counts)
        if not all(acknowledged):
            raise aiomqtt.MqttError("the connection broke before the broker had acknowledged everything")


async def _until_broken(client: aiomqtt.Client) -> None:
    """MqttError when the connection breaks; we subscribe to nothing, so no message ever comes."""
    async for _ in client.messages:
        pass
