"""Snapshots of derived points: columns of everything they hold, found again by the points' names."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerting.derived.over_time import OverTime
from alerting.derived.pointwise import Pointwise
from hazards.derivation import Derivation
from hazards.plant import PointKey

__all__ = ["dump", "load"]

_VERSION = 1


class _Columns(msgspec.Struct, array_like=True):
    """Held readings of derivations with one number of inputs, a row each."""

    inputs: int
    who: list[str]
    time_ms: bytes
    value: bytes
    rank: bytes


class _Saved(msgspec.Struct, array_like=True):
    version: int
    points: list[str]
    last_ms: bytes
    late: int
    held: list[_Columns]
    memories: dict[str, list[bytes]]


_DECODER = msgspec.msgpack.Decoder(_Saved)


def _who(d: Derivation) -> str:
    """A derivation by all that gives its state a meaning: what is computed from the state may change."""
    points = ",".join(str(i.point) for i in d.inputs)
    stale_ms = d.inputs[0].stale_after_ms if d.window_ms else 0
    return f"{d.key} {d.function} {points} {d.window_ms} {stale_ms} {d.since_ms} {d.band} {d.at_least}"


def dump(
    measured: Sequence[PointKey], last_ms: NDArray[np.int64], late: int, groups: Sequence[Pointwise | OverTime]
) -> bytes:
    """State as bytes."""
    held, memories = [], {}
    for group in groups:
        if isinstance(group, Pointwise):
            columns = (group.time_ms.tobytes(), group.value.tobytes(), group.rank.tobytes())
            held.append(_Columns(group.time_ms.shape[1], [_who(d) for d in group.derivations], *columns))
        else:
            memories.update({_who(d): m.save() for d, m in zip(group.derivations, group.memories, strict=True)})
    saved = _Saved(_VERSION, [str(key) for key in measured], last_ms.tobytes(), late, held, memories)
    return msgspec.msgpack.encode(saved)


def load(
    snapshot: bytes,
    measured: Sequence[PointKey],
    last_ms: NDArray[np.int64],
    groups: Sequence[Pointwise | OverTime],
) -> int:
    """Fill fresh state with what `dump` gave, as far as it is of the same derivations. The count of late readings.

    Raises
    ------
    ValueError
        If the bytes are not what `dump` gave, or are of another version.
    """
    try:
        saved = _DECODER.decode(snapshot)
        if saved.version != _VERSION:
            raise ValueError(f"these derived points are of version {saved.version}, not {_VERSION}")
        _take(
            dict(zip(saved.points, range(len(saved.points)), strict=True)), map(str, measured), last_ms, saved.last_ms
        )
        for group in groups:
            if isinstance(group, OverTime):
                for d, memory in zip(group.derivations, group.memories, strict=True):
                    if (state := saved.memories.get(_who(d))) is not None:
                        memory.load(state)
        for columns in saved.held:
            rows = {who: row for row, who in enumerate(columns.who)}
            for group in groups:
                if isinstance(group, Pointwise) and group.time_ms.shape[1] == columns.inputs:
                    who = [_who(d) for d in group.derivations]
                    _take(rows, who, group.time_ms, columns.time_ms)
                    _take(rows, who, group.value, columns.value)
                    _take(rows, who, group.rank, columns.rank)
    except (msgspec.MsgspecError, IndexError, TypeError) as error:
        raise ValueError(f"this is no snapshot of derived points: {error}") from error
    return saved.late


def _take(rows: Mapping[str, int], who: "Sequence[str] | map[str]", into: NDArray[np.generic], data: bytes) -> None:
    """Copy the rows of those that were there."""
    saved = np.frombuffer(data, into.dtype).reshape(-1, *into.shape[1:])
    pairs = [(here, rows[name]) for here, name in enumerate(who) if name in rows]
    if pairs:
        here, there = np.array(pairs).T
        into[here] = saved[there]
