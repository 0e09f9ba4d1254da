"""The first pass: most readings change nothing, and whether one does can be seen without the rules.

For every point there is a box in time and value inside which a good reading changes no condition and starts,
stops or completes no timer. Outside it the full rules (rules.py) decide.

::

      value
        ^           last                 until: the first of: a timer runs out, data may be lost,
        |            |                     |    a rate window is over, a value may have frozen
        |            |                     |
   high + - - - - - -+---------------------+ - -   above: a reading would start a timer or raise
        |            |   .          .      |
        |            |      .   . .     .  | .     to the right: time may change something
        |            | .       .           |
    low + - - - - - -+---------------------+ - -
        |            |                     |
        +------------+---------------------+-----> time

A reading in the box becomes the last one and the held value, and where it has left the frozen band, the
anchor of a new one; nothing else.

The box follows the state: while HIGH is active and nothing pends, it reaches from the clearing value upwards;
while a clear timer runs, it lies below the clearing value. `close_boxes` makes it anew whenever the full
rules have touched a point. A passing reading can only put off the time at which data is lost or a value
has frozen, so ``until`` is left as it is: at worst the box is too short, and that costs time, not truth.
Where a reading lies in the box but for the time, a second look (`FirstPass._renew_time`) ends its rate window
and moves ``until`` on, and only what that look finds goes to the rules.

Whoever changes a rule asks: can a reading in the box now change more than the last time, the held value and
the anchors? Then the box must shrink, here in `close_boxes`, and for backlogs in `runs._Window.passed`.
"""

import numpy as np
from numpy.typing import NDArray

from alerting.engine.columns import Columns
from alerting.engine.tables import BOX, FAR, TRAIL, Index, Rows, Table, Tables, assign, bit
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["CHUNK", "FirstPass", "close_boxes", "next_wake"]

CHUNK = 12288
"""Readings looked at in one go: many, because each step costs about a microsecond beside its work; few enough
that what they need stays in the processor's own cache."""

_USABLE = np.uint8(Quality.UNCERTAIN)
_SHUT = bit(Condition.FAULT) | bit(Condition.NO_DATA) | bit(Condition.FROZEN) | bit(Condition.RATE)
"""While one of these stands, any reading may change something."""


