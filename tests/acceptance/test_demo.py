"""`hazmon demo`: the whole system with embedded parts, three incidents, a report that adds up, a clean end."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import wait_until

pytestmark = pytest.mark.servers

HAZMON = Path(sys.executable).parent / "hazmon"


def test_half_a_minute_has_three_incidents_and_a_report_that_adds_up(tmp_path):
    report = tmp_path / "report.json"
    done = subprocess.run(
        [HAZMON, "demo", "--for", "40s", "--port", "0", "--report", report],
        capture_output=True,
        text=True,
        timeout=150,
        env={**os.environ, "LC_ALL": "zh_CN.UTF-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    figures = json.loads(report.read_text())
    readings = figures["readings"]
    assert readings["received"] == readings["logged"] == readings["stored"] > 1000
    assert (readings["late"], readings["rejected"]) == (0, 0)
    assert figures["alarms"]["raised"] >= 10
    assert figures["alarms"]["cleared"] >= 1
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert figures["webhooks_delivered"] == done.stdout.count("推送已签收")
    for enterprise in ("示例煤矿", "示例煤制油厂", "示例铁矿"):
        assert re.search(f"【[红橙黄]色】{enterprise}", done.stdout), f"an alarm at {enterprise}"
    assert "升级" in done.stdout


def test_ctrl_c_ends_it_cleanly_and_leaves_nothing_behind(tmp_path):
    with subprocess.Popen(
        [HAZMON, "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C", "TMPDIR": str(tmp_path)},
    ) as demo:
        assert demo.stdout is not None
        line = ""
        while "Ctrl-C" not in line:
            line = demo.stdout.readline()
            assert line, "it ended by itself"
        assert list(tmp_path.iterdir()), "its data is in a folder of its own"
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal sends it: to every process of the group
        rest = demo.stdout.read()
    assert demo.returncode == 0, rest
    assert "readings:" in rest
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())

    def gone() -> bool:
        try:
            os.killpg(demo.pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(gone, "all of its processes to be gone")
