"""Readings by column: the one shape in which measurements cross from folder to folder."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ReadingBatch"]

_COLUMNS = (("point", np.int32), ("time_ms", np.int64), ("value", np.float64), ("quality", np.uint8))
_BYTES_A_READING = 21


@dataclass(frozen=True, slots=True)
class ReadingBatch:
    """Many readings, one array per column, all of one length ``n``, in the order of arrival.

    Attributes
    ----------
    point : int32, shape (n,)
        The point's number in the log's directory (``Log.point_ids``).
    time_ms : int64, shape (n,)
        When it was measured. [ms since 1970-01-01 UTC]
    value : float64, shape (n,)
        NaN where there is none. [unit of the point]
    quality : uint8, shape (n,)
        `Quality` codes.
    """

    point: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.uint8]

    def __post_init__(self) -> None:
        n = len(self.point)
        for name, dtype in _COLUMNS:
            column = getattr(self, name)
            if column.dtype != dtype or column.shape != (n,):
                raise ValueError(
                    f"column {name} is {column.dtype}{column.shape}; give {np.dtype(dtype)} of shape ({n},)"
                )

    def __len__(self) -> int:
        return len(self.point)

    @classmethod
    def of(cls, point: ArrayLike, time_ms: ArrayLike, value: ArrayLike, quality: ArrayLike) -> "ReadingBatch":
        """Make a batch from anything array-like, converting each column to its type.

        >>> len(ReadingBatch.of([0, 1], [1000, 1000], [0.4, 3.1], [0, 0]))
        2
        """
        return cls(
            np.asarray(point, np.int32),
            np.asarray(time_ms, np.int64),
            np.asarray(value, np.float64),
            np.asarray(quality, np.uint8),
        )

    @classmethod
    def empty(cls) -> "ReadingBatch":
        """A batch of no readings."""
        return cls.of([], [], [], [])

    @classmethod
    def concatenate(cls, batches: Sequence["ReadingBatch"]) -> "ReadingBatch":
        """One batch after the other."""
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return cls.empty()
        return cls(
            np.concatenate([b.point for b in batches]),
            np.concatenate([b.time_ms for b in batches]),
            np.concatenate([b.value for b in batches]),
            np.concatenate([b.quality for b in batches]),
        )

    def to_bytes(self) -> bytes:
        """The columns one after the other, little-endian, behind a 4-byte count.

        >>> b = ReadingBatch.of([7], [1764000000123], [0.42], [0])
        >>> ReadingBatch.from_bytes(b.to_bytes()).value.tolist()
        [0.42]
        """
        parts = [getattr(self, name).astype(np.dtype(dtype).newbyteorder("<"), copy=False) for name, dtype in _COLUMNS]
        return struct.pack("<I", len(self)) + b"".join(p.tobytes() for p in parts)

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> "ReadingBatch":
        """Read what `to_bytes` wrote; the columns are read-only views of ``data``.

        Raises
        ------
        ValueError
            If the length does not fit the count.
        """
        (n,) = struct.unpack_from("<I", data)
        if len(data) != 4 + n * _BYTES_A_READING:
            raise ValueError(f"{len(data)} bytes for {n} readings; {4 + n * _BYTES_A_READING} expected")
        return cls.of(
            np.frombuffer(data, "<i4", n, 4),
            np.frombuffer(data, "<i8", n, 4 + 4 * n),
            np.frombuffer(data, "<f8", n, 4 + 12 * n),
            np.frombuffer(data, "<u1", n, 4 + 20 * n),
        )
