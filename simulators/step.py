"""Readings on their way out: what a scenario or a replay yields and the publisher sends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hazards.plant import PointKey

__all__ = ["Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """Readings of one enterprise taken at one time, by column.

    Attributes
    ----------
    time_ms
        Their stamp. [ms since 1970-01-01 UTC]
    due_s
        When to send it, in seconds behind the first step of the run; ignored at speed ``max``. [s]
    enterprise
        Whose points they are.
    points : length n
        Ids of the points.
    value : float64, shape (n,)
        NaN where there is none. [unit of each point]
    quality : uint8, shape (n,)
        `Quality` codes.
    """

    time_ms: int
    due_s: float
    enterprise: str
    points: Sequence[str]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)

    def readings(self) -> Iterator[tuple[PointKey, float, int]]:
        """One by one: key, value, quality."""
        for point, value, quality in zip(self.points, self.value.tolist(), self.quality.tolist(), strict=True):
            yield PointKey(self.enterprise, point), value, quality
