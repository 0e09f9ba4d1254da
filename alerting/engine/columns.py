"""The readings of a batch as the engine's parts hand them on: four columns that are cut and ordered together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns"]

_NAMES = ("point", "time_ms", "value", "quality")
_DTYPES = (np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.float64), np.dtype(np.uint8))


@dataclass(slots=True, eq=False)
class Columns:
    """Point, time, value and quality of ``n`` readings, shape (n,) each."""

    point: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.point)

    def __getitem__(self, index: NDArray[np.bool_] | slice) -> "Columns":
        return Columns(self.point[index], self.time_ms[index], self.value[index], self.quality[index])

    def take(self, index: NDArray[np.intp]) -> "Columns":
        """The readings at some positions."""
        return Columns(
            self.point.take(index), self.time_ms.take(index), self.value.take(index), self.quality.take(index)
        )

    def check(self) -> None:
        """Refuse columns of wrong types or unequal lengths.

        Raises
        ------
        ValueError
            Naming the column.
        """
        shape = (np.size(self.point),)
        columns = (self.point, self.time_ms, self.value, self.quality)
        for column, name, dtype in zip(columns, _NAMES, _DTYPES, strict=True):
            if not isinstance(column, np.ndarray) or column.dtype != dtype or column.shape != shape:
                raise ValueError(f"{name} must be an array of {dtype} and shape {shape}")

    def ascend(self) -> bool:
        """Is each point greater than the one before?"""
        return bool(np.count_nonzero(self.point[1:] > self.point[:-1]) == len(self) - 1)

    def in_a_row(self) -> bool:
        """Do the points follow each other without a gap?"""
        return int(self.point[-1]) - int(self.point[0]) == len(self) - 1 and self.ascend()

    def in_order(self) -> bool:
        """Is no time before the one before it?"""
        return bool(np.count_nonzero(self.time_ms[1:] >= self.time_ms[:-1]) == len(self) - 1)

    def round_length(self) -> int:
        """After how many readings the first point comes again; the length of a round, if the points go round."""
        return int((self.point[1:] == self.point[0]).argmax()) + 1
