"""The first pass: most readings change nothing, and whether one does can be seen without the rules.

For every point the gate keeps a box in time and value inside which a good reading changes no condition
and starts, stops or completes no timer. Outside it the full rules (rules.py) decide.

::

      value
        ^            until: the first of: a timer runs out, data counts as lost,
        |  last             a rate window is over, a value may have frozen
        |   |                 |
   high + - + - - - - - - - - + - - -   not in the box: a reading here starts a timer or raises
        |   +-----------------+
        |   |   .    .        |         a reading here sets `last` and the held value (and moves the
        |   |      .    .  .  | .       frozen anchor along, if it left the band): two or four writes
        |   |  .      .       |
        |   +-----------------+
    low + - + - - - - - - - - + - - -
        |
        +---+-----------------+-----> time

The box follows the state: while HIGH is active and nothing pends, the box reaches from the clearing
value upwards; while its clear timer runs, it lies below the clearing value. It is made anew whenever the
full rules have touched a point. A reading that passes may only make the true box longer (data is lost
later, the value freezes later), so a box that is not renewed on passing is too small at worst, and that
costs time, not truth.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alerting.engine.tables import FAR, LimitTable, State, bit
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["Gate", "first_pass"]

_CLOSED = bit(Condition.FAULT) | bit(Condition.NO_DATA) | bit(Condition.FROZEN)


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The box of each point, shape (n_points,) each; follows from limits and state, so it is not saved."""

    low: NDArray[np.float64]
    """Least value that passes; inf while no reading may pass."""
    high: NDArray[np.float64]
    """Greatest value that passes."""
    until: NDArray[np.int64]
    """Readings at or after this do not pass."""
    wake: NDArray[np.int64]
    """Before this, time alone changes nothing: no timer runs out and no data is lost."""

    @classmethod
    def closed(cls, n: int) -> "Gate":
        """Boxes of ``n`` points that are still to be made."""
        return cls(np.full(n, np.inf), np.full(n, -np.inf), np.full(n, -FAR), np.full(n, -FAR))

    @classmethod
    def concatenate(cls, first: "Gate", second: "Gate") -> "Gate":
        """The points of both."""
        return cls(*(np.concatenate([getattr(first, c.name), getattr(second, c.name)]) for c in fields(cls)))

    def renew(self, state: State, limits: LimitTable, point: NDArray[np.intp]) -> None:
        """Make the boxes of some points from their state."""
        bits = state.active[point]
        active = np.unpackbits(bits[:, None], axis=1, count=4, bitorder="little").view(np.bool_)
        due = state.due[point]
        # Nothing changes while an idle limit stays on its side, or a timed one on the side that started the timer.
        level = np.where(active, limits.leave[point], limits.enter[point])
        above = active ^ (due < FAR)
        least = np.where(above, level, -np.inf)
        most = np.where(above, np.inf, np.nextafter(level, -np.inf))
        low = np.maximum(limits.range_low[point], np.maximum(least[:, 2], least[:, 3]))
        high = np.minimum(limits.range_high[point], np.minimum(most[:, 2], most[:, 3]))
        low = np.maximum(low, -np.minimum(most[:, 0], most[:, 1]))  # the low side is stored negated
        high = np.minimum(high, -np.maximum(least[:, 0], least[:, 1]))
        self.low[point] = np.where(bits & _CLOSED, np.inf, low)
        self.high[point] = high

        first_due = np.minimum(np.minimum(due[:, 0], due[:, 1]), np.minimum(due[:, 2], due[:, 3]))
        lost = np.where(bits & bit(Condition.NO_DATA), FAR, state.last[point] + limits.no_data_after[point] + 1)
        wake = np.minimum(first_due, lost)
        self.wake[point] = wake
        clock = state.frozen_clock[point]
        frozen = np.where(clock == FAR, -FAR, clock + limits.frozen_after[point])  # a dropped clock must restart
        rate = state.rate_time[point] + limits.rate_window[point]
        self.until[point] = np.minimum(wake, np.minimum(frozen, rate))


def first_pass(
    state: State,
    limits: LimitTable,
    gate: Gate,
    point: NDArray[np.intp],
    time_ms: NDArray[np.int64],
    value: NDArray[np.float64],
    quality: NDArray[np.uint8],
) -> NDArray[np.intp] | None:
    """Take the readings of ``k`` different points that change nothing.

    Returns
    -------
    intp, shape (n_left,), or None
        Indices of the readings that the full rules must judge; None if all have passed.
    """
    passes = value >= gate.low[point]
    passes &= value <= gate.high[point]
    passes &= time_ms > state.last[point]
    passes &= time_ms < gate.until[point]
    passes &= quality <= Quality.UNCERTAIN
    left = None
    if not passes.all():
        left = np.flatnonzero(~passes)
        some = np.flatnonzero(passes)
        point, time_ms, value = point[some], time_ms[some], value[some]
    state.last[point] = time_ms
    state.held[point] = value
    moved = np.abs(value - state.frozen_value[point]) > limits.frozen_band[point]
    point, time_ms, value = point[moved], time_ms[moved], value[moved]
    state.frozen_value[point] = value
    state.frozen_clock[point] = time_ms
    return left
