"""What the engine keeps of each point, one row a point in five tables.

A batch names points in any order, so what costs is the cache lines that a reading touches. Everything is
therefore packed by who needs it: `BOX` is all that the first pass reads and `TRAIL` all that it writes
(32 bytes each); `TIMED` (64 bytes) is fetched where a time is up, `REST` (40) and `LIMIT` (96) only for the
readings that the rules must judge.

Conventions that save the rules most of their special cases:

- The four limits sit side by side, in the order of `Condition`: low_low, low, high, high_high. The low side
  is stored negated and compared with the negated value, so that there is one rule, ``x >= level``, for all.
  While the rules work they lie in arrays of shape (4, k), whose long axis numpy runs along.
- Stored is not a level but the number just below it, its wall: ``x > wall`` is the same as ``x >= level``,
  and one comparison tells the two sides apart.
- "Off", "none pending" and "never" are times and levels that are out of reach (`FAR`, inf), not flags.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerting.limits import Limits
from hazards.condition import Condition

__all__ = [
    "BOX",
    "FAR",
    "LIMIT",
    "NO_ANCHOR",
    "REST",
    "SIGN",
    "TIMED",
    "TRAIL",
    "Index",
    "Rows",
    "Table",
    "Tables",
    "assign",
    "bit",
    "set_limits",
]

Index = NDArray[np.intp]
Table = NDArray[np.void]

FAR = 1 << 61
"""A time or duration that is never reached; two of them still fit into int64. [ms]"""

NO_ANCHOR = np.inf
"""Frozen anchor of a point that has none: every value is outside any band around it."""

SIGN = np.array([[-1.0], [-1.0], [1.0], [1.0]])
"""Times a value (k,) it is what each of the four limits compares, (4, k)."""

BOX = np.dtype(
    [
        ("low", np.float64),  # a reading that passes is above this; inf while none may pass
        ("high", np.float64),  # and below this
        ("until", np.int64),  # a reading at or after this may not pass
        ("band", np.float64),  # half width of the frozen band; inf = check off: nothing is ever outside
    ]
)
"""What the first pass compares a reading with."""

TRAIL = np.dtype(
    [
        ("last", np.int64),  # last accepted time; before the first reading, from when silence counts
        ("held", np.float64),  # last good value; NaN before the first
        ("anchor", np.float64),  # the value that the frozen band lies around
        ("clock", np.int64),  # since when the value has been inside; FAR = dropped
    ]
)
"""What a reading leaves behind even if nothing changes."""

TIMED = np.dtype(
    [
        ("rate_time", np.int64),  # time of the rate anchor; -FAR = no anchor
        ("rate_value", np.float64),
        ("rate_window", np.int64),  # 3 * FAR = off: longer than any two times are apart
        ("rate_per_s", np.float64),
        ("no_data_after", np.int64),  # FAR = off
        ("frozen_after", np.int64),  # FAR = off
        ("firm", np.int64),  # first timer to run out; -FAR while an anchor or clock has to start anew
        ("", "V8"),
    ]
)
"""What it takes to judge a reading for which only time is up."""

REST = np.dtype(
    [
        ("due", np.int64, (4,)),  # when the pending timer of each limit runs out; FAR = none pending
        ("active", np.uint8),  # one bit per `Condition`
        ("seen", np.bool_),  # whether there has been a reading
        ("", "V6"),
    ]
)
"""The other state that the rules need."""

LIMIT = np.dtype(
    [
        ("enter", np.float64, (4,)),  # signed wall: an inactive limit is exceeded at x > enter
        ("leave", np.float64, (4,)),  # signed wall: an active one is clear unless x > leave
        ("on_delay", np.int64),
        ("off_delay", np.int64),
        ("range_low", np.float64),  # just below what the sensor can measure: x > range_low finds NaN and -inf too
        ("range_high", np.float64),  # just above
    ]
)
"""The limits that the rules need; those of the other checks lie in `BOX` and `TIMED`."""

_OPAQUE = {table.itemsize: np.dtype((np.void, table.itemsize)) for table in (BOX, TIMED, REST, LIMIT)}
_LIMIT_BITS = np.array([[1], [2], [4], [8]], np.uint8)
_CACHE_LINE_BYTES = 64
_BLOCK = 4096
_LARGEST = np.finfo(np.float64).max


def bit(condition: Condition) -> np.uint8:
    """The condition's bit in the column ``active``."""
    return np.uint8(1 << condition)


