"""The worst open alarm of every point as a retained MQTT topic, for sirens and PLCs.

``hazmon-alarm/v1/{enterprise}/{point}``, ``{}`` when nothing is open. A consumer of the journal with its own offset,
which moves only once the broker has the topics: an alarm that ends while we or the broker are away is taken back
afterwards, so no stale alarm stays behind.
"""

import random
import threading
from collections.abc import Callable, Iterable

import msgspec
import structlog

from alerting.alarm import Alarm
from alerting.errors import JournalError
from alerting.journal import Journal
from alerting.payload import alarm_json
from hazards.plant import PointKey

__all__ = ["AlarmTopics", "alarm_topic", "worst"]

_OFFSET = "mqtt_state"
_AT_ONCE = 1000
_WAIT_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0

_log = structlog.get_logger(__name__)


def alarm_topic(key: PointKey) -> str:
    """Topic of a point's worst open alarm.

    >>> alarm_topic(PointKey("M001", "CH4-01"))
    'hazmon-alarm/v1/M001/CH4-01'
    """
    return f"hazmon-alarm/v1/{key.enterprise}/{key.point}"


def worst(alarms: Iterable[Alarm]) -> Alarm | None:
    """The one to show of a point's open alarms: one that still stands before one that is over, then the worst
    severity, then the newest."""
    return max(alarms, key=lambda a: (bool(a.active), a.severity, a.raised_at_ms, a.id), default=None)


class AlarmTopics:
    """Keeps the retained topics in step with the journal.

    Parameters
    ----------
    journal : Journal
    publish : callable
        Takes topic and payload, publishes them retained with QoS 1, and returns True once the broker has them.
    """

    def __init__(self, journal: Journal, publish: Callable[[str, bytes], bool]) -> None:
        self._journal = journal
        self._publish = publish
        self._everything = threading.Event()
        self._everything.set()

    def refresh(self) -> None:
        """Publish the topics of all open alarms again, as after the broker has lost its retained messages."""
        self._everything.set()

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        seq, pause_s = None, _FIRST_PAUSE_S
        while not stop.is_set():
            try:
                seq = self._journal.number(_OFFSET) if seq is None else seq
                if self.step(seq):
                    seq, pause_s = None, _FIRST_PAUSE_S
                    continue
                if self._journal.last_seq <= seq and not self._everything.is_set():
                    self._journal.wait_for_event(seq, _WAIT_S)
                    continue
            except JournalError as error:
                _log.error("alarm topics wait for the journal", error=str(error))
                seq = None
            stop.wait(pause_s * random.uniform(0.75, 1.25))  # noqa: S311
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def step(self, seq: int | None = None) -> bool:
        """Publish what events behind ``seq`` changed. True if there was something and the broker has all of it."""
        seq = self._journal.number(_OFFSET) if seq is None else seq
        all_open = self._everything.is_set()
        events = self._journal.events_after(seq, _AT_ONCE)
        keys = dict.fromkeys(PointKey(e.alarm.enterprise, e.alarm.point) for e in events)
        if all_open:
            keys.update(dict.fromkeys(PointKey(a.enterprise, a.point) for a in self._journal.open_alarms()))
        for key in keys:
            # What is open now, not what was then: a topic never goes back in time.
            alarm = worst(self._journal.open_alarms_of(key.enterprise, key.point))
            payload = b"{}" if alarm is None else msgspec.json.encode(alarm_json(alarm))
            if not self._publish(alarm_topic(key), payload):
                return False
        if all_open:
            self._everything.clear()
        if events:
            self._journal.keep_number(_OFFSET, events[-1].seq)
        return bool(keys)
