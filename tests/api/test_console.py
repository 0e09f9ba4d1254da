"""The operators' page, served and opened in Chromium."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from alerting.alarm import Alarm, AlarmState
from api.console.sessions import COOKIE, Sessions
from api.keys import Identity, Keys, Role
from hazards.condition import Condition
from tests.support.api_rig import CH4, H2S, NOW_MS, WIND, ApiRig
from tests.support.served import ServedApp
from tests.support.servers import CHROMIUM_FLAGS, wait_until


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiRig]:
    made = ApiRig(tmp_path_factory.mktemp("console"), session_secret=b"s" * 32, login_code="once-only")
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(rig: ApiRig) -> Iterator[ServedApp]:
    """The application with the console; NiceGUI allows one a process, and this is it."""
    with ServedApp(rig.app(), ws="wsproto") as made:
        yield made


@pytest.fixture
def visitor(served: ServedApp) -> Iterator[httpx.Client]:
    """A browser without scripts."""
    with httpx.Client(base_url=served.url, timeout=10) as made:
        yield made


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_FLAGS))
        yield made
        made.close()


@pytest.fixture
def visit(rig: ApiRig, served: ServedApp, browser: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(path, role=..., enterprise=..., locale=...)`` logs in with a key and goes there.

    At the end nothing may have gone wrong in the page, and nothing may have been asked of another host.
    """
    complaints: list[str] = []
    with contextlib.ExitStack() as closing:

        def go(
            path: str = "/",
            role: Role = Role.OPERATOR,
            enterprise: str | None = None,
            locale: str = "en-US",
            **size: int,
        ) -> Page:
            viewport: Any = {"width": size.get("width", 1920), "height": size.get("height", 1080)}
            context = browser.new_context(locale=locale, viewport=viewport, timezone_id="Asia/Shanghai")
            closing.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: complaints.append(f"{error}"))
            page.on(
                "request", lambda r: None if served.url in r.url or r.url[:5] == "data:" else complaints.append(r.url)
            )
            page.goto(f"{served.url}{path}")
            page.fill("#key", rig.key(role, enterprise))
            page.click("form.in button")
            page.wait_for_selector(".hz-bar")
            return page

        yield go
    assert complaints == []


def row(page: Page, alarm: Alarm) -> Any:
    return page.locator(f".hz-alarms li[data-alarm='{alarm.id}']")


# --- logging in


def test_without_a_session_every_page_leads_to_the_login_and_back(visitor: httpx.Client) -> None:
    for path in ("/", "/points", "/points/M001/CH4-01?range=8h", "/alarms/some-id"):
        answer = visitor.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=%2F")
    form = visitor.get("/login?next=%2Fpoints%3Frange%3D8h", headers={"accept-language": "zh-CN"})
    assert 'value="/points?range=8h"' in form.text
    assert "密钥" in form.text
    assert form.headers["cache-control"] == "no-store"


def test_a_key_opens_a_session_in_a_careful_cookie(rig: ApiRig, visitor: httpx.Client) -> None:
    key = rig.key(Role.VIEWER)
    answer = visitor.post("/login", data={"key": key, "next": "/points"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/points")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert key.split("_")[2] not in cookie
    assert visitor.get("/points").status_code == 200
    rig.keys.revoke(key.split("_")[1])
    assert visitor.get("/points").status_code == 303, "a revoked key ends its sessions"


def test_a_wrong_key_is_told_and_opens_nothing(visitor: httpx.Client) -> None:
    answer = visitor.post("/login", data={"key": "hz_aaaaaaaaaaaa_" + "x" * 43})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"])
def test_a_link_cannot_lead_elsewhere_after_the_login(rig: ApiRig, visitor: httpx.Client, target: str) -> None:
    answer = visitor.post("/login", data={"key": rig.key(Role.VIEWER), "next": target})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("header", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}])
