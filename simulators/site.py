"""What every model of a place offers to the scenarios that drive it."""

import math
from collections.abc import Mapping
from typing import Protocol

__all__ = ["DAY_S", "Site", "daily", "toward"]

DAY_S = 86_400.0


class Site(Protocol):
    """A place with physics: it is stepped through time and tells what is true there.

    What instruments make of the truth is `simulators.instruments`' business; when incidents happen is the
    scenario's.
    """

    @property
    def longest_step_s(self) -> float:
        """The longest step in which the physics is still right. [s]"""

    @property
    def incidents(self) -> frozenset[str]:
        """Incidents that `begin` and `end` take."""

    def step(self, step_s: float) -> None:
        """Let ``step_s`` seconds pass, at most `longest_step_s`."""

    def truth(self) -> Mapping[str, float]:
        """Every quantity as it is now, by name, in the unit of its point."""

    def begin(self, incident: str, settings: Mapping[str, float]) -> None:
        """Start an incident. `SimulatorError` if a setting is not one of it."""

    def end(self, incident: str) -> None:
        """What is going on stops (the fan runs again, the leak is plugged); effects fade by themselves."""


def toward(value: float, target: float, step_s: float, time_constant_s: float) -> float:
    """First-order approach of a value to its target, exact for any step.

    >>> round(toward(0.0, 1.0, 60.0, 60.0), 3)
    0.632
    """
    return target + (value - target) * math.exp(-step_s / time_constant_s)


def daily(clock_s: float, peak_hour: float) -> float:
    """Daily rhythm: 1 at the peak hour, -1 twelve hours later.

    >>> daily(15 * 3600, peak_hour=15)
    1.0
    """
    return math.cos(2.0 * math.pi * (clock_s - peak_hour * 3600.0) / DAY_S)
