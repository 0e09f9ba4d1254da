"""What people look at, over simulated data on real parts: every query of the dashboard, and the page in Chromium."""

import subprocess
import time
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from hazards.plant_files import load_plant
from tests.support.dashboard_queries import dashboard_queries
from tests.support.hazmon_process import HazmonProcess
from tests.support.servers import CHROMIUM_FLAGS, wait_until

pytestmark = pytest.mark.servers

SAMPLE_PLANT = Path(__file__).parents[2] / "simulators" / "plant"


@pytest.fixture
def hazmon(mosquitto, influxd, influx_database):
    """`hazmon run` on the sample plant, half a minute into the demo's incidents."""
    with HazmonProcess(mosquitto.url, influxd.url(influx_database), SAMPLE_PLANT) as process:
        process.wait_ready()
        command = [process.program, "simulate", "demo", "--broker", mosquitto.url, "--for", "25s"]
        simulated = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        assert simulated.returncode == 0, simulated.stderr
        yield process


def test_every_query_of_the_dashboard_returns_the_simulated_data(hazmon, influxd, influx_database):
    end_ms = int(time.time() * 1000) + 60_000
    start_ms = end_ms - 600_000
    wait_until(lambda: influxd.query('SELECT count("id") FROM "alarm_event"', influx_database), "alarm events")
    points = influxd.query('SELECT count("value") FROM "reading" GROUP BY "point"', influx_database)
    plant = load_plant(SAMPLE_PLANT)
    virtual = {p.key for p in plant.logic}
    assert len(points) == sum(p.key not in virtual for p in plant.points), "every simulated and derived point is stored"
    empty = [
        str(query)
        for query in dashboard_queries(start_ms, end_ms)
        if not influxd.query(query.influxql, influx_database) and not query.empty_when_well
    ]
    assert empty == []


def test_an_operator_sees_an_alarm_come_and_takes_it(hazmon, chromium, publish):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        page = browser.new_page(locale="zh-CN", viewport={"width": 1920, "height": 1080})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{hazmon.address}/login")
        page.fill("#key", hazmon.key("operator"))
        page.click("button")
        page.get_by_text("主要通风机开停").first.wait_for()

        publish("hazmon/v1/M001/CO-01", {"t": int(time.time() * 1000), "v": 999})
        row = page.locator("li[data-alarm]", has_text="CO-01")
        row.wait_for()  # it comes by itself
        assert "橙色" in row.inner_text(), "the colour is also a word"
        assert "999" in row.inner_text()
        row.get_by_role("button", name="确认").click()
        wait_until(lambda: hazmon.events("CO-01")[-1:] == ["alarm.acknowledged"], "the acknowledgement to be told")

        page.goto(f"{hazmon.address}/points/M001/CH4-01")
        page.locator(".hz-chart canvas").first.wait_for()
        assert complaints == []
        browser.close()