def test_another_sites_form_is_refused(rig: ApiRig, visitor: httpx.Client, path: str, header: dict[str, str]) -> None:
    answer = visitor.post(path, data={"key": rig.key(Role.VIEWER)}, headers=header)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_login_link_works_once(served: ServedApp) -> None:
    for status in (303, 403):
        with httpx.Client(base_url=served.url) as somebody:
            answer = somebody.get("/login?code=once-only")
            assert answer.status_code == status
            assert ("set-cookie" in answer.headers) is (status == 303)


def test_a_forged_or_old_session_is_none(rig: ApiRig) -> None:
    from fastapi import Response

    now_ms = [NOW_MS]
    key = rig.key(Role.VIEWER)
    keys: Keys = rig.keys
    sessions = Sessions(b"a" * 32, keys, lambda: now_ms[0], lasts_s=60)
    who = keys.check(key)
    assert isinstance(who, Identity)
    response = Response()
    sessions.open(response, who, secure=True)
    assert "Secure" in response.headers["set-cookie"]
    value = response.headers["set-cookie"].split(";")[0].partition("=")[2]
    assert sessions.identity({COOKIE: value}) == who
    assert Sessions(b"b" * 32, keys, lambda: NOW_MS).identity({COOKIE: value}) is None
    for broken in ("", ".", "x", value[:-2], value.split(".")[0], "é.é", value.replace(".", "..")):
        assert sessions.identity({COOKIE: broken}) is None
    now_ms[0] += 60_000
    assert sessions.identity({COOKIE: value}) is None


def test_the_api_keeps_its_own_paths_beside_the_console(visitor: httpx.Client) -> None:
    for method, path, status in (
        ("GET", "/api/v1/none", 404),
        ("POST", "/healthz", 405),
        ("DELETE", "/api/v1/alarms", 405),
    ):
        answer = visitor.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert visitor.get("/healthz").status_code == 200


# --- the page


@pytest.mark.servers
def test_an_alarm_appears_by_itself_and_is_acknowledged(rig: ApiRig, visit: Callable[..., Page]) -> None:
    page = visit()
    row(page, rig.raise_alarm(WIND, Condition.LOW, 0.2)).wait_for()
    alarm = rig.raise_alarm(CH4, Condition.HIGH_HIGH, 1.62)
    mine = row(page, alarm)
    mine.wait_for()
    assert page.locator(".hz-alarms li").first.get_attribute("data-alarm") == alarm.id, "the worst is on top"
    text = mine.inner_text()
    for word in ("RED", "1.62", "%CH4", "1.50", "Methane at the face", "Longwall face 1203", "UNACKNOWLEDGED"):
        assert word in text
    mine.get_by_role("button", name="Acknowledge").click()
    wait_until(
        lambda: (a := rig.journal.alarm(alarm.id)) and a.acknowledged_by == "test operator", "the journal to say so"
    )
    mine.get_by_text("Acknowledged", exact=True).wait_for()
    assert mine.get_by_role("button").count() == 0
    assert page.locator(".hz-alarms li").first.get_attribute("data-alarm") != alarm.id, (
        "what is still to take comes first"
    )


@pytest.mark.servers
def test_the_detail_tells_what_to_do_and_takes_comments(rig: ApiRig, visit: Callable[..., Page]) -> None:
    page = visit(locale="zh-CN")
    alarm = rig.raise_alarm(CH4, Condition.HIGH, 1.2)
    row(page, alarm).click()
    detail = page.locator(".hz-detail")
    detail.get_by_text("处置指引").wait_for()
    page.locator(".hz-side .hz-trend canvas").first.wait_for()
    page.fill(".hz-acts input", "<b>已到现场</b>")
    detail.get_by_role("button", name="确认", exact=True).click()
    detail.locator(".hz-history q", has_text="<b>已到现场</b>").wait_for()  # as text, not as markup
    assert rig.journal.history(alarm.id)[-1].comment == "<b>已到现场</b>"
    detail.get_by_role("button", name="搁置…").click()
    page.fill(".hz-shelve input", "更换传感器")
    detail.locator(".hz-shelve").get_by_role("button", name="搁置", exact=True).click()
    wait_until(lambda: rig.journal.alarm(alarm.id).state is AlarmState.SHELVED, "the alarm to be shelved")  # type: ignore[union-attr]


