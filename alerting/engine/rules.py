"""The rules of engine-spec.md in full, by column: one reading each of many different points.

Each function takes arrays of one length ``k``: ``point`` names ``k`` different points and the others
belong to them. The order of the steps, and what they do, is the specification's; `tests/support/
scalar_engine.py` says the same for one point in plain Python, and the tests hold the two together.
To change a rule, change it there first, then here, then look whether `Gate` (first_pass.py) still
lets pass only readings that change nothing.
"""

import numpy as np
from numpy.typing import NDArray

from alerting.engine.tables import FAR, SIGN, LimitTable, State, bit
from alerting.engine.transitions import Collector
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["judge", "pass_time"]

Points = NDArray[np.intp]
Times = NDArray[np.int64]
Values = NDArray[np.float64]

_FROZEN, _RATE, _NO_DATA, _FAULT = (
    bit(Condition.FROZEN),
    bit(Condition.RATE),
    bit(Condition.NO_DATA),
    bit(Condition.FAULT),
)


def judge(
    state: State,
    limits: LimitTable,
    point: Points,
    time_ms: Times,
    value: Values,
    quality: NDArray[np.uint8],
    out: Collector,
) -> int:
    """Steps 1 to 6 for one reading each of ``k`` different points.

    Returns
    -------
    int
        How many of the readings were late.
    """
    last = state.last[point]
    late = (time_ms < last) | ((time_ms == last) & state.seen[point])
    n_late = int(np.count_nonzero(late))
    if n_late:
        on_time = np.flatnonzero(~late)
        point, time_ms, value, quality = point[on_time], time_ms[on_time], value[on_time], quality[on_time]

    pass_time(state, limits, point, time_ms, time_ms - 1, out)
    state.last[point] = time_ms
    state.seen[point] = True
    _set(state, Condition.NO_DATA, False, state.active[point] & _NO_DATA != 0, point, time_ms, value, out)

    maintenance = quality == Quality.MAINTENANCE
    # An unknown quality code is no reason to trust a value, and NaN fails both comparisons.
    trusted = (quality <= Quality.UNCERTAIN) & (value >= limits.range_low[point]) & (value <= limits.range_high[point])
    if trusted.all():
        _good(state, limits, point, time_ms, value, out)
        return n_late
    state.drop_timers(point[maintenance])
    state.drop_anchors(point[~trusted])
    faulty = np.flatnonzero(~trusted & ~maintenance)
    _fault(state, point[faulty], time_ms[faulty], value[faulty], out)
    good = np.flatnonzero(trusted)
    _good(state, limits, point[good], time_ms[good], value[good], out)
    return n_late


def pass_time(state: State, limits: LimitTable, point: Points, now: Times, last_due: Times, out: Collector) -> None:
    """Let time pass at ``k`` points up to ``now``: fire timers due by ``last_due``, then notice lost data.

    A reading at t has ``now`` = t and ``last_due`` = t - 1, because at t itself the new value decides; a
    tick has ``last_due`` = ``now``. Missing data never clears an alarm: a clear timer that would run out
    after the data was lost is dropped.
    """
    due = state.due[point]
    lost_at = state.last[point] + limits.no_data_after[point]
    lost = lost_at < now
    active = _limits_active(state, point)
    due[active & lost[:, None] & (due > lost_at[:, None])] = FAR
    row, limit = np.nonzero(due <= last_due[:, None])
    if len(row):
        out.add(limit, point[row], ~active[row, limit], due[row, limit], state.held[point[row]])
        np.bitwise_xor.at(state.active, point[row], np.left_shift(1, limit).astype(np.uint8))
        due[row, limit] = FAR
    state.due[point] = due
    newly = lost & (state.active[point] & _NO_DATA == 0)
    _set(state, Condition.NO_DATA, True, newly, point, lost_at, state.held[point], out)
    state.drop_anchors(point[newly])


