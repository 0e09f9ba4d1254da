"""What can be wrong at a point, how bad that is, and which conditions make one alarm."""

from enum import IntEnum, StrEnum

__all__ = ["FAMILY_CONDITIONS", "Condition", "Family", "Severity", "family_of"]


class Condition(IntEnum):
    """What the engine watches at each point; the value is the column in its state.

    In ISA-18.2 a *stale alarm* is one that has stood too long, so a silent sensor is NO_DATA here.
    """

    LOW_LOW = 0
    LOW = 1
    HIGH = 2
    HIGH_HIGH = 3
    RATE = 4
    FROZEN = 5
    NO_DATA = 6
    FAULT = 7

    @property
    def word(self) -> str:
        """The name used in payloads, files and the API.

        >>> Condition.HIGH_HIGH.word
        'high_high'
        """
        return self.name.lower()


class Family(StrEnum):
    """One alarm stands per point and family; a worse condition of the family escalates it."""

    LIMIT_HIGH = "limit-high"
    LIMIT_LOW = "limit-low"
    RATE = "rate"
    FROZEN = "frozen"
    NO_DATA = "no-data"
    FAULT = "fault"


FAMILY_CONDITIONS: dict[Family, tuple[Condition, ...]] = {
    Family.LIMIT_HIGH: (Condition.HIGH, Condition.HIGH_HIGH),
    Family.LIMIT_LOW: (Condition.LOW, Condition.LOW_LOW),
    Family.RATE: (Condition.RATE,),
    Family.FROZEN: (Condition.FROZEN,),
    Family.NO_DATA: (Condition.NO_DATA,),
    Family.FAULT: (Condition.FAULT,),
}
"""The conditions of each family, the mildest first."""

_FAMILY = {condition: family for family, conditions in FAMILY_CONDITIONS.items() for condition in conditions}


def family_of(condition: Condition) -> Family:
    """Family whose alarm a condition belongs to.

    >>> family_of(Condition.HIGH_HIGH)
    <Family.LIMIT_HIGH: 'limit-high'>
    """
    return _FAMILY[condition]


class Severity(IntEnum):
    """The four warning colours (蓝黄橙红); a higher number is worse."""

    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def word(self) -> str:
        """The name used in payloads, files and the API."""
        return self.name.lower()
