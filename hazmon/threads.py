"""Threads that must not die: one that ends with an error is started again after a pause, and the error is told."""

import random
import threading
from collections.abc import Callable

import structlog

__all__ = ["Worker"]

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class Worker:
    """Runs ``run(stop)`` in a thread of its own, again after an unexpected end.

    Parameters
    ----------
    name : str
        Of the thread, in logs and in `ready`.
    run : callable
        Works until the event it is given is set.
    """

    def __init__(self, name: str, run: Callable[[threading.Event], None]) -> None:
        self._name = name
        self._run = run
        self._stop = threading.Event()
        self._problem = ""
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ready(self) -> tuple[bool, str]:
        """Whether it is at work, and if not, what ended it."""
        if self._problem:
            return False, f"failed and is being restarted: {self._problem}"
        return (True, "running") if self._thread.is_alive() else (False, "is not running")

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ask it to end and wait. False if it is still at it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("a thread does not stop", thread=self._name, waited_s=timeout_s)
            return False
        return True

    def _main(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._run(self._stop)
                if self._stop.is_set():
                    return
                self._problem = "it ended by itself"
                log.error("a thread ended by itself", thread=self._name)
            except Exception as error:  # whatever it is, the work must go on
                self._problem = f"{type(error).__name__}: {error}"
                log.exception("a thread failed", thread=self._name)
            self._stop.wait(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  -- jitter
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            # It counts as running again once it is; a failure within the next moments says so anew.
            self._problem = ""
