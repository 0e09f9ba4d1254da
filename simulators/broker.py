"""An MQTT broker for the demo alone: amqtt, in a process of its own, on a free loopback port.

``python -m simulators.broker --port 0`` prints one line, its address, once it listens, and stops cleanly on
SIGTERM and SIGINT, and with ``--stop-with-stdin`` also when its standard input ends, so that it does not outlive a
parent that was killed.
`DemoBroker` starts and stops that process.

Not for production, and not only because pure Python takes some thousand messages a second: amqtt speaks
MQTT 3.1.1 alone, keeps everything in memory, gives up on a QoS 1 delivery that is not acknowledged within 5 s,
and forgets the deliveries in flight when a subscriber's connection breaks. Use mosquitto or EMQX there.
"""

import argparse
import asyncio
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from simulators.errors import SimulatorError

__all__ = ["AllowEveryone", "DemoBroker", "main", "serve"]

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0


class AllowEveryone(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Let every client in, without making it *anonymous*.

    amqtt's own `AnonymousAuthPlugin` marks the session anonymous, and the broker then drops the session and the
    messages queued for it as soon as the client disconnects, persistent or not.
    """

    async def authenticate(self, *, session: Session) -> bool:
        """Accept."""
        return True


async def serve(host: str, port: int, *, listening: "asyncio.Future[int]", stop: asyncio.Event) -> None:
    """Run the broker until ``stop`` is set.

    Parameters
    ----------
    host, port
        Where to listen; port 0 takes a free one.
    listening
        Receives the port once the broker accepts connections.
    stop
        Ends it.

    Raises
    ------
    SimulatorError
        If the port cannot be had.
    """
    if port == 0:
        port = _free_port(host)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
            "plugins": {f"{AllowEveryone.__module__}.AllowEveryone": {}},
        }
    )
    try:
        await broker.start()
    except Exception as error:  # amqtt wraps whatever the listener raised in several families
        raise SimulatorError(f"broker: {host}:{port} cannot be had ({error}); give a free port, or 0") from error
    listening.set_result(port)
    try:
        await stop.wait()
    finally:
        await broker.shutdown()


class DemoBroker:
    """The broker in its own process; a context manager.

    Attributes
    ----------
    port : int
        Where it listens on 127.0.0.1.
    url : str
        ``mqtt://127.0.0.1:PORT``

    Raises
    ------
    SimulatorError
        If it does not come up.
    """

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulators.broker", "--port", str(port), "--stop-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C goes to the whole process group; the broker must outlive its clients' clean disconnects.
            start_new_session=True,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_TIMEOUT_S)
        line = self._process.stdout.readline() if ready else ""
        if not line.startswith("mqtt://"):
            self.stop()
            code = self._process.returncode
            raise SimulatorError(f"broker: did not start (exit {code}); run `python -m simulators.broker` to see why")
        self.url = line.strip()
        self.port = int(self.url.rpartition(":")[2])

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The broker's process."""
        return self._process.pid

    def stop(self) -> None:
        """Ask it to stop, and see that it does. Calling it again does nothing."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> "DemoBroker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broker in this process; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulators.broker", description="MQTT broker of the demo")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input ends")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="broker: %(message)s")
    # A subscriber that vanishes is reported once per message in flight; the demo's terminal is for alarms.
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    try:
        asyncio.run(_main(options.host, options.port, stop_with_stdin=options.stop_with_stdin))
    except SimulatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _main(host: str, port: int, *, stop_with_stdin: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listening: asyncio.Future[int] = loop.create_future()
    task = asyncio.create_task(serve(host, port, listening=listening, stop=stop))
    await asyncio.wait((asyncio.ensure_future(task), listening), return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        print(f"mqtt://{host}:{listening.result()}", flush=True)
        if stop_with_stdin:
            loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, stop)
    await task


def _stop_at_end_of_input(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise SimulatorError(f"broker: {host} is not an address of this machine ({error})") from error
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
