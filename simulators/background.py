"""A publisher in a thread of its own, for a process that has other things to do: the demo, a test."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from simulators.publisher import Counts, Progress

__all__ = ["Background"]


class Background:
    """Runs a publishing coroutine in a thread, from construction until it ends or is stopped.

    Parameters
    ----------
    run
        Makes the coroutine from a stop event and a progress callback, which it hands on to `publish` or `replay`.

    Examples
    --------
    ``Background(lambda stop, progress: publish(scenario, url, stop=stop, progress=progress))``
    """

    def __init__(self, run: Callable[[asyncio.Event, Progress], Awaitable[Counts]]) -> None:
        self._run = run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._stopped_early = threading.Event()
        self._counts = Counts()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="publisher", daemon=True)
        self._thread.start()

    @property
    def counts(self) -> Counts:
        """How far it is."""
        return self._counts

    @property
    def running(self) -> bool:
        """Whether it is still at it."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask it to end; `wait` says when it has."""
        self._stopped_early.set()
        loop, stop = self._loop, self._stop
        if loop is not None and stop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    def wait(self, timeout_s: float | None = None) -> Counts:
        """Wait for the end; the counts.

        Raises
        ------
        SimulatorError
            What ended it, if something was wrong.
        TimeoutError
            If it is still running.
        """
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"the publisher is still running after {timeout_s} s")
        if self._error is not None:
            raise self._error
        return self._counts

    def _main(self) -> None:
        async def main() -> Counts:
            self._stop = asyncio.Event()
            self._loop = asyncio.get_running_loop()
            if self._stopped_early.is_set():
                self._stop.set()
            return await self._run(self._stop, self._note)

        try:
            self._counts = asyncio.run(main())
        except BaseException as error:  # carried to whoever waits
            self._error = error

    def _note(self, counts: Counts) -> None:
        self._counts = counts
