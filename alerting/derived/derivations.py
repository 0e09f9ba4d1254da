"""All derived points of a plant over the log: readings in, derived readings out."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from alerting.derived import state
from alerting.derived.arithmetic import ARITHMETIC
from alerting.derived.over_time import OverTime
from alerting.derived.pointwise import NEVER, Pointwise
from alerting.derived.rank import BAD, MAINTENANCE, QUALITY_OF, RANK_OF
from alerting.derived.sorting import order_by
from alerting.derived.stream import Stream
from hazards.derivation import Derivation, order
from hazards.plant import PointKey
from hazards.readings import ReadingBatch

__all__ = ["Derivations"]

_LARGEST = float(np.finfo(np.float64).max)

Group = Pointwise | OverTime


class Derivations:
    """Computes derived readings; a function of the derivations and of the readings, in the order of the log.

    Parameters
    ----------
    derivations : sequence of Derivation
        In any order.
    number_of : mapping of PointKey to int
        The number in the log of every derived point and of every input.

    Raises
    ------
    ValueError
        If derivations depend on each other in a circle, or two make one point.
    KeyError
        If a point has no number.

    Examples
    --------
    >>> from hazards.derivation import Function, Input
    >>> t1, t2, step = (PointKey("M001", p) for p in ("CH4-T1", "CH4-T2", "CH4-STEP"))
    >>> rise = Derivation(step, Function.DIFFERENCE, (Input(t2), Input(t1)))
    >>> derived = Derivations([rise], {t1: 0, t2: 1, step: 2})
    >>> out = derived.feed(ReadingBatch.of([0, 1, 0], [1000, 1000, 2000], [0.5, 0.75, 0.25], [0, 0, 0]))
    >>> out.time_ms.tolist(), out.value.tolist()
    ([1000, 2000], [0.25, 0.5])
    """

    def __init__(self, derivations: Sequence[Derivation], number_of: Mapping[PointKey, int]) -> None:
        self.derivations = tuple(derivations)
        derived = [d.key for d in derivations]
        if len(set(derived)) < len(derived):
            twice = next(key for key in derived if derived.count(key) > 1)
            raise ValueError(f"{twice} is derived twice")
        made = set(derived)
        inputs = {i.point: i for d in derivations for i in d.inputs}
        measured = [key for key in inputs if key not in made]
        # Channels: measured inputs, then derived points in the order of their numbers.
        derived.sort(key=lambda key: number_of[key])
        self.measured: tuple[PointKey, ...] = tuple(measured)
        channel_of = {key: channel for channel, key in enumerate([*measured, *derived])}
        n = len(channel_of)
        self.number = np.array([number_of[key] for key in channel_of], np.int32)
        """Number in the log of each channel's point."""
        self._channel = np.full(int(self.number.max(initial=-1)) + 2, -1, np.int64)
        self._channel[self.number[: len(measured)]] = np.arange(len(measured))
        self.last_ms: NDArray[np.int64] = np.full(len(measured), NEVER, np.int64)
        """Time of the latest reading of each measured input."""
        self.late = 0
        """Readings of inputs that were older than the one before, and left out."""
        self._low, self._high = np.full(n, -_LARGEST), np.full(n, _LARGEST)
        for key, i in inputs.items():
            self._low[channel_of[key]] = max(i.range_low, -_LARGEST)
            self._high[channel_of[key]] = min(i.range_high, _LARGEST)
        levels = order(derivations)
        self.levels: list[list[Group]] = [_groups(level, channel_of) for level in levels]
        behind = _measured_behind(levels, channel_of, made)
        self._behind = np.array([c for channel in range(len(measured), n) for c in behind[channel]], np.int64)
        counts = [len(behind[channel]) for channel in range(len(measured), n)]
        self._behind_at = np.cumsum([0, *counts[:-1]]) if counts else np.empty(0, np.int64)

    # Readings

    def feed(self, batch: ReadingBatch) -> ReadingBatch:
        """Derived readings that a batch of readings gives.

        Parameters
        ----------
        batch : ReadingBatch
            Readings as they stand in the log, of any points; those of derived points are left out.

        Returns
        -------
        ReadingBatch
            Ordered by (time, point); of each point and time one reading, the last. A later batch may give another
            one of a time that was given before: it takes that one's place.
        """
        stream = self._accept(batch)
        if not len(stream):
            return ReadingBatch.empty()
        streams = [stream]
        made: list[Stream] = []
        for number, level in enumerate(self.levels):
            merged = Stream.merge(streams)
            for group in level:
                results = (
                    group.feed(merged, crossing=number > 0) if isinstance(group, Pointwise) else group.feed(merged)
                )
                if len(results):
                    made.append(results)
                    streams.append(self._checked(results))
        return self._out(made)

    def reached_ms(self) -> NDArray[np.int64]:
        """Up to when all measured points behind each derived one have been heard, in the order of the numbers.

        A result at or before that time will not be made again, but for a reading that takes another's place.
        """
        if not len(self._behind):
            return np.empty(0, np.int64)
        return np.minimum.reduceat(self.last_ms.take(self._behind), self._behind_at)

    def _accept(self, batch: ReadingBatch) -> Stream:
        """The readings of inputs that are not late, with their rank."""
        channel = self._channel.take(batch.point, mode="clip")
        rows = None
        if len(channel) and channel.min() < 0:
            rows = np.flatnonzero(channel >= 0)
            channel = channel.take(rows)
        time_ms, value, quality = batch.time_ms, batch.value, batch.quality
        if rows is not None:
            time_ms, value, quality = time_ms.take(rows), value.take(rows), quality.take(rows)
        accepted = time_ms >= self.last_ms.take(channel)
        ascending = bool((time_ms[1:] >= time_ms[:-1]).all())
        if not ascending:
            accepted &= _not_before(channel, time_ms)
        stream = Stream(np.arange(len(channel)), channel, time_ms, value, RANK_OF.take(quality))
        stream = stream.where(accepted)
        self.late += len(channel) - len(stream)
        if ascending:
            self.last_ms[stream.channel] = stream.time_ms
        else:
            np.maximum.at(self.last_ms, stream.channel, stream.time_ms)
        return self._checked(stream)

    def _checked(self, stream: Stream) -> Stream:
        """The same with what is no number, or outside its range, as BAD."""
        inside = (stream.value >= self._low.take(stream.channel)) & (stream.value <= self._high.take(stream.channel))
        if inside.all():
            return stream
        rank = np.where(inside | (stream.rank == MAINTENANCE), stream.rank, BAD).astype(np.uint8)
        return Stream(stream.place, stream.channel, stream.time_ms, stream.value, rank)

    def _out(self, results: Sequence[Stream]) -> ReadingBatch:
        """The last result of each point and time, by time and point."""
        kept = [r.where(_last_of_each(r)) for r in results]
        if not kept:
            return ReadingBatch.empty()
        made = kept[0] if len(kept) == 1 else Stream.merge(kept)
        point, time_ms = self.number.take(made.channel), made.time_ms
        rows = _by_time_and_point(time_ms, point)
        quality = QUALITY_OF.take(made.rank)
        if rows is None:
            return ReadingBatch(point, time_ms, made.value, quality)
        return ReadingBatch(point.take(rows), time_ms.take(rows), made.value.take(rows), quality.take(rows))

    # Snapshots

    def snapshot(self) -> bytes:
        """The state, by the names of the points."""
        return state.dump(self.measured, self.last_ms, self.late, [g for level in self.levels for g in level])

    @classmethod
    def restore(
        cls, derivations: Sequence[Derivation], number_of: Mapping[PointKey, int], snapshot: bytes
    ) -> "Derivations":
        """Go on from a snapshot as if nothing had happened in between.

        Derivations that are new, or that were changed in what they remember, begin with the readings to come; all
        others keep their past.

        Raises
        ------
        ValueError
            If the bytes are not what `snapshot` gave, or are of another version.
        """
        made = cls(derivations, number_of)
        groups = [g for level in made.levels for g in level]
        made.late = state.load(snapshot, made.measured, made.last_ms, groups)
        return made


