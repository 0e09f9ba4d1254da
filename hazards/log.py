"""The log's entries and what a log can do. `ingest.log` has the implementation.

The log is the truth: what stands in it has happened, in that order. Everything behind it is a
consumer that remembers how far it has read, so nothing here says how or where entries are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hazards.checks import Checks
from hazards.plant import PointKey
from hazards.readings import ReadingBatch

__all__ = ["Damaged", "Entry", "LimitsChanged", "Log", "LogBody", "Readings", "Tick"]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings that arrived together."""

    batch: ReadingBatch
    received_ms: int
    """When the oldest of the messages behind the batch was received. [ms since 1970 UTC]"""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed, with or without readings."""

    now_ms: int


@dataclass(frozen=True, slots=True)
class LimitsChanged:
    """From here on these points have these checks; points not named keep theirs."""

    now_ms: int
    checks: Mapping[int, Checks]
    """By the point's number in the log's directory."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """What stood here can't be read back: a flipped bit on the disk, or an entry of a newer version.

    Consumers step over it and say so; stopping would keep everything behind it from them for ever. Nobody appends it.
    """

    detail: str


LogBody = Readings | Tick | LimitsChanged | Damaged


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it is read back."""

    offset: int
    """Position in the log; grows by one from 1."""
    appended_ms: int
    """When it was written: the time of every decision made from it, live or replayed. [ms since 1970 UTC]"""
    body: LogBody


class Log(Protocol):
    """What producers and consumers need of the log. Safe to call from several threads."""

    def append(self, bodies: Sequence[LogBody], now_ms: int) -> int:
        """Write entries in one durable step; when this returns they are on disk. The last one's offset."""

    def read(self, after: int, max_entries: int = 256, max_bytes: int = 8 << 20) -> list[Entry]:
        """Entries with offset > ``after``, in order; at least one if there is any; empty at the end."""

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry behind ``after``, or the timeout. True if there is one."""

    @property
    def first_offset(self) -> int:
        """Offset of the oldest kept entry; ``last_offset + 1`` when none is kept."""

    @property
    def last_offset(self) -> int:
        """Offset of the newest entry, 0 before the first."""

    def consumer_offset(self, consumer: str) -> int:
        """How far a consumer has read: 0 if it never said."""

    def commit(self, consumer: str, offset: int) -> None:
        """Remember that a consumer has dealt with everything up to ``offset``."""

    def point_ids(self, keys: Sequence[PointKey]) -> NDArray[np.int32]:
        """Numbers of these points, shape (len(keys),), given out from 0 at first sight and kept for ever."""

    def point_keys(self) -> list[PointKey]:
        """Every point that has a number; the index in this list is the number."""

    def drop_consumed(self, *, before_ms: int, max_bytes: int) -> int:
        """Drop the oldest entries that every known consumer has read and that are older than
        ``before_ms`` or beyond ``max_bytes`` in all. The number of entries dropped."""

    def close(self) -> None:
        """Release the files."""
