"""What is known of the points that expressions name."""

from dataclasses import dataclass

from alerting.logic.truth import Known
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.logic_toml import check_on

__all__ = ["Input", "Present", "bits_of"]

_FAULT, _NO_DATA = 1 << Condition.FAULT, 1 << Condition.NO_DATA


def bits_of(checks: Checks) -> int:
    """The checks that are on, a bit for each condition."""
    return sum(1 << condition for condition in Condition if check_on(checks, condition))


@dataclass(frozen=True, slots=True)
class Present:
    """How a point stands in the engine, for whoever has not followed it."""

    active: int
    """A bit for each condition."""
    heard: bool


@dataclass(slots=True)
class Input:
    """A point as logic sees it."""

    active: int = 0
    """A bit for each condition that stands."""
    on: int = 0
    """A bit for each check that is on."""
    heard: bool = False
    virtual: bool = False
    """A logic point: it speaks only when it changes, so its silence means nothing."""

    def known(self, condition: Condition) -> Known:
        """What is known of a condition of the point.

        Held values are no knowledge: while the point is faulty or silent all else is unknown, whatever stood
        before. So is what nobody checks any more, because a limit was switched off while the service runs.
        """
        bit = 1 << condition
        if condition is not Condition.NO_DATA:
            lost = _NO_DATA if condition is Condition.FAULT else _NO_DATA | _FAULT
            if self.active & lost or (self.heard and not self.on & bit):
                return Known.UNKNOWN
            if not self.heard:
                return Known.AWAITED if self.virtual or self.on & _NO_DATA else Known.UNKNOWN
        elif not self.on & bit:
            return Known.UNKNOWN
        return Known.TRUE if self.active & bit else Known.FALSE

    def set(self, condition: int, active: bool) -> None:
        """A condition begins or ends."""
        self.active = self.active | 1 << condition if active else self.active & ~(1 << condition)