def set_limits(limits: Limits, limit: Table, timed: Table, band: NDArray[np.float64]) -> None:
    """Write limits that have been checked into rows of `LIMIT` and `TIMED` and the column ``band`` of `BOX`."""
    for start in range(0, len(limits), _BLOCK):  # column after column is quick only where the rows stay at hand
        block = slice(start, start + _BLOCK)
        _set_limits(limits.take(block), limit[block], timed[block], band[block])


def _set_limits(limits: Limits, limit: Table, timed: Table, band: NDArray[np.float64]) -> None:
    for i, name in enumerate(("low_low", "low", "high", "high_high")):
        level, clear = getattr(limits, name), getattr(limits, f"{name}_clear")
        clear = np.where(np.isnan(clear), level, clear)
        limit["enter"][:, i] = _below(np.where(np.isnan(level), np.inf, level * SIGN[i, 0]))
        limit["leave"][:, i] = _below(np.where(np.isnan(clear), -np.inf, clear * SIGN[i, 0]))
    longest = FAR // 2
    frozen_off = limits.frozen_after_ms == 0
    limit["on_delay"] = np.minimum(limits.on_delay_ms, longest)
    limit["off_delay"] = np.minimum(limits.off_delay_ms, longest)
    limit["range_low"] = _below(np.fmax(limits.range_low, -_LARGEST))
    limit["range_high"] = -_below(-np.fmin(limits.range_high, _LARGEST))
    timed["rate_per_s"] = limits.rate_per_s
    timed["rate_window"] = np.where(np.isnan(limits.rate_per_s), 3 * FAR, np.minimum(limits.rate_window_ms, longest))
    timed["frozen_after"] = np.where(frozen_off, FAR, np.minimum(limits.frozen_after_ms, longest))
    timed["no_data_after"] = np.where(limits.no_data_after_ms == 0, FAR, np.minimum(limits.no_data_after_ms, longest))
    band[:] = np.where(frozen_off, np.inf, np.minimum(limits.frozen_band, _LARGEST))


