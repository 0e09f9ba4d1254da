"""`hazmon run` as an outsider sees it: a process, its configuration folder, its API, a receiver of its webhooks."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from hazmon.receiver import WebhookReceiver
from tests.support.servers import Server, wait_until

__all__ = ["METHANE_POINTS", "SECRET", "HazmonProcess", "write_plant"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

METHANE_POINTS = "\n".join(
    [
        "enterprise,source,point,kind,placement,high,high_high,high_high_clear,low,"
        "on_delay,off_delay,no_data_after,rate,frozen_after",
        *(f"M001,face-1203,CH4-0{n},ch4,T1,1.0,1.5,1.0,-,0s,0s,-,-,-" for n in (1, 2, 3)),
    ]
)
"""Three methane points at a coal face, with the limits of AQ 1029 and nothing else watched."""

PLANT_TOML = """\
[[enterprise]]
id = "M001"
name = { zh = "甲矿", en = "Mine A" }
region = "140105"
lat = 37.8
lon = 112.6
[[enterprise.source]]
id = "face-1203"
type = "coal-mine"
name = { zh = "1203综采工作面", en = "Longwall face 1203" }
"""


def write_plant(folder: Path, points_csv: str) -> None:
    """A plant of one mine with one face, and these points."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plant.toml").write_text(PLANT_TOML, encoding="utf-8")
    (folder / "points.csv").write_text(points_csv, encoding="utf-8")


class HazmonProcess(Server):
    """A context manager around `hazmon run`; killable and restartable on the same folder and ports.

    Parameters
    ----------
    mqtt_url, store_url : str
        As the configuration takes them.
    plant : str or Path
        The plant's points, see `write_plant`; or the folder of a plant.
    extra_toml : str
        More of the configuration.
    """

    name = "hazmon"

    def __init__(self, mqtt_url: str, store_url: str, plant: str | Path, extra_toml: str = "") -> None:
        super().__init__()
        self.receiver = WebhookReceiver(SECRET)
        self._mqtt_url, self._store_url, self._extra = mqtt_url, store_url, extra_toml
        if isinstance(plant, Path):
            self._plant = plant
        else:
            self._plant = self.folder / "plant"
            write_plant(self._plant, plant)

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.receiver.close()

    def _find(self) -> str:
        return str(Path(sys.executable).parent / "hazmon")

    @property
    def program(self) -> str:
        """The installed console script."""
        return self._program

    @property
    def address(self) -> str:
        """Of the API and the console."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "hazmon.toml"

    def _configure(self) -> list[str]:
        self.config.write_text(
            f'[mqtt]\nurl = "{self._mqtt_url}"\n[data]\ndir = "data"\n[plant]\ndir = "{self._plant}"\n'
            f'[store]\nurl = "{self._store_url}"\n[api]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[[notify.channels]]\nname = "duty"\nkind = "webhook"\nurl = "{self.receiver.url}"\n'
            f'secret_env = "DUTY_SECRET"\n[[notify.routes]]\nmatch = {{}}\nchannels = ["duty"]\n{self._extra}',
            encoding="utf-8",
        )
        os.environ["DUTY_SECRET"] = SECRET
        return [self._program, "run", "-c", str(self.config)]

    def _answers(self) -> bool:
        return self.call("GET", "/healthz")[0] == 200

    def wait_ready(self) -> None:
        """Until /readyz says 200."""
        wait_until(lambda: self.call("GET", "/readyz")[0] == 200, "hazmon to be ready", 40)

    def run_program(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `hazmon` with these words, to its end."""
        return subprocess.run([self._program, *words], capture_output=True, text=True, timeout=60, check=False)

    def end(self, sig: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit status."""
        process = self._process
        assert process is not None
        self._end(sig)
        return process.returncode

    def key(self, role: str, enterprise: str | None = None) -> str:
        """A new API key, made by the command that an administrator uses."""
        words = ["key", "create", "-c", str(self.config), "--role", role, "--name", f"test-{role}"]
        out = self.run_program(*words, *(["--enterprise", enterprise] if enterprise else []))
        assert out.returncode == 0, out.stderr
        return out.stdout.strip().splitlines()[-1]

    def call(self, method: str, path: str, key: str | None = None, body: object = None) -> tuple[int, Any]:
        """Status and parsed body of one request; (0, None) when nobody listens."""
        request = urllib.request.Request(
            f"{self.address}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "content-type": "application/json",
                **({"authorization": f"Bearer {key}"} if key else {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                status, raw, kind = answer.status, answer.read(), answer.headers.get("content-type", "")
        except urllib.error.HTTPError as error:
            status, raw, kind = error.code, error.read(), error.headers.get("content-type", "")
        except (urllib.error.URLError, ConnectionError):
            return 0, None
        return status, json.loads(raw) if "json" in kind else raw

    def events(self, point: str | None = None) -> list[str]:
        """Types of the webhooks delivered so far, in order of arrival, of one point or of all."""
        with contextlib.suppress(KeyError):
            return [
                d.event["type"]
                for d in list(self.receiver.deliveries)
                if point is None or d.event["data"]["point"] == point
            ]
        raise AssertionError("a delivery without type or point")
