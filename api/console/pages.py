"""The pages: open alarms, one alarm, points, one point."""

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response
from nicegui import ui
from nicegui.events import GenericEventArguments

from api.console.alarm_panel import AlarmPanel, take_alarm
from api.console.elements import AlarmList, PointHead, PointList
from api.console.page import Console, Page, throttled
from api.console.rows import alarm_rows, live_values, point_row
from api.console.span import SpanError, span_of
from api.console.trend import RANGES
from api.console.trend_panel import TrendPanel
from api.console.words import say
from hazards.plant import Point, PointKey

__all__ = ["add_pages"]

_MOST_POINTS = 200
_TIMEOUT_S = 15.0


def add_pages(console: Console) -> None:
    """Register the pages with NiceGUI."""

    @ui.page("/", response_timeout=_TIMEOUT_S)
    async def alarms_page(request: Request) -> Response | None:
        page = await Page.open(console, request, "alarms")
        if isinstance(page, Response):
            return page
        await _alarms(page, request.query_params.get("alarm"))
        return None

    @ui.page("/alarms/{alarm_id}", response_timeout=_TIMEOUT_S)
    async def alarm_page(request: Request, alarm_id: str) -> Response | None:
        page = await Page.open(console, request, "alarm")
        if isinstance(page, Response):
            return page
        with ui.element("main").classes("hz-main"), ui.element("div").classes("hz-side"):
            panel = AlarmPanel(page)
            if not await panel.show(alarm_id[:36]):
                _nothing(page, "gone")
        _follow(page, panel)
        return None

    @ui.page("/points", response_timeout=_TIMEOUT_S)
    async def points_page(request: Request) -> Response | None:
        page = await Page.open(console, request, "points")
        if isinstance(page, Response):
            return page
        _points(page, request.query_params.get("q", "")[:100])
        return None

    @ui.page("/points/{enterprise}/{point}", response_timeout=_TIMEOUT_S)
    async def point_page(request: Request, enterprise: str, point: str) -> Response | None:
        page = await Page.open(console, request, "point")
        if isinstance(page, Response):
            return page
        found = page.at.points.get(PointKey(enterprise, point)) if page.who.sees(enterprise) else None
        with ui.element("main").classes("hz-main"):
            if found is None:
                _nothing(page, "no_point")
            else:
                await _point(page, found, request)
        return None


async def _alarms(page: Page, chosen: str | None) -> None:
    shown = alarm_rows(page.at, page.language, page.who.enterprise)
    with ui.element("main").classes("hz-main two"):
        with ui.element("div").classes("hz-left"):
            listed = AlarmList(
                page.words,
                rows=shown["rows"],
                more=shown["more"],
                totals={"counts": shown["counts"], "to_take": shown["to_take"]},
                live=live_values(page.at, page.language, page.who.enterprise),
                chosen="",
                can_act=page.can_act,
                well=page.console.pulse.content["well"],
            )
        with ui.element("div").classes("hz-side"):
            hint = ui.label(page.words["pick"]).classes("hz-pick")
            panel = AlarmPanel(page)

    async def pick(alarm_id: str) -> None:
        listed.show(chosen=alarm_id)
        hint.set_visibility(not await panel.show(alarm_id))

    async def picked(event: GenericEventArguments) -> None:
        await pick(str(event.args)[:36])

    async def taken(event: GenericEventArguments) -> None:
        await take_alarm(page, str(event.args)[:36])

    def refresh() -> None:
        new = alarm_rows(page.at, page.language, page.who.enterprise)
        totals = {"counts": new["counts"], "to_take": new["to_take"]}
        listed.show(rows=new["rows"], more=new["more"], totals=totals)

    listed.on("pick", picked)
    listed.on("take", taken)
    page.until_closed(page.at.board.watch(throttled(refresh)))
    page.until_closed(
        page.console.pulse.watch(
            lambda: listed.show(
                well=page.console.pulse.content["well"], live=live_values(page.at, page.language, page.who.enterprise)
            )
        )
    )
    _follow(page, panel)
    if chosen or shown["rows"]:
        await pick((chosen or shown["rows"][0]["id"])[:36])


def _follow(page: Page, panel: AlarmPanel) -> None:
    """Show the alarm of the panel again when something may have happened to it."""

    async def again() -> None:
        if panel.alarm_id is not None:
            await panel.show(panel.alarm_id)

    page.until_closed(page.at.board.watch(throttled(lambda: page.client.safe_invoke(again))))


def _points(page: Page, query: str) -> None:
    wanted = [query]

    def rows() -> dict[str, object]:
        words = wanted[0].casefold().split()

        def keep(p: Point) -> bool:
            kind = page.at.services.catalogue.kinds.get(p.kind)
            text = f"{p.id} {p.name.zh} {p.name.en} {p.kind} {kind.name.zh if kind else ''} {p.source} {p.enterprise}"
            return page.who.sees(p.enterprise) and all(w in text.casefold() for w in words)

        found, _ = page.at.points.page(keep, _MOST_POINTS, None)
        now_ms = page.at.services.clock_ms()
        total = len(page.at.points) if page.who.enterprise is None else len(found)
        return {"rows": [point_row(page.at, p, page.language, now_ms) for p in found], "total": total}

    with ui.element("main").classes("hz-main"):
        listed = PointList(page.words, query=query, **rows())

    def search(event: GenericEventArguments) -> None:
        wanted[0] = str(event.args)[:100]
        listed.show(**rows())

    listed.on("search", search)
    page.until_closed(page.console.pulse.watch(lambda: listed.show(**rows())))


async def _point(page: Page, point: Point, request: Request) -> None:
    services = page.at.services
    kind = services.catalogue.kinds.get(point.kind)
    source = page.at.points.source(point.enterprise, point.source)
    enterprise = page.at.points.enterprise(point.enterprise)
    names = [x.name.in_language(page.language) for x in (enterprise, source, kind) if x is not None]
    word = request.query_params.get("range", "1h")
    trouble = ""
    start_ms: int | None
    end_ms: int | None
    try:
        start_ms, end_ms = span_of(request.query_params, services.clock_ms())
    except SpanError:
        start_ms, end_ms, trouble = None, None, say(page.language, "bad_range")
    if word not in RANGES:
        word = "1h"

    def now() -> dict[str, str]:
        row = point_row(page.at, point, page.language, services.clock_ms())
        return {"value": row["value"], "unit": row["unit"], "state": row["state"], "word": page.words[row["state"]]}

    head = PointHead(
        page.words,
        name=point.name.in_language(page.language),
        about=" · ".join([point.id, *names]),
        here=f"/points/{quote(point.enterprise)}/{quote(point.id)}",
        now=now(),
        ranges=list(RANGES),
        range=word if start_ms is None else "",
        start=start_ms,
        end=end_ms,
        trouble=trouble,
    )
    page.until_closed(page.console.pulse.watch(lambda: head.show(now=now())))
    trend = TrendPanel(page, tall=True)
    await trend.show(point, start_ms, end_ms, RANGES[word], headed=False)


def _nothing(page: Page, word: str) -> None:
    ui.label(page.words[word]).classes("hz-pick")
