"""What the engine knows of each point, by column: its limits in the form the rules want, and its state.

Conventions that save the rules most of their special cases:

- The four limits sit side by side in arrays of shape (n_points, 4), in the order of `Condition`: low_low,
  low, high, high_high. The low side is stored negated and compared with the negated value, so that there is
  one rule, ``x >= level``, for all four.
- "Off", "none pending" and "never" are times and levels that are out of reach (`FAR`, inf), not flags.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alerting.limits import Limits
from hazards.condition import Condition

__all__ = ["FAR", "NO_ANCHOR", "SIGN", "LimitTable", "State", "bit"]

FAR = 1 << 61
"""A time or duration that is never reached; two of them still fit into int64. [ms]"""

NO_ANCHOR = np.inf
"""Frozen anchor of a point that has none: every value is more than any band away from it."""

SIGN = np.array([-1.0, -1.0, 1.0, 1.0])
"""Turns a value into what each of the four limits compares."""

_LARGEST = np.finfo(np.float64).max


def bit(condition: Condition) -> np.uint8:
    """The condition's bit in `State.active`."""
    return np.uint8(1 << condition)


@dataclass(frozen=True, slots=True, eq=False)
class LimitTable:
    """`Limits` with every "off" and "equal to" resolved. Times in ms, levels in the unit of the point."""

    enter: NDArray[np.float64]
    """(n, 4), signed. An inactive limit is exceeded at x >= enter; inf = off."""
    leave: NDArray[np.float64]
    """(n, 4), signed. An active limit is clear at x < leave."""
    on_delay: NDArray[np.int64]
    off_delay: NDArray[np.int64]
    rate_per_s: NDArray[np.float64]
    rate_window: NDArray[np.int64]
    """More than twice FAR = off: longer than any two times are apart."""
    frozen_after: NDArray[np.int64]
    """FAR = off."""
    frozen_band: NDArray[np.float64]
    """inf = frozen check off: nothing is ever outside the band."""
    no_data_after: NDArray[np.int64]
    """FAR = off."""
    range_low: NDArray[np.float64]
    """Finite, so that comparing finds -inf too."""
    range_high: NDArray[np.float64]

    @classmethod
    def of(cls, limits: Limits) -> "LimitTable":
        """Resolve limits that have been checked; everything is copied."""
        level = np.stack([limits.low_low, limits.low, limits.high, limits.high_high], axis=1)
        clear = np.stack([limits.low_low_clear, limits.low_clear, limits.high_clear, limits.high_high_clear], axis=1)
        clear = np.where(np.isnan(clear), level, clear)
        frozen_off = limits.frozen_after_ms == 0
        return cls(
            enter=np.where(np.isnan(level), np.inf, level * SIGN),
            leave=np.where(np.isnan(clear), -np.inf, clear * SIGN),
            on_delay=np.minimum(limits.on_delay_ms, FAR // 2),
            off_delay=np.minimum(limits.off_delay_ms, FAR // 2),
            rate_per_s=limits.rate_per_s.copy(),
            rate_window=np.where(np.isnan(limits.rate_per_s), 3 * FAR, np.minimum(limits.rate_window_ms, FAR // 2)),
            frozen_after=np.where(frozen_off, FAR, np.minimum(limits.frozen_after_ms, FAR // 2)),
            frozen_band=np.where(frozen_off, np.inf, np.minimum(limits.frozen_band, _LARGEST)),
            no_data_after=np.where(limits.no_data_after_ms == 0, FAR, np.minimum(limits.no_data_after_ms, FAR // 2)),
            range_low=np.fmax(limits.range_low, -_LARGEST),
            range_high=np.fmin(limits.range_high, _LARGEST),
        )

    def replace(self, index: NDArray[np.intp], other: "LimitTable") -> None:
        """Overwrite the rows of some points."""
        for column in fields(self):
            getattr(self, column.name)[index] = getattr(other, column.name)

    def off(self, index: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Bits of the conditions whose check is off, per point; FAULT has no switch."""
        off = np.packbits(self.enter[index] == np.inf, axis=1, bitorder="little")[:, 0]
        for condition, is_off in (
            (Condition.RATE, self.rate_window[index] > FAR),
            (Condition.FROZEN, self.frozen_after[index] == FAR),
            (Condition.NO_DATA, self.no_data_after[index] == FAR),
        ):
            off[is_off] |= bit(condition)
        return off


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What is remembered of each point. This is all that a snapshot keeps."""

    last: NDArray[np.int64]
    """Time of the last accepted reading; before the first, the time from which silence counts."""
    seen: NDArray[np.bool_]
    """Whether there has been a reading."""
    held: NDArray[np.float64]
    """Last good value; NaN before the first."""
    active: NDArray[np.uint8]
    """One bit per `Condition`."""
    due: NDArray[np.int64]
    """(n, 4). When the pending timer of each limit runs out; FAR = none pending."""
    rate_time: NDArray[np.int64]
    """Time of the rate anchor; -FAR = no anchor."""
    rate_value: NDArray[np.float64]
    frozen_clock: NDArray[np.int64]
    """From when the value has been within the band; FAR = dropped."""
    frozen_value: NDArray[np.float64]
    """The value that the band lies around; NO_ANCHOR = none."""

    @classmethod
    def fresh(cls, n: int, start_ms: int) -> "State":
        """Points that have not reported yet."""
        return cls(
            last=np.full(n, start_ms, np.int64),
            seen=np.zeros(n, np.bool_),
            held=np.full(n, np.nan),
            active=np.zeros(n, np.uint8),
            due=np.full((n, 4), FAR, np.int64),
            rate_time=np.full(n, -FAR, np.int64),
            rate_value=np.zeros(n),
            frozen_clock=np.full(n, FAR, np.int64),
            frozen_value=np.full(n, NO_ANCHOR),
        )

    @classmethod
    def concatenate(cls, first: "State", second: "State") -> "State":
        """The points of both."""
        return cls(*(np.concatenate([getattr(first, c.name), getattr(second, c.name)]) for c in fields(cls)))

    def drop_timers(self, point: NDArray[np.intp]) -> None:
        """Forget pending raises and clears."""
        self.due[point] = FAR

    def drop_anchors(self, point: NDArray[np.intp]) -> None:
        """Forget the rate anchor and stop the frozen clock; the value that the band lies around stays."""
        self.forget_rate(point)
        self.frozen_clock[point] = FAR

    def forget_rate(self, point: NDArray[np.intp]) -> None:
        """Drop the rate anchor."""
        self.rate_time[point] = -FAR
        self.rate_value[point] = 0.0

    def forget_frozen(self, point: NDArray[np.intp]) -> None:
        """Drop the frozen anchor and its clock."""
        self.frozen_clock[point] = FAR
        self.frozen_value[point] = NO_ANCHOR
