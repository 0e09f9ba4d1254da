"""Runs simulators, replays and recordings from the command line: until they end, Ctrl-C or SIGTERM, with progress."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

__all__ = ["Counted", "run_until_stopped"]

_EVERY_S = 1.0


class Counted(Protocol):
    """Counts that can be shown while they grow."""

    @property
    def readings(self) -> int:
        """How many readings so far."""


C = TypeVar("C", bound=Counted)


def run_until_stopped(run: Callable[[asyncio.Event, Callable[[C], None]], Awaitable[C]]) -> C:
    """Run a coroutine that takes a stop event and a progress callback; a signal sets the event.

    On a terminal the number of readings is shown while it runs.
    """
    shown_s = 0.0

    def show(counts: C) -> None:
        nonlocal shown_s
        if sys.stderr.isatty() and time.monotonic() - shown_s >= _EVERY_S:
            shown_s = time.monotonic()
            print(f"\r{counts.readings:,} readings", end="", file=sys.stderr, flush=True)

    async def main() -> C:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sig in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sig, stop.set)
        return await run(stop, show)

    counts = asyncio.run(main())
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return counts
