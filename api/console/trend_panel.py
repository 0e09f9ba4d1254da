"""A point's trend on the page: it loads a range, draws it, and goes on drawing while the range ends now."""

from typing import Any

from anyio.to_thread import run_sync
from nicegui import ui

from alerting.alarm import Alarm
from alerting.errors import JournalError
from api.console.page import Page
from api.console.trend import RANGES, every_for, trend_options
from api.console.words import say
from api.records import alarms_of_point
from hazards.plant import Point
from ingest.errors import IngestError
from ingest.stores.base import Row

__all__ = ["TrendPanel"]

_MOST_READINGS = 20_000
_LOOK_S = 2.0
"""How often a live trend looks whether its point has a newer reading: in memory, no query."""


class TrendPanel:
    """One chart.

    Parameters
    ----------
    page : Page
        Where it is.
    tall : bool
        Whether it has the page to itself.
    """

    def __init__(self, page: Page, tall: bool = False) -> None:
        self._page = page
        self._point: Point | None = None
        self._span_ms = RANGES["1h"]
        self._start_ms: int | None = None
        self._end_ms: int | None = None
        self._shown_t: int | None = None
        self._drawn_ms = 0
        self._busy = False
        with ui.element("section").classes("hz-trend") as self._section:
            self._head = ui.element("div").classes("hz-trend-head")
            self._note = ui.label("").classes("hz-note")
            self._note.set_visibility(False)
            self._chart = ui.echart({}).classes("hz-chart tall" if tall else "hz-chart")
        ui.timer(_LOOK_S, self._look)

    def hide(self) -> None:
        """Show nothing."""
        self._section.set_visibility(False)
        self._point = None

    async def show(
        self, point: Point, start_ms: int | None, end_ms: int | None, span_ms: int = RANGES["1h"], headed: bool = True
    ) -> None:
        """Show a point from ``start_ms`` to ``end_ms``, or, without these, the last ``span_ms`` as they go on."""
        self._point, self._start_ms, self._end_ms, self._span_ms = point, start_ms, end_ms, span_ms
        self._section.set_visibility(True)
        self._head.clear()
        self._head.set_visibility(headed)
        if headed:
            with self._head:
                ui.html(f"<h3>{say(self._page.language, 'trend')}</h3>", sanitize=False)
                address = f"/points/{point.enterprise}/{point.id}"
                if start_ms is not None:
                    address += f"?start={start_ms}&end={end_ms}"
                ui.link(say(self._page.language, "open_trend"), address)
        await self._draw()

    async def _look(self) -> None:
        """Draw again when a live range has something new, at most as often as one could see a difference."""
        if self._point is None or self._start_ms is not None or self._busy:
            return
        now_ms = self._page.at.services.clock_ms()
        last = self._page.at.live.last(self._page.at.points.number(self._point.key))
        if last is None or last.t == self._shown_t or now_ms - self._drawn_ms < self._span_ms / 1500:
            return
        await self._draw()

    async def _draw(self) -> None:
        point = self._point
        if point is None:
            return
        self._busy = True
        try:
            now_ms = self._page.at.services.clock_ms()
            end_ms = now_ms + 1 if self._end_ms is None else self._end_ms
            start_ms = end_ms - self._span_ms if self._start_ms is None else self._start_ms
            rows, alarms, every_ms, trouble = await run_sync(self._load, point, start_ms, end_ms)
            if point is not self._point:
                return  # somebody chose another one meanwhile
            language = self._page.language
            note = say(language, "store_away") if trouble else "" if rows else say(language, "no_readings")
            self._note.set_text(note)
            self._note.set_visibility(bool(note))
            options = trend_options(
                rows,
                start_ms=start_ms,
                end_ms=end_ms,
                every_ms=every_ms,
                unit=point.unit,
                checks=point.checks,
                alarms=alarms,
                words=self._page.words,
            )
            self._put(options)
            last = self._page.at.live.last(self._page.at.points.number(point.key))
            self._shown_t = last.t if last else None
            self._drawn_ms = now_ms
        finally:
            self._busy = False

    def _put(self, options: dict[str, Any]) -> None:
        self._chart.options.clear()
        self._chart.options.update(options)
        self._chart.update()

    def _load(self, point: Point, start_ms: int, end_ms: int) -> tuple[list[Row], list[Alarm], int | None, bool]:
        services = self._page.at.services
        every_ms = every_for(end_ms - start_ms)
        try:
            alarms = alarms_of_point(services.journal, point.key, start_ms, end_ms)
        except JournalError:
            alarms = []
        try:
            rows = services.store.readings(point.key, start_ms, end_ms, every_ms, limit=_MOST_READINGS + 1)
            if len(rows) > _MOST_READINGS:  # many a second: spans then, even for a short range
                every_ms = max((end_ms - start_ms) // 1000, 1)
                rows = services.store.readings(point.key, start_ms, end_ms, every_ms, limit=_MOST_READINGS)
        except IngestError:
            return [], alarms, every_ms, True
        return rows, alarms, every_ms, False
