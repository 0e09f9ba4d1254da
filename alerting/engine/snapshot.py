"""The engine's state as bytes and back.

Layout, little-endian: magic, version, checksum of all that follows, number of points, late count, latest
known time, then the columns of `State` one after the other in their order. A new column means a new version.
"""

import struct
import zlib
from dataclasses import fields

import numpy as np

from alerting.engine.tables import State

__all__ = ["VERSION", "dump", "load"]

VERSION = 1

_MAGIC = b"HAZE"
_HEAD = struct.Struct("<4sHxxI")
_BODY = struct.Struct("<QQq")


def dump(state: State, late: int, now_ms: int) -> bytes:
    """Write a snapshot."""
    columns = [getattr(state, column.name) for column in fields(state)]
    body = _BODY.pack(len(state.last), late, now_ms)
    parts: list[bytes | memoryview] = [body]
    parts += [_little(column).reshape(-1).view(np.uint8).data for column in columns]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return b"".join([_HEAD.pack(_MAGIC, VERSION, checksum), *parts])


def load(data: bytes) -> tuple[State, int, int]:
    """Read a snapshot: state, late count, latest known time.

    Raises
    ------
    ValueError
        If this is not a snapshot, is one of another version, or has been damaged.
    """
    if len(data) < _HEAD.size + _BODY.size:
        raise ValueError(f"an engine snapshot has at least {_HEAD.size + _BODY.size} bytes, this has {len(data)}")
    magic, version, checksum = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError(f"not an engine snapshot: it begins with {magic!r}, not {_MAGIC!r}")
    if version != VERSION:
        raise ValueError(f"engine snapshot of version {version}; this program reads version {VERSION}")
    if zlib.crc32(memoryview(data)[_HEAD.size :]) != checksum:
        raise ValueError("the engine snapshot is damaged: its checksum does not fit")
    n, late, now_ms = _BODY.unpack_from(data, _HEAD.size)
    offset = _HEAD.size + _BODY.size
    template = State.fresh(0, 0)
    columns = []
    for field in fields(State):
        empty = getattr(template, field.name)
        shape = (n, *empty.shape[1:])
        count = int(np.prod(shape, dtype=np.int64))
        stored = np.frombuffer(data, empty.dtype.newbyteorder("<"), count, offset)
        columns.append(stored.astype(empty.dtype).reshape(shape))
        offset += count * empty.itemsize
    if offset != len(data):
        raise ValueError(f"the engine snapshot of {n} points has {len(data)} bytes; {offset} expected")
    return State(*columns), late, now_ms


def _little(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<"), copy=False))