def _below(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """The next smaller number; below the smallest lies -inf."""
    with np.errstate(over="ignore"):
        return np.nextafter(level, -np.inf)


@dataclass(slots=True, eq=False)
class Rows:
    """The rows of ``k`` different points, taken out of the tables: what the rules work on."""

    point: Index
    box: Table
    trail: Table
    timed: Table
    rest: Table
    limit: Table
    active: NDArray[np.uint8]
    """(k,); works in place of the column in ``rest``, because it lies together."""
    due: NDArray[np.int64]
    """(4, k); likewise."""

    def __len__(self) -> int:
        return len(self.point)

    def take(self, index: Index) -> "Rows":
        """Some of the rows, as copies."""
        return Rows(
            self.point.take(index),
            self.box.take(index),
            self.trail.take(index),
            self.timed.take(index),
            self.rest.take(index),
            self.limit.take(index),
            self.active.take(index),
            self.due.take(index, axis=1),
        )

    def put(self, index: Index, rows: "Rows") -> None:
        """Put back what `take` gave."""
        assign(self.box, index, rows.box)
        assign(self.trail, index, rows.trail)
        assign(self.timed, index, rows.timed)
        assign(self.rest, index, rows.rest)
        self.active[index] = rows.active
        self.due[:, index] = rows.due

    def drop_anchors(self, where: NDArray[np.bool_]) -> None:
        """Forget the rate anchor and stop the frozen clock; the value that the band lies around stays."""
        self.timed["rate_time"][where] = -FAR
        self.timed["rate_value"][where] = 0.0
        self.trail["clock"][where] = FAR

    def limits_active(self) -> NDArray[np.bool_]:
        """State of the four limits, (4, k)."""
        active: NDArray[np.bool_] = self.active & _LIMIT_BITS != 0
        return active

    def is_active(self, condition: Condition) -> NDArray[np.bool_]:
        """State of one condition, (k,)."""
        active: NDArray[np.bool_] = self.active & bit(condition) != 0
        return active

    def walls(self, active: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What each of the four limits compares with in its present state, (4, k)."""
        wall: NDArray[np.float64] = self.limit["enter"].T.copy()
        np.copyto(wall, self.limit["leave"].T, where=active)
        return wall


class Tables:
    """All points."""

    __slots__ = ("box", "limit", "rest", "timed", "trail", "wake")

    def __init__(self, limits: Limits, start_ms: int) -> None:
        """Points that have not reported yet; their boxes are still to be made."""
        n = len(limits)
        self.box = _filled(n, BOX, low=np.inf, high=-np.inf, until=-FAR)
        self.trail = _filled(n, TRAIL, last=start_ms, held=np.nan, anchor=NO_ANCHOR, clock=FAR)
        self.timed = _filled(n, TIMED, rate_time=-FAR)
        self.rest = _filled(n, REST, due=FAR)
        self.limit = _zeros(n, LIMIT)
        self.wake = np.full(n, -FAR)
        """(n,) Before this, time alone changes nothing: no timer runs out, no data is lost. [ms]"""
        set_limits(limits, self.limit, self.timed, self.box["band"])

    def __len__(self) -> int:
        return len(self.box)

    @property
    def nbytes(self) -> int:
        """Memory of all tables. [bytes]"""
        return sum(table.nbytes for table in (self.box, self.trail, self.timed, self.rest, self.limit, self.wake))

    def load(self, point: Index) -> Rows:
        """The rows of some points, as copies."""
        # The index has been checked; without "clip" take would check again.
        rest = self.rest.take(point, mode="clip")
        return Rows(
            point,
            self.box.take(point, mode="clip"),
            self.trail.take(point, mode="clip"),
            self.timed.take(point, mode="clip"),
            rest,
            self.limit.take(point, mode="clip"),
            rest["active"].copy(),
            rest["due"].T.copy(),
        )

    def store(self, rows: Rows) -> None:
        """Write back what the rules have made of the rows."""
        rows.rest["active"] = rows.active
        rows.rest["due"] = rows.due.T
        assign(self.box, rows.point, rows.box)
        assign(self.trail, rows.point, rows.trail)
        assign(self.timed, rows.point, rows.timed)
        assign(self.rest, rows.point, rows.rest)


def _zeros(n: int, dtype: np.dtype[np.void]) -> Table:
    """A table that begins with a cache line, so that no row of 32 or 64 bytes needs two."""
    raw = np.zeros(n * dtype.itemsize + _CACHE_LINE_BYTES, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE_BYTES
    return raw[start : start + n * dtype.itemsize].view(dtype)


def _filled(n: int, dtype: np.dtype[np.void], **values: float) -> Table:
    """A table whose rows are all alike; columns not named are 0."""
    row = np.zeros(1, dtype)
    for name, value in values.items():
        row[name] = value
    table = _zeros(n, dtype)
    opaque = _OPAQUE[dtype.itemsize]
    table.view(opaque)[:] = row.view(opaque)
    return table


def assign(table: Table, index: Index, rows: Table) -> None:
    """``table[index] = rows``, without numpy's going through the fields one by one: six times as fast."""
    opaque = _OPAQUE[table.itemsize]
    table.view(opaque)[index] = rows.view(opaque)
