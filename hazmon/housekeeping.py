"""Lets the log go where everybody has read it and the configuration no longer wants it."""

import threading
from collections.abc import Callable

import structlog

from hazards.log import Log
from hazmon.config import LogKeeping
from ingest.errors import LogUnavailable

__all__ = ["Housekeeping"]

log = structlog.get_logger(__name__)

_EVERY_S = 60.0


class Housekeeping:
    """Drops old log entries once a minute; what a consumer has not read stays, whatever its age.

    Parameters
    ----------
    source : Log
        The log.
    keeping : LogKeeping
        How long and how much.
    clock_ms : callable
        The wall clock. [ms since 1970 UTC]
    """

    def __init__(self, source: Log, keeping: LogKeeping, clock_ms: Callable[[], int]) -> None:
        self._log = source
        self._keeping = keeping
        self._clock_ms = clock_ms

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        while not stop.wait(_EVERY_S):
            self.step()

    def step(self) -> int:
        """Drop what may go; the number of entries dropped."""
        try:
            return self._log.drop_consumed(
                before_ms=self._clock_ms() - self._keeping.keep, max_bytes=self._keeping.max_megabytes * 1_000_000
            )
        except LogUnavailable as error:
            log.error("the log can't be tidied", error=str(error))
            return 0
