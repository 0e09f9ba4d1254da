"""The engine's state as bytes and back.

Layout, little-endian: magic, version, checksum of all that follows, number of points, late count, latest
known time, then the columns of `COLUMNS` one after the other. What follows from limits and state (the
boxes of the first pass) is left out, so equal states have equal snapshots. Another column is another version.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from alerting.engine.tables import Tables

__all__ = ["COLUMNS", "VERSION", "dump", "load"]

VERSION = 1

COLUMNS = (
    ("trail", "last"),
    ("rest", "seen"),
    ("trail", "held"),
    ("rest", "active"),
    ("rest", "due"),
    ("timed", "rate_time"),
    ("timed", "rate_value"),
    ("trail", "clock"),
    ("trail", "anchor"),
)
"""Table and column, in the order in which they are written."""

_MAGIC = b"HAZE"
_HEAD = struct.Struct("<4sHxxI")
_COUNTS = struct.Struct("<QQq")
_OFFSET = _HEAD.size + _COUNTS.size


def dump(tables: Tables, late: int, now_ms: int) -> bytes:
    """Write a snapshot."""
    parts: list[bytes | memoryview] = [_COUNTS.pack(len(tables), late, now_ms)]
    for table, name in COLUMNS:
        column = _column(tables, table, name)
        stored = np.ascontiguousarray(column, column.dtype.newbyteorder("<"))
        parts.append(stored.reshape(-1).view(np.uint8).data)
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join([_HEAD.pack(_MAGIC, VERSION, checksum), *parts])


def load(data: bytes, tables: Tables) -> tuple[int, int, int]:
    """Read a snapshot into the first rows of the tables.

    Returns
    -------
    n_points, late, now_ms : int
        How many points the snapshot had, and the counts that were saved with it.

    Raises
    ------
    ValueError
        If this is not a snapshot, is of another version or of more points than the tables, or is damaged.
    """
    if len(data) < _OFFSET:
        raise ValueError(f"an engine snapshot has at least {_OFFSET} bytes, this has {len(data)}")
    magic, version, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError(f"not an engine snapshot: it begins with {magic!r}, not {_MAGIC!r}")
    if version != VERSION:
        raise ValueError(f"engine snapshot of version {version}; this program reads version {VERSION}")
    if zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
        raise ValueError("the engine snapshot is damaged: its checksum does not fit")
    n, late, now_ms = _COUNTS.unpack_from(data, _HEAD.size)
    if n > len(tables):
        raise ValueError(f"the engine snapshot has {n} points, the limits only {len(tables)}")
    columns = [_column(tables, table, name)[:n] for table, name in COLUMNS]
    if len(data) != _OFFSET + sum(column.nbytes for column in columns):
        raise ValueError(f"the engine snapshot has the wrong length for {n} points: {len(data)} bytes")
    offset = _OFFSET
    for column in columns:
        column[:] = np.frombuffer(data, column.dtype.newbyteorder("<"), column.size, offset).reshape(column.shape)
        offset += column.nbytes
    return n, late, now_ms


def _column(tables: Tables, table: str, name: str) -> NDArray[np.generic]:
    column: NDArray[np.generic] = getattr(tables, table)[name]
    return column
