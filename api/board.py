"""What is open now, kept in memory from the journal's events, so that lists, risk and pages need no query."""

from collections.abc import Callable, Iterable, Mapping

from alerting.alarm import Alarm, AlarmEvent, AlarmState
from hazards.plant import PointKey

__all__ = ["Board", "rank"]

_GROUP = {AlarmState.UNACKNOWLEDGED: 0, AlarmState.RETURNED_UNACKNOWLEDGED: 0, AlarmState.ACKNOWLEDGED: 1}


def rank(alarm: Alarm) -> tuple[int, int, bool, int, str]:
    """Sort key: first what nobody has taken yet, then what somebody has, then what is shelved.

    Within each the worst first, of these what still stands, of these the newest. What nobody has taken counts as bad
    as it ever was: a red alarm that stepped down unseen is still a red one that was missed.
    """
    group = _GROUP.get(alarm.state, 2)
    bad = alarm.worst if group == 0 else alarm.severity
    return (group, -int(bad), not alarm.active, -alarm.raised_at_ms, alarm.id)


class Board:
    """Every open alarm, by id and by point. Changed in the event loop only; readers elsewhere see whole states."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}
        self._by_point: dict[PointKey, dict[str, Alarm]] = {}
        self._watchers: list[Callable[[], None]] = []
        self.version = 0

    def load(self, alarms: Iterable[Alarm]) -> None:
        """Begin with these, as the journal has them."""
        for alarm in alarms:
            self._put(alarm)
        self._changed()

    def take(self, events: Iterable[AlarmEvent]) -> None:
        """Follow events, in their order."""
        for event in events:
            self._put(event.alarm)
        self._changed()

    def all(self, enterprise: str | None = None) -> list[Alarm]:
        """Open alarms of one enterprise, or of all, in the order of `rank`."""
        alarms = list(self._alarms.values())
        return sorted((a for a in alarms if enterprise is None or a.enterprise == enterprise), key=rank)

    def of_point(self, key: PointKey) -> Mapping[str, Alarm]:
        """Open alarms of a point by id."""
        return self._by_point.get(key, {})

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call this in the event loop after each change; what is returned ends it."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def _put(self, alarm: Alarm) -> None:
        key = PointKey(alarm.enterprise, alarm.point)
        # Copies of the small tables, so that a reader on another thread never meets one that changes under it.
        of_point = dict(self._by_point.get(key, {}))
        if alarm.is_open:
            self._alarms[alarm.id] = alarm
            of_point[alarm.id] = alarm
        else:
            self._alarms.pop(alarm.id, None)
            of_point.pop(alarm.id, None)
        if of_point:
            self._by_point[key] = of_point
        else:
            self._by_point.pop(key, None)

    def _changed(self) -> None:
        self.version += 1
        for watcher in list(self._watchers):
            watcher()
