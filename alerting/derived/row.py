"""A column that grows at its end and is forgotten from its beginning."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Row"]


class Row:
    """Numbers in a row; appending is cheap because there is room behind.

    Parameters
    ----------
    dtype : numpy type
    width : int, optional
        Numbers that stand in each place together; one, without a dimension of its own, if not given.

    Examples
    --------
    >>> row = Row(np.int64)
    >>> row.append(np.array([1, 2, 3]))
    >>> row.drop(1)
    >>> row.truncate(1)
    >>> row.array.tolist(), len(row)
    ([2], 1)
    """

    __slots__ = ("_data", "_start", "_stop")

    def __init__(self, dtype: DTypeLike, width: int | None = None) -> None:
        self._data: NDArray[Any] = np.empty(16 if width is None else (16, width), dtype)
        self._start = self._stop = 0

    def __len__(self) -> int:
        return self._stop - self._start

    @property
    def array(self) -> NDArray[Any]:
        """What stands in it, as a view."""
        return self._data[self._start : self._stop]

    def append(self, values: NDArray[Any]) -> None:
        """Put numbers at the end."""
        n = len(values)
        if self._stop + n > len(self._data):
            kept = self.array
            data = np.empty((max(16, 2 * (len(kept) + n)), *self._data.shape[1:]), self._data.dtype)
            data[: len(kept)] = kept
            self._data, self._start, self._stop = data, 0, len(kept)
        self._data[self._stop : self._stop + n] = values
        self._stop += n

    def truncate(self, length: int) -> None:
        """Keep the first ``length``."""
        self._stop = self._start + length

    def drop(self, n: int) -> None:
        """Forget the first ``n``."""
        self._start += n
