"""What every page has: somebody who is logged in, a language, the bar above, and an end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from anyio.to_thread import run_sync
from fastapi import Request
from fastapi.responses import RedirectResponse
from nicegui import ui
from nicegui.client import Client

from api.console.elements import TopBar
from api.console.language import choose_language
from api.console.pulse import Pulse
from api.console.rows import alarm_rows
from api.console.sessions import Sessions
from api.console.words import words_in
from api.keys import Identity, Role
from api.state import ApiState

__all__ = ["Console", "Page", "throttled"]

_CHECK_EVERY_BEATS = 15


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages share."""

    at: ApiState
    sessions: Sessions
    pulse: Pulse


class Page:
    """One open page of one browser."""

    def __init__(self, console: Console, who: Identity, language: str, name: str) -> None:
        self.console = console
        self.at = console.at
        self.who = who
        self.language = language
        self.words = words_in(language)
        self.client: Client = ui.context.client
        self._ends: list[Callable[[], object]] = []
        self._beats = 0
        self.bar = TopBar(
            self.words,
            content=console.pulse.content,
            totals=self._totals(),
            page=name,
            user=who.name,
            language=language,
        )
        self.until_closed(console.pulse.watch(self._beat))
        self.until_closed(self.at.board.watch(throttled(lambda: self.bar.show(totals=self._totals()))))
        self.client.on_delete(self._close)

    @classmethod
    async def open(cls, console: Console, request: Request, name: str) -> "Page | RedirectResponse":
        """The page, or the way to the login for those who have not."""
        who = await run_sync(console.sessions.identity, request.cookies)
        if who is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
        language = choose_language(
            request.cookies, request.headers.get("accept-language", ""), console.at.services.language
        )
        return cls(console, who, language, name)

    @property
    def can_act(self) -> bool:
        """Whether this person may acknowledge."""
        return self.who.role >= Role.OPERATOR

    def until_closed(self, end: Callable[[], object]) -> None:
        """Call this when the browser has gone for good."""
        self._ends.append(end)

    async def still_allowed(self) -> bool:
        """Whether the key behind the session still works; sends the browser to the login if not."""
        who = await run_sync(self.at.services.keys.by_id, self.who.key_id)
        if who is None:
            with self.client:
                ui.navigate.to("/login")
            return False
        self.who = who
        return True

    def _totals(self) -> dict[str, object]:
        shown = alarm_rows(self.at, self.language, self.who.enterprise, most=0)
        return {"counts": shown["counts"], "to_take": shown["to_take"]}

    def _beat(self) -> None:
        self.bar.show(content=self.console.pulse.content)
        self._beats += 1
        if self._beats % _CHECK_EVERY_BEATS == 0:
            _keep(asyncio.get_running_loop().create_task(self.still_allowed()))

    def _close(self) -> None:
        for end in self._ends:
            end()


def throttled(action: Callable[[], object], pause_s: float = 0.3) -> Callable[[], None]:
    """Runs the action soon after it is called for, once for many calls: a flood of alarms is one update."""
    waiting = False

    def run() -> None:
        nonlocal waiting
        waiting = False
        action()

    def call() -> None:
        nonlocal waiting
        if not waiting:
            waiting = True
            asyncio.get_running_loop().call_later(pause_s, run)

    return call


_tasks: set[asyncio.Task[bool]] = set()


def _keep(task: "asyncio.Task[bool]") -> None:
    """The loop itself holds tasks only weakly."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
