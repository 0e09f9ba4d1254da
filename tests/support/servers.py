"""Real servers for tests: mosquitto, InfluxDB 1.x and Chromium, each with a folder and loopback ports of its own.

A server that this machine lacks skips the test with the reason; with ``CI=true`` it fails it instead, so
that a build never passes for want of the real part.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

__all__ = [
    "CHROMIUM_FLAGS",
    "Influxd",
    "Mosquitto",
    "Server",
    "find_chromium",
    "find_program",
    "free_port",
    "wait_until",
]

_running: set["Server"] = set()


@atexit.register
def _stop_what_is_left() -> None:
    for server in list(_running):
        server.kill()


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = 20.0, pause_s: float = 0.01) -> Any:
    """Poll until ``condition()`` is true and hand back its value; fail the test at the deadline.

    A condition that raises counts as not yet true; the last error is shown at the deadline.
    """
    end = time.monotonic() + deadline_s
    error: Exception | None = None
    while True:
        try:
            if got := condition():
                return got
            error = None
        except Exception as e:  # whatever a server half-way up or down makes of a question
            error = e
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline_s} s for {what}" + (f"; last error: {error!r}" if error else ""))
        time.sleep(pause_s)


def find_program(names: Sequence[str], package: str) -> str:
    """Path of the first program there is; else skip the test, or fail it when ``CI=true``."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    reason = f"{' or '.join(names)} is not installed (Debian: apt-get install {package})"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""For a container without a display, a sandbox of its own or a way out."""


def find_chromium() -> str:
    """Path of Chromium or Chrome; skips or fails like `find_program`."""
    return find_program(["chromium", "chromium-browser", "google-chrome"], "chromium")


class Server:
    """One server process: a context manager that can be stopped, killed, paused and started again.

    Its folder and ports stay the same over restarts and go when the block ends.
    """

    name = "server"

    def __init__(self) -> None:
        self._program = self._find()
        self.folder = Path(tempfile.mkdtemp(prefix=f"hazmon-{self.name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    # --- what each kind of server says
    def _find(self) -> str:
        raise NotImplementedError

    def _configure(self) -> list[str]:
        """Write the configuration for `port` and return the command."""
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    # --- life
    def __enter__(self) -> Self:
        try:
            for attempt in range(5):
                self.port = free_port()
                try:
                    self.start()
                    return self
                except RuntimeError:  # another process took the port between our look and the server's bind
                    if attempt == 4:
                        raise
        except BaseException:
            self.__exit__(None, None, None)
            raise
        raise AssertionError("unreachable")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and return once it answers. RuntimeError with the end of its output if it exits instead."""
        assert not self.running
        command = self._configure()
        with (self.folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        _running.add(self)
        process = self._process

        def up() -> bool:
            return process.poll() is not None or self._answers()

        wait_until(up, f"{self.name} to answer on port {self.port}")
        if process.poll() is not None:
            raise RuntimeError(f"{self.name} exited with {process.returncode}: {self.output()[-800:]}")

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait; killed if it takes more than 10 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same port with the same folder."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stand, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def output(self) -> str:
        """All it printed so far."""
        file = self.folder / "output.txt"
        return file.read_text(errors="replace") if file.exists() else ""

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        _running.discard(self)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)  # a paused process would sleep through SIGTERM
            process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Mosquitto(Server):
    """A mosquitto that anybody may use, with persistence and no in-flight limit.

    Parameters
    ----------
    extra : str
        More lines of mosquitto.conf.
    inflight : int
        ``max_inflight_messages``; 0 is no limit.
    """

    name = "mosquitto"

    def __init__(self, extra: str = "", inflight: int = 0) -> None:
        super().__init__()
        self._extra = extra
        self._inflight = inflight

    @property
    def url(self) -> str:
        """As ``[mqtt] url`` takes it."""
        return f"mqtt://127.0.0.1:{self.port}"

    def _find(self) -> str:
        return find_program(["mosquitto"], "mosquitto")

    def _configure(self) -> list[str]:
        file = self.folder / "mosquitto.conf"
        # As root mosquitto would become user `mosquitto`, who cannot write into our folder.
        user = "user root\n" if os.geteuid() == 0 else ""
        file.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}"
            f"max_inflight_messages {self._inflight}\nmax_queued_messages 0\n"
            f"persistence true\npersistence_location {self.folder}/\nautosave_interval 1\n"
            f"log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n{self._extra}\n"
        )
        return [self._program, "-c", str(file)]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Influxd(Server):
    """An InfluxDB 1.x without users."""

    name = "influxd"

    def __init__(self) -> None:
        super().__init__()
        self._rpc_port = 0

    @property
    def http(self) -> str:
        """Its address as a browser would have it."""
        return f"http://127.0.0.1:{self.port}"

    def url(self, database: str = "readings") -> str:
        """As ``[store] url`` takes it."""
        return f"influxdb+{self.http}?database={database}"

    def query(self, influxql: str, database: str = "readings") -> list[dict[str, Any]]:
        """The series of the first result; times in epoch milliseconds. RuntimeError with the server's reason."""
        body = urllib.parse.urlencode({"db": database, "q": influxql, "epoch": "ms"}).encode()
        with urllib.request.urlopen(f"{self.http}/query", body, timeout=30) as answer:
            result = json.load(answer)["results"][0]
        if "error" in result:
            raise RuntimeError(result["error"])
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def create(self, database: str) -> None:
        """Create a database; nothing happens if it is there."""
        self.query(f'CREATE DATABASE "{database}"')

    def _find(self) -> str:
        return find_program(["influxd"], "influxdb")

    def _configure(self) -> list[str]:
        self._rpc_port = free_port()
        file = self.folder / "influxdb.conf"
        file.write_text(
            f'reporting-disabled = true\nbind-address = "127.0.0.1:{self._rpc_port}"\n'
            f'[meta]\ndir = "{self.folder}/meta"\n'
            f'[data]\ndir = "{self.folder}/data"\nwal-dir = "{self.folder}/wal"\nindex-version = "tsi1"\n'
            "query-log-enabled = false\n"
            f'[http]\nbind-address = "127.0.0.1:{self.port}"\nlog-enabled = false\n'
            "[monitor]\nstore-enabled = false\n"
        )
        return [self._program, "-config", str(file)]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.http}/ping", timeout=1) as answer:
            return bool(answer.status == 204)
        return False
