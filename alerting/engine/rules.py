"""The rules of the specification in full, by column: one reading each of many different points.

Every function takes the rows of ``k`` different points (`Rows`), changes them in place, and arrays of length
``k`` that belong to them. The order of the steps, and what they do, is the specification's;
`tests/support/scalar_engine.py` says the same for one point in plain Python, and the tests hold the two
together. To change a rule, change it there first, then here, then look whether the first pass
(first_pass.py) still lets through only what changes nothing.
"""

import numpy as np
from numpy.typing import NDArray

from alerting.engine.tables import FAR, NO_ANCHOR, SIGN, Rows, bit
from alerting.engine.transitions import Collector
from alerting.limits import Limits
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["judge", "pass_time", "switch_off"]

Flags = NDArray[np.bool_]
Times = NDArray[np.int64]
Values = NDArray[np.float64]


def judge(rows: Rows, time_ms: Times, value: Values, quality: NDArray[np.uint8], out: Collector) -> None:
    """Steps 2 to 6 of the specification, for one reading each of ``k`` different points, none of them late."""
    pass_time(rows, time_ms, time_ms - 1, out)
    rows.trail["last"] = time_ms
    rows.rest["seen"] = True
    if _stands_anywhere(rows, Condition.NO_DATA):
        _set(rows, Condition.NO_DATA, False, rows.is_active(Condition.NO_DATA), time_ms, value, out)

    # An unknown quality code is no reason to trust a value, and NaN fails both comparisons.
    trusted = value > rows.limit["range_low"]
    trusted &= value < rows.limit["range_high"]
    trusted &= quality <= Quality.UNCERTAIN
    if _all(trusted):
        _good(rows, time_ms, value, out)
        return
    maintenance = quality == Quality.MAINTENANCE
    rows.due[:, maintenance] = FAR
    rows.drop_anchors(~trusted)
    _fault(rows, ~trusted & ~maintenance, time_ms, value, out)
    some = np.flatnonzero(trusted)
    these = rows.take(some)
    _good(these, time_ms[some], value[some], out)
    rows.put(some, these)


def pass_time(rows: Rows, now: Times, last_due: Times, out: Collector) -> None:
    """Let time pass up to ``now``: fire the timers due by ``last_due``, then notice lost data.

    A reading at t has ``now`` = t and ``last_due`` = t - 1, because at t itself the new value decides; a
    tick has ``last_due`` = ``now``. Missing data never clears an alarm: a clear timer that would run out
    after the data was lost is dropped.
    """
    lost_at = rows.trail["last"] + rows.timed["no_data_after"]
    lost = lost_at < now
    if _any(lost):
        rows.due[rows.limits_active() & lost & (rows.due > lost_at)] = FAR
    _toggle(rows, rows.due <= last_due, rows.trail["held"], out)
    if _any(lost):
        newly = lost & ~rows.is_active(Condition.NO_DATA)
        _set(rows, Condition.NO_DATA, True, newly, lost_at, rows.trail["held"], out)
        rows.drop_anchors(newly)


def switch_off(rows: Rows, limits: Limits, now_ms: int, out: Collector) -> None:
    """Clear every condition whose check is off; such a check remembers nothing for when it is on again."""
    off = {
        Condition.LOW_LOW: np.isnan(limits.low_low),
        Condition.LOW: np.isnan(limits.low),
        Condition.HIGH: np.isnan(limits.high),
        Condition.HIGH_HIGH: np.isnan(limits.high_high),
        Condition.RATE: np.isnan(limits.rate_per_s),
        Condition.FROZEN: limits.frozen_after_ms == 0,
        Condition.NO_DATA: limits.no_data_after_ms == 0,
    }
    now = np.full(len(rows), now_ms, np.int64)
    for condition, where in off.items():
        _set(rows, condition, False, where & rows.is_active(condition), now, rows.trail["held"], out)
    rows.timed["rate_time"][off[Condition.RATE]] = -FAR
    rows.timed["rate_value"][off[Condition.RATE]] = 0.0
    rows.trail["clock"][off[Condition.FROZEN]] = FAR
    rows.trail["anchor"][off[Condition.FROZEN]] = NO_ANCHOR


