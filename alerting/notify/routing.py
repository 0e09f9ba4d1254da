"""Who hears of an alarm: the routes, the first that matches and any that a match lets go on to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alerting.alarm import Alarm
from hazards.condition import Family, Severity

__all__ = ["Match", "Route", "Router"]


@dataclass(frozen=True, slots=True)
class Match:
    """Which alarms a route takes: all that every given list names; an absent list takes all.

    ``kind``, ``enterprise``, ``source`` and ``point`` may hold shell patterns such as ``CH4-*``.
    """

    severity: frozenset[Severity] | None = None
    family: frozenset[Family] | None = None
    kind: tuple[str, ...] | None = None
    enterprise: tuple[str, ...] | None = None
    source: tuple[str, ...] | None = None
    point: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        severity: Iterable[str] | None = None,
        family: Iterable[str] | None = None,
        kind: Iterable[str] | None = None,
        enterprise: Iterable[str] | None = None,
        source: Iterable[str] | None = None,
        point: Iterable[str] | None = None,
    ) -> "Match":
        """From the words of the configuration.

        >>> Match.of(severity=["red"]).severity
        frozenset({<Severity.RED: 4>})
        """
        return cls(
            severity=None if severity is None else frozenset(Severity[s.upper()] for s in severity),
            family=None if family is None else frozenset(Family(f) for f in family),
            kind=None if kind is None else tuple(kind),
            enterprise=None if enterprise is None else tuple(enterprise),
            source=None if source is None else tuple(source),
            point=None if point is None else tuple(point),
        )

    def takes(self, alarm: Alarm) -> bool:
        """Whether the alarm, as it is now, is one of these."""
        return (
            (self.severity is None or alarm.severity in self.severity)
            and (self.family is None or alarm.family in self.family)
            and _any(self.kind, alarm.kind)
            and _any(self.enterprise, alarm.enterprise)
            and _any(self.source, alarm.source)
            and _any(self.point, alarm.point)
        )


def _any(patterns: tuple[str, ...] | None, word: str) -> bool:
    return patterns is None or any(fnmatchcase(word, p) for p in patterns)


@dataclass(frozen=True, slots=True)
class Route:
    """Alarms that match go to these channels."""

    match: Match
    channels: tuple[str, ...]
    after_match: str = "stop"
    """``stop``: the routes behind it are not asked; ``continue``: they are."""


class Router:
    """Decides which channels hear of an alarm.

    Parameters
    ----------
    routes : sequence of Route
        In the order of the configuration.
    """

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self._routes = tuple(routes)
        self._channels = frozenset(c for r in self._routes for c in r.channels)

    def channels_for(self, alarm: Alarm) -> tuple[str, ...]:
        """Channels for the alarm as it is now, each once, in the order of the routes; none is possible."""
        found: dict[str, None] = {}
        for route in self._routes:
            if route.match.takes(alarm):
                found.update(dict.fromkeys(route.channels))
                if route.after_match == "stop":
                    break
        return tuple(found)

    def known(self, channels: Iterable[str]) -> tuple[str, ...]:
        """Those of these channels that some route still names."""
        return tuple(c for c in channels if c in self._channels)