@pytest.mark.servers
def test_a_viewer_has_no_buttons(rig: ApiRig, visit: Callable[..., Page]) -> None:
    alarm = rig.raise_alarm(H2S, Condition.HIGH, 12.0)
    page = visit(role=Role.VIEWER)
    row(page, alarm).click()
    page.locator(".hz-detail h2").wait_for()
    assert page.locator(".hz-do button, .hz-acts").count() == 0


@pytest.mark.servers
def test_a_key_for_one_enterprise_sees_no_other(rig: ApiRig, visit: Callable[..., Page]) -> None:
    other = rig.raise_alarm(CH4, Condition.HIGH, 1.2)
    own = rig.raise_alarm(H2S, Condition.HIGH, 12.0)
    page = visit(enterprise="T001")
    row(page, own).wait_for()
    assert row(page, other).count() == 0
    origin = page.url.rstrip("/")
    page.goto(f"{origin}/alarms/{other.id}")
    page.get_by_text("There is no such alarm").wait_for()
    page.goto(f"{origin}/points/M001/CH4-01")
    page.get_by_text("There is no such point").wait_for()
    page.goto(f"{origin}/points")
    page.locator(".hz-points tbody tr").first.wait_for()
    assert page.locator(".hz-points tbody tr").count() == 2


@pytest.mark.servers
def test_an_old_recording_has_its_trend_at_its_own_address(rig: ApiRig, visit: Callable[..., Page]) -> None:
    start = 1_700_000_000_000
    times = start + 30_000 * np.arange(120)
    rig.send_many(CH4, times, 0.5 + 0.7 * np.sin(np.arange(120) / 19), np.zeros(120))
    page = visit(f"/points/M001/CH4-01?start={start}&end=2023-11-14T23:13:20Z")
    page.locator(".hz-chart canvas").first.wait_for()
    assert page.input_value(".hz-span input >> nth=0") == "2023-11-15T06:13"
    assert not page.locator(".hz-note:visible").count()
    page.goto(page.url.split("?")[0] + "?start=10&end=5")
    page.get_by_text("This range of time is not valid").wait_for()


@pytest.mark.servers
def test_points_are_found_and_lead_to_their_trend(rig: ApiRig, visit: Callable[..., Page]) -> None:
    rig.send(CH4, rig.now_ms, 0.42)
    page = visit("/points", locale="zh-CN")
    page.fill(".hz-search input", "甲烷")
    rows = page.locator(".hz-points tbody tr")
    wait_until(lambda: rows.count() == 1 and "0.42" in rows.first.inner_text(), "one point with its value")
    rows.first.click()
    page.locator(".hz-chart canvas").first.wait_for()
    page.get_by_text("0.42").first.wait_for()


@pytest.mark.servers
def test_the_bar_shows_what_is_not_well_and_changes_language(rig: ApiRig, visit: Callable[..., Page]) -> None:
    page = visit()
    rig.ready["store"] = (False, "no answer")
    page.locator(".hz-chip.bad").filter(has_text="Store").wait_for()
    rig.ready["store"] = (True, "")
    page.locator(".hz-chip.ok").filter(has_text="Store").wait_for()
    page.get_by_text("中文").click()
    page.get_by_text("报警").first.wait_for()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


@pytest.mark.servers
def test_a_phone_shows_the_list_and_opens_an_alarm_on_a_page_of_its_own(
    rig: ApiRig, visit: Callable[..., Page]
) -> None:
    alarm = rig.raise_alarm(CH4, Condition.HIGH, 1.2)
    page = visit(width=390, height=844)
    row(page, alarm).locator(".hz-what").click()
    page.wait_for_url(f"**/alarms/{alarm.id}")
    page.locator(".hz-detail h2").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing sticks out"


@pytest.mark.servers
def test_a_lost_connection_is_seen(visit: Callable[..., Page]) -> None:
    page = visit()
    page.context.set_offline(True)
    page.evaluate("window.socket.io.engine.close()")
    page.locator("#popup[aria-hidden=false], .hz-stale").first.wait_for()
    page.context.set_offline(False)