def _fault(rows: Rows, faulty: Flags, time_ms: Times, value: Values, out: Collector) -> None:
    """Step 5: no measurement. What would clear an alarm stops, what would raise one runs on."""
    _set(rows, Condition.FAULT, True, faulty & ~rows.is_active(Condition.FAULT), time_ms, value, out)
    rows.due[rows.limits_active() & faulty] = FAR


def _good(rows: Rows, time_ms: Times, value: Values, out: Collector) -> None:
    """Step 6: a measurement."""
    if _stands_anywhere(rows, Condition.FAULT):
        _set(rows, Condition.FAULT, False, rows.is_active(Condition.FAULT), time_ms, value, out)
    rows.trail["held"] = value
    _limits(rows, time_ms, value, out)
    _rate(rows, time_ms, value, out)
    _frozen(rows, time_ms, value, out)


def _limits(rows: Rows, time_ms: Times, value: Values, out: Collector) -> None:
    """The four limits, side by side in (4, k)."""
    active = rows.limits_active()
    wants_change = (value * SIGN > rows.walls(active)) ^ active
    delay = np.where(active, rows.limit["off_delay"], rows.limit["on_delay"])
    # A pending timer began earlier with the same delay, so it is the sooner of the two.
    rows.due = np.where(wants_change, np.minimum(rows.due, delay + time_ms), FAR)
    _toggle(rows, rows.due <= time_ms, value, out)


def _toggle(rows: Rows, which: Flags, value: Values, out: Collector) -> None:
    """Change those of the (4, k) limits that ``which`` picks, at the time they were due."""
    if _any(which):
        limit, row = np.nonzero(which)
        out.add(limit, rows.point[row], ~rows.limits_active()[limit, row], rows.due[limit, row], value[row])
        rows.active ^= np.packbits(which, axis=0, bitorder="little")[0]
        rows.due[which] = FAR


def _rate(rows: Rows, time_ms: Times, value: Values, out: Collector) -> None:
    """Compare with the anchor once a window has gone by, then take this reading as the anchor."""
    anchor_time, anchor_value = rows.timed["rate_time"], rows.timed["rate_value"]
    elapsed = time_ms - anchor_time  # without an anchor, longer than any window
    renew = elapsed >= rows.timed["rate_window"]
    if not _any(renew):
        return
    exceeded = np.abs(value - anchor_value) / (elapsed / 1000) >= rows.timed["rate_per_s"]
    change = exceeded ^ rows.is_active(Condition.RATE)
    change &= renew
    change &= anchor_time != -FAR
    _set(rows, Condition.RATE, True, change & exceeded, time_ms, value, out)
    _set(rows, Condition.RATE, False, change & ~exceeded, time_ms, value, out)
    np.copyto(anchor_time, time_ms, where=renew)
    np.copyto(anchor_value, value, where=renew)


def _frozen(rows: Rows, time_ms: Times, value: Values, out: Collector) -> None:
    """Has the value left the band around the anchor? Then it is the new anchor; else how long has it stayed?"""
    anchor, clock = rows.trail["anchor"], rows.trail["clock"]
    moved = np.abs(value - anchor) > rows.box["band"]
    np.copyto(anchor, value, where=moved)
    np.copyto(clock, time_ms, where=moved)
    np.minimum(clock, time_ms, out=clock)  # restarts a dropped clock, which is FAR
    stuck = time_ms - clock >= rows.timed["frozen_after"]
    if _any(stuck):
        _set(rows, Condition.FROZEN, True, stuck & ~rows.is_active(Condition.FROZEN), time_ms, value, out)
    if _stands_anywhere(rows, Condition.FROZEN):
        _set(rows, Condition.FROZEN, False, moved & rows.is_active(Condition.FROZEN), time_ms, value, out)


def _set(
    rows: Rows, condition: Condition, active: bool, where: Flags, time_ms: Times, value: Values, out: Collector
) -> None:
    """Change one condition at the points that ``where`` picks."""
    if _any(where):
        out.add(condition, rows.point[where], active, time_ms[where], value[where])
        rows.active ^= where * bit(condition)


def _stands_anywhere(rows: Rows, condition: Condition) -> bool:
    """Is the condition active at any of the points?"""
    return bool(np.bitwise_or.reduce(rows.active) & bit(condition))


def _any(flags: Flags) -> bool:
    return bool(np.count_nonzero(flags))  # a fifth of the time of flags.any()


def _all(flags: Flags) -> bool:
    return bool(np.count_nonzero(flags) == flags.size)