def _groups(level: Sequence[Derivation], channel_of: Mapping[PointKey, int]) -> list[Group]:
    """Derivations that are computed together, their rows in the order of their numbers."""
    groups: list[Group] = []
    n = len(channel_of)

    def kind(d: Derivation) -> tuple[str, int]:
        return (d.function, len(d.inputs)) if d.function in ARITHMETIC else ("", 1)

    for (function, _), members in groupby(sorted(level, key=lambda d: (kind(d), channel_of[d.key])), kind):
        some = list(members)
        own = [channel_of[d.key] for d in some]
        if function:
            channels = [[channel_of[i.point] for i in d.inputs] for d in some]
            groups.append(Pointwise(some, channels, own, n))
        else:
            groups.append(OverTime(some, [channel_of[d.inputs[0].point] for d in some], own, n))
    return groups


def _measured_behind(
    levels: Sequence[Sequence[Derivation]], channel_of: Mapping[PointKey, int], derived: set[PointKey]
) -> dict[int, list[int]]:
    """Channels of all measured points that go into each derived one, directly or through others."""
    behind: dict[int, list[int]] = {}
    for level in levels:
        for d in level:
            channels: dict[int, None] = {}
            for i in d.inputs:
                channel = channel_of[i.point]
                channels.update(dict.fromkeys(behind[channel] if i.point in derived else [channel]))
            behind[channel_of[d.key]] = list(channels)
    return behind


def _not_before(channel: NDArray[np.int64], time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether no earlier reading of the same channel has a later time."""
    rows = order_by(channel)
    _, rank = np.unique(time_ms[rows], return_inverse=True)
    segment = np.cumsum(np.diff(channel[rows], prepend=channel[rows[:1]]) != 0)
    key = segment * len(rows) + rank
    made = np.empty(len(rows), np.bool_)
    made[rows] = key == np.maximum.accumulate(key)
    return made


def _last_of_each(results: Stream) -> NDArray[np.bool_]:
    """Where the last result of each channel and time stands. Channels stand together."""
    channel, time_ms = results.channel, results.time_ms
    last = np.ones(len(results), np.bool_)
    np.not_equal(channel[1:], channel[:-1], out=last[:-1])
    last[:-1] |= time_ms[1:] != time_ms[:-1]
    return last


def _by_time_and_point(time_ms: NDArray[np.int64], point: NDArray[np.int32]) -> NDArray[np.int64] | None:
    """Rows in order; None if they are."""
    later, same = time_ms[1:] > time_ms[:-1], time_ms[1:] == time_ms[:-1]
    if bool((later | (same & (point[1:] > point[:-1]))).all()):
        return None
    first, span, numbers = int(time_ms.min()), int(time_ms.max()) - int(time_ms.min()), int(point.max()) + 1
    if span < (1 << 62) // numbers:
        return order_by((time_ms - first) * numbers + point)
    return np.lexsort((point, time_ms))
