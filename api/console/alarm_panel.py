"""One alarm on the page: its detail, its trend, and what its buttons do."""

from typing import Any

from anyio.to_thread import run_sync
from nicegui import ui
from nicegui.events import GenericEventArguments

from alerting.alarm import Alarm, AlarmEvent
from alerting.errors import DeskError, JournalError
from api.console.elements import AlarmDetail
from api.console.page import Page
from api.console.rows import alarm_row, figure
from api.console.trend import RANGES
from api.console.trend_panel import TrendPanel
from api.console.words import say
from api.keys import Role
from api.texts import MAX_TEXT, clean
from api.views import guidance_of
from hazards.durations import parse_duration_ms
from hazards.plant import PointKey

__all__ = ["AlarmPanel", "take_alarm"]

_SPANS = ("30m", "2h", "8h", "24h")
_AROUND_MS = 900_000


class AlarmPanel:
    """Shows one alarm at a time, and follows it."""

    def __init__(self, page: Page, tall: bool = False) -> None:
        self._page = page
        self._alarm: Alarm | None = None
        self._detail = AlarmDetail(page.words, alarm=None, guidance="", standard="", history=[], can_act=page.can_act)
        self._detail.on("act", self._act)
        self._trend = TrendPanel(page, tall=tall)
        self._trend.hide()

    @property
    def alarm_id(self) -> str | None:
        """Of the alarm that is shown."""
        return self._alarm.id if self._alarm else None

    async def show(self, alarm_id: str) -> bool:
        """Show this alarm. False if there is none that this person may see."""
        alarm, history = await run_sync(self._load, alarm_id)
        if alarm is None:
            return False
        other = self._alarm is None or self._alarm.id != alarm.id
        self._alarm = alarm
        page = self._page
        guidance = guidance_of(page.at, alarm)
        todo = guidance.in_language(page.language) if guidance else ""
        row = alarm_row(page.at, alarm, page.language)
        self._detail.show(
            alarm=row | {"message": row["message"].removesuffix(todo).rstrip()},  # it has a place of its own
            guidance=todo,
            standard=alarm.standard,
            history=[_event_row(e) for e in history],
            can_act=page.can_act,
        )
        if other:
            point = page.at.points.get(PointKey(alarm.enterprise, alarm.point))
            if point is None:
                self._trend.hide()
            else:
                await self._trend.show(point, *self._around(alarm))
        return True

    def _around(self, alarm: Alarm) -> tuple[int | None, int | None, int]:
        """Start, end and span: the last minutes while the alarm lies within them, else the time around the alarm."""
        now_ms = self._page.at.services.clock_ms()
        for span_ms in (RANGES["15m"], RANGES["1h"]):
            if now_ms - alarm.raised_at_ms < span_ms * 3 // 4:
                return None, None, span_ms
        end_ms = now_ms if alarm.cleared_at_ms is None else min(alarm.cleared_at_ms + _AROUND_MS, now_ms)
        return alarm.raised_at_ms - _AROUND_MS, end_ms, 0

    def _load(self, alarm_id: str) -> tuple[Alarm | None, list[AlarmEvent]]:
        journal = self._page.at.services.journal
        try:
            alarm = journal.alarm(alarm_id)
            if alarm is None or not self._page.who.sees(alarm.enterprise):
                return None, []
            return alarm, journal.history(alarm_id)
        except JournalError:
            return None, []

    async def _act(self, event: GenericEventArguments) -> None:
        given: dict[str, Any] = event.args
        what, text = str(given.get("what")), clean(str(given.get("text", ""))[:MAX_TEXT])
        span = given.get("span")
        if self._alarm is not None and given.get("id") == self._alarm.id and (what != "shelve" or span in _SPANS):
            await act(self._page, self._alarm, what, text, str(span))
            await self.show(self._alarm.id)


async def take_alarm(page: Page, alarm_id: str) -> None:
    """Acknowledge an alarm from the list."""
    alarm = next((a for a in page.at.board.all(page.who.enterprise) if a.id == alarm_id), None)
    if alarm is not None:
        await act(page, alarm, "acknowledge", "", "")


async def act(page: Page, alarm: Alarm, what: str, text: str, span: str) -> None:
    """Do one of the things a person can do to an alarm; says so if it can't be done."""
    if not await page.still_allowed() or page.who.role < Role.OPERATOR or not page.who.sees(alarm.enterprise):
        return
    desk, by = page.at.services.desk, page.who.name
    try:
        if what == "acknowledge":
            await run_sync(desk.acknowledge, alarm.id, by, text or None)
        elif what == "comment" and text:
            await run_sync(desk.comment, alarm.id, by, text)
        elif what == "shelve" and text:
            until_ms = page.at.services.clock_ms() + parse_duration_ms(span)
            await run_sync(desk.shelve, alarm.id, by, text, until_ms)
        elif what == "unshelve":
            await run_sync(desk.unshelve, alarm.id, by, text or None)
    except (DeskError, JournalError) as error:
        with page.client:
            ui.notify(say(page.language, "failed", why=str(error)), type="negative", position="top")


def _event_row(event: AlarmEvent) -> dict[str, Any]:
    alarm = event.alarm
    numbers = "" if event.by or alarm.value is None else f"{figure(alarm.value, alarm.limit)} {alarm.unit}"
    return {
        "seq": event.seq,
        "type": str(event.type),
        "time_ms": event.at_ms if event.by else event.time_ms,
        "severity": alarm.severity.word,
        "what": event.by or numbers,
        "comment": event.comment,
    }