class FirstPass:
    """Takes the readings that change nothing.

    Parameters
    ----------
    tables : Tables
        The points; changed in place.
    """

    __slots__ = ("_box", "_tables", "_trail")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._box = np.empty(CHUNK, BOX)
        self._trail = np.empty(CHUNK, TRAIL)

    def take(self, where: Index | slice, readings: Columns) -> Index | None:
        """Take what passes of at most `CHUNK` readings of different points.

        Parameters
        ----------
        where : intp, shape (k,), or slice of k points
            The readings' points; with a slice nothing has to be gathered.
        readings : Columns
            ``k`` readings.

        Returns
        -------
        intp, shape (n_left,), or None
            Indices of the readings that the full rules must judge; None if all have passed.
        """
        time_ms, value, quality = readings.time_ms, readings.value, readings.quality
        tables = self._tables
        if isinstance(where, slice):
            box, trail = tables.box[where], tables.trail[where]
        else:
            k = len(where)
            box = tables.box.take(where, out=self._box[:k], mode="clip")
            trail = tables.trail.take(where, out=self._trail[:k], mode="clip")
        last, held, anchor, clock = trail["last"], trail["held"], trail["anchor"], trail["clock"]

        tests = np.empty((5, len(value)), np.bool_)
        np.greater(value, box["low"], tests[0])
        np.less(value, box["high"], tests[1])
        np.greater(time_ms, last, tests[2])
        np.less_equal(quality, _USABLE, tests[3])
        np.less(time_ms, box["until"], tests[4])
        away = value - anchor
        moved = np.abs(away, away) > box["band"]
        left = None
        if np.count_nonzero(tests) < tests.size:
            passes = np.logical_and.reduce(tests[:4])
            up = np.flatnonzero(passes > tests[4])  # in the box but for the time
            passes[up] = self._renew_time(where, up, readings, trail, moved)
            if np.count_nonzero(passes) < len(passes):
                left = np.flatnonzero(~passes)
        if left is None:
            last[:] = time_ms
            held[:] = value
        else:
            moved &= passes
            np.copyto(last, time_ms, where=passes)
            np.copyto(held, value, where=passes)
        np.copyto(anchor, value, where=moved)
        np.copyto(clock, time_ms, where=moved)
        if not isinstance(where, slice):
            assign(tables.trail, where, trail)
        return left

    def _renew_time(
        self, where: Index | slice, up: Index, readings: Columns, trail: Table, moved: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Which of the readings ``up`` pass although ``until`` is over; their boxes get a new one.

        Mostly it was a rate window that is over, which makes the reading the next anchor, or a time that passing
        readings have long put off. ``trail`` and ``moved`` are as `take` has them.
        """
        tables = self._tables
        point = up + where.start if isinstance(where, slice) else where.take(up)
        time_ms, value, trail = readings.time_ms.take(up), readings.value.take(up), trail.take(up)
        timed = tables.timed.take(point, mode="clip")
        anchor_time = timed["rate_time"]
        elapsed = time_ms - anchor_time
        over = elapsed >= timed["rate_window"]
        exceeded = np.abs(value - timed["rate_value"]) / (elapsed / 1000) >= timed["rate_per_s"]
        lost = time_ms + timed["no_data_after"]
        frozen = np.where(moved.take(up), time_ms, trail["clock"]) + timed["frozen_after"]
        passes = time_ms < timed["firm"]
        passes &= time_ms <= trail["last"] + timed["no_data_after"]
        passes &= time_ms < frozen
        np.greater(passes, over & exceeded, out=passes)  # and not
        over &= passes
        np.copyto(anchor_time, time_ms, where=over)
        np.copyto(timed["rate_value"], value, where=over)
        assign(tables.timed, point, timed)
        until = np.minimum(np.minimum(lost + 1, frozen), anchor_time + timed["rate_window"])
        tables.box["until"][point] = np.minimum(until, timed["firm"])
        return passes


def next_wake(rows: Rows) -> NDArray[np.int64]:
    """When time alone will next change something: a timer runs out, or data counts as lost."""
    lost = rows.trail["last"] + rows.timed["no_data_after"] + 1
    lost[rows.is_active(Condition.NO_DATA)] = FAR
    wake: NDArray[np.int64] = np.minimum(rows.due.min(axis=0), lost)
    return wake


def close_boxes(rows: Rows) -> NDArray[np.int64]:
    """Make the boxes of points anew from their state, and tell their `next_wake`."""
    active, due = rows.limits_active(), rows.due
    # Nothing changes while an idle limit stays on its side, or a timed one on the side that started the timer. Both
    # sides end at the wall; that the wall itself is on the lower side is lost here, which costs a look at the rules.
    beyond = active ^ (due < FAR)
    wall = rows.walls(active)
    least = np.where(beyond, wall, -np.inf)
    most = np.where(beyond, np.inf, wall)
    low = np.maximum(np.maximum(least[2], least[3]), rows.limit["range_low"])
    high = np.minimum(np.minimum(most[2], most[3]), rows.limit["range_high"])
    low = np.maximum(low, -np.minimum(most[0], most[1]))  # the low side is stored negated
    high = np.minimum(high, -np.maximum(least[0], least[1]))
    low[rows.active & _SHUT != 0] = np.inf
    rows.box["low"] = low
    rows.box["high"] = high

    wake = next_wake(rows)
    clock, frozen_after = rows.trail["clock"], rows.timed["frozen_after"]
    rate_time, rate_window = rows.timed["rate_time"], rows.timed["rate_window"]
    firm = due.min(axis=0)
    firm[clock == FAR] = -FAR
    firm[(rate_time == -FAR) & (rate_window < FAR)] = -FAR
    rows.timed["firm"] = firm
    times = np.minimum(clock + frozen_after, rate_time + rate_window)
    rows.box["until"] = np.minimum(np.minimum(firm, wake), times)
    return wake
