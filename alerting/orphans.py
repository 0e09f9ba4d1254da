"""Conditions that stand in the journal while the engine does not know them: its snapshot was lost or unreadable.

They are not ended at once, since nobody has measured that they are over. A condition that the engine finds again goes
on as if nothing had happened; one that it would have found by now ends, and the history says why.
"""

from collections.abc import Iterable, Sequence

from alerting.alarm import Alarm, Cause
from alerting.lifecycle import Change
from alerting.watch import Watch
from hazards.condition import Condition, Family, family_of

__all__ = ["Orphans"]


class Orphans:
    """Waits for the engine to find conditions again.

    Parameters
    ----------
    watch : Watch
    alarms : iterable of Alarm
        The open ones.
    """

    def __init__(self, watch: Watch, alarms: Iterable[Alarm]) -> None:
        self._watch = watch
        standing = watch.standing()
        known = {(a.point_number, c): a for a in alarms for c in a.active}
        self._alarms = {place: known[place] for place in sorted(known.keys() - standing)}
        self._heard_at_ms: dict[tuple[int, Condition], int] = {}
        self._unknown = sorted(standing - known.keys())

    def __len__(self) -> int:
        return len(self._alarms)

    def found(self, now_ms: int) -> list[Change]:
        """Conditions that the engine finds standing and that no alarm tells of."""
        found: dict[tuple[int, Family], list[Condition]] = {}
        for number, condition in self._unknown:
            found.setdefault((number, family_of(condition)), []).append(condition)
        return [_reset(self._watch, number, family, some, True, now_ms) for (number, family), some in found.items()]

    def given_up(self, now_ms: int) -> list[Change]:
        """Ends of conditions that the engine would have found by this tick, since the point has been heard for
        longer than its on-delay."""
        if not self._alarms:
            return []
        standing = self._watch.standing()
        ends: dict[tuple[int, Family], list[Condition]] = {}
        for place, alarm in list(self._alarms.items()):
            number, condition = place
            if place in standing:
                del self._alarms[place]
            elif self._watch.heard(number):
                since_ms = self._heard_at_ms.setdefault(place, now_ms)
                if now_ms - since_ms >= self._watch.checks_of(number).on_delay_ms:
                    del self._alarms[place]
                    ends.setdefault((number, alarm.family), []).append(condition)
        return [_reset(self._watch, number, family, some, False, now_ms) for (number, family), some in ends.items()]


def _reset(
    watch: Watch, number: int, family: Family, conditions: Sequence[Condition], active: bool, time_ms: int
) -> Change:
    """A change that no reading made, but the loss of a snapshot."""
    return Change(
        point=watch.point(number),
        number=number,
        family=family,
        flips=tuple((c, active) for c in conditions),
        time_ms=time_ms,
        value=float("nan"),
        checks=watch.checks_of(number),
        cause=Cause.ENGINE_RESET,
    )
