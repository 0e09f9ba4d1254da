"""systemd accepts the units, and finds the service hardened."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units with a program that this machine has."""
    for file in UNITS.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(UNITS)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(file.read_text().replace("/opt/hazmon/bin/hazmon", "/bin/true"))
    return tmp_path


def analyze(*arguments: object) -> str:
    done = subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout + done.stderr


def test_systemd_accepts_every_unit(units: Path) -> None:
    assert analyze("verify", *sorted(units.glob("*.service"))) == ""


@pytest.mark.parametrize("unit", ["hazmon.service", "hazmon-simulate@.service"])
def test_exposure_is_low(units: Path, unit: str) -> None:
    said = analyze("security", "--offline=true", "--no-pager", units / unit)
    level = re.search(r"exposure level for .*: ([0-9.]+)", said)
    assert level is not None, said
    assert float(level[1]) < 2.0


def test_the_service_restarts_for_ever_but_not_on_a_wrong_configuration() -> None:
    unit = (UNITS / "hazmon.service").read_text()
    for line in ["Restart=always", "StartLimitIntervalSec=0", "RestartPreventExitStatus=2", "ProtectSystem=strict"]:
        assert f"\n{line}\n" in unit
