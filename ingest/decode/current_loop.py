"""4-20 mA loops after NAMUR NE43: a current becomes a value and a quality."""

from dataclasses import dataclass

from hazards.quality import Quality

__all__ = ["CurrentLoop"]


@dataclass(frozen=True, slots=True)
class CurrentLoop:
    """An instrument's scale.

    Examples
    --------
    A methane sensor 0-4 %CH4: half of its scale, a saturated output, and a broken wire.

    >>> loop = CurrentLoop(0.0, 4.0)
    >>> loop.reading(12.0), loop.reading(20.4), loop.reading(0.0)
    ((2.0, 0), (4.1, 1), (None, 2))
    """

    at_4ma: float
    at_20ma: float

    def reading(self, current_ma: float) -> tuple[float | None, int]:
        """Value and quality (at best) of a current.

        Below 3.6 and above 21 mA the device reports its own failure: BAD without a value, never a process zero or
        full scale. From 3.8 to 4 and from 20 to 20.5 it is saturated but measures: UNCERTAIN. The bands between,
        which NE43 leaves undefined, are UNCERTAIN as well; where a limit is exceeded in them, an alarm is wanted.

        References
        ----------
        NAMUR NE43, measurement information 3.8 to 20.5 mA, failure information below 3.6 and above 21 mA.
        """
        if not 3.6 <= current_ma <= 21.0:  # NaN is no current either
            return None, Quality.BAD.value
        value = round(self.at_4ma + (self.at_20ma - self.at_4ma) * (current_ma - 4.0) / 16.0, 12)
        return value, Quality.GOOD.value if 4.0 <= current_ma <= 20.0 else Quality.UNCERTAIN.value