def _fault(state: State, point: Points, time_ms: Times, value: Values, out: Collector) -> None:
    """Step 5: no measurement. What would clear an alarm stops, what would raise one runs on."""
    _set(state, Condition.FAULT, True, state.active[point] & _FAULT == 0, point, time_ms, value, out)
    due = state.due[point]
    due[_limits_active(state, point)] = FAR
    state.due[point] = due


def _good(state: State, limits: LimitTable, point: Points, time_ms: Times, value: Values, out: Collector) -> None:
    """Step 6: a measurement."""
    _set(state, Condition.FAULT, False, state.active[point] & _FAULT != 0, point, time_ms, value, out)
    state.held[point] = value
    _limits(state, limits, point, time_ms, value, out)
    _rate(state, limits, point, time_ms, value, out)
    _frozen(state, limits, point, time_ms, value, out)


def _limits(state: State, limits: LimitTable, point: Points, time_ms: Times, value: Values, out: Collector) -> None:
    """The four limits, side by side in (k, 4)."""
    active = _limits_active(state, point)
    beyond = value[:, None] * SIGN >= np.where(active, limits.leave[point], limits.enter[point])
    wants_change = beyond ^ active
    delay = np.where(active, limits.off_delay[point, None], limits.on_delay[point, None])
    # A pending timer began earlier with the same delay, so it is the sooner of the two.
    due = np.where(wants_change, np.minimum(state.due[point], time_ms[:, None] + delay), FAR)
    row, limit = np.nonzero(due <= time_ms[:, None])
    if len(row):
        out.add(limit, point[row], ~active[row, limit], due[row, limit], value[row])
        np.bitwise_xor.at(state.active, point[row], np.left_shift(1, limit).astype(np.uint8))
        due[row, limit] = FAR
    state.due[point] = due


def _rate(state: State, limits: LimitTable, point: Points, time_ms: Times, value: Values, out: Collector) -> None:
    """Compare with the anchor once a window has gone by, then take this reading as the anchor."""
    elapsed = time_ms - state.rate_time[point]
    renew = np.flatnonzero(elapsed >= limits.rate_window[point])  # without an anchor it is later than any window
    if not len(renew):
        return
    point, time_ms, value, elapsed = point[renew], time_ms[renew], value[renew], elapsed[renew]
    exceeded = np.abs(value - state.rate_value[point]) / (elapsed / 1000) >= limits.rate_per_s[point]
    was = state.active[point] & _RATE != 0
    judged = state.rate_time[point] != -FAR
    _set(state, Condition.RATE, True, judged & exceeded & ~was, point, time_ms, value, out)
    _set(state, Condition.RATE, False, judged & ~exceeded & was, point, time_ms, value, out)
    state.rate_time[point] = time_ms
    state.rate_value[point] = value


def _frozen(state: State, limits: LimitTable, point: Points, time_ms: Times, value: Values, out: Collector) -> None:
    """Has the value left the band around the anchor? Then it is the new anchor; else how long has it stayed?"""
    moved = np.abs(value - state.frozen_value[point]) > limits.frozen_band[point]
    clock = np.where(moved, time_ms, np.minimum(state.frozen_clock[point], time_ms))  # a dropped clock is FAR
    stuck = time_ms - clock >= limits.frozen_after[point]
    was = state.active[point] & _FROZEN != 0
    _set(state, Condition.FROZEN, True, stuck & ~was, point, time_ms, value, out)
    _set(state, Condition.FROZEN, False, moved & was, point, time_ms, value, out)
    state.frozen_clock[point] = clock
    state.frozen_value[point[moved]] = value[moved]


def _limits_active(state: State, point: Points) -> NDArray[np.bool_]:
    """State of the four limits, (k, 4)."""
    return np.unpackbits(state.active[point][:, None], axis=1, count=4, bitorder="little").view(np.bool_)


def _set(
    state: State,
    condition: Condition,
    active: bool,
    where: NDArray[np.bool_],
    point: Points,
    time_ms: Times,
    value: Values,
    out: Collector,
) -> None:
    """Change one condition at the points that ``where`` picks."""
    if where.any():
        point = point[where]
        out.add(condition, point, active, time_ms[where], value[where])
        state.active[point] ^= bit(condition)
