"""What a store for readings must be able to do. Each store is a file beside this one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, Protocol, TypedDict

from hazards.plant import PointKey
from hazards.readings import ReadingBatch

__all__ = ["AlarmEventRow", "Row", "Store"]


class Row(TypedDict):
    """One reading, or one bucket of readings, as `/readings` answers it."""

    t: int
    """Of the reading, or the beginning of the bucket. [ms since 1970 UTC]"""
    v: float | None
    """Its value, or the mean of the bucket's."""
    q: int
    """Its quality, or the worst of the bucket."""
    min: NotRequired[float | None]
    max: NotRequired[float | None]
    n: NotRequired[int]
    """Readings with a value in the bucket."""


@dataclass(frozen=True, slots=True)
class AlarmEventRow:
    """One row of ``alarm_event``, for annotations in Grafana."""

    enterprise: str
    source: str
    point: str
    family: str
    severity: str
    id: str
    event: str
    condition: str
    value: float | None
    limit: float | None
    time_ms: int


class Store(Protocol):
    """Keeps readings by event time. Safe from several threads.

    Writing is idempotent: of readings with the same point and time one is read back, the last that was written.
    Every method raises `ingest.errors.StoreUnavailable` when the store is away.
    """

    def write(self, batch: ReadingBatch) -> None:
        """Store a batch; when this returns it is in.

        Raises
        ------
        PointRefused
            Something in the batch will never be taken; the rest may or may not be in.
            `ingest.stores.around.write_around` finds it.
        """

    def write_events(self, rows: Sequence[AlarmEventRow]) -> None:
        """Store alarm events; the same event again changes nothing."""

    def readings(
        self, key: PointKey, start_ms: int, end_ms: int, every_ms: int | None = None, limit: int = 100_000
    ) -> list[Row]:
        """A point's readings with start <= t < end in order of time, or buckets of ``every_ms`` aligned to 1970.

        Empty buckets are left out.
        """

    def ping(self) -> None:
        """Return if the store answers."""

    def close(self) -> None:
        """Release connections and files."""
