"""A thread that ends with an error is started again, and says so."""

import threading

from hazmon.threads import Worker
from tests.support.servers import wait_until


def test_a_failed_thread_works_again_and_said_why():
    attempts: list[int] = []
    told = threading.Event()

    def run(stop: threading.Event) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ZeroDivisionError("a mistake of ours")
        told.set()
        stop.wait()

    worker = Worker("some", run)
    assert worker.ready() == (False, "is not running")
    worker.start()
    wait_until(lambda: not worker.ready()[0], "the failure to be told", pause_s=0.001)
    assert worker.ready() == (False, "failed and is being restarted: ZeroDivisionError: a mistake of ours")
    assert told.wait(10)
    assert worker.ready() == (True, "running")
    assert worker.stop()


def test_one_that_was_never_started_stops_at_once():
    assert Worker("idle", lambda stop: None).stop()
