"""A group of messages becomes one batch of readings, and a list of what did not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from hazards.quality import Quality
from hazards.readings import ReadingBatch
from ingest.decode.decoder import Columns, Decoder, UnknownReading
from ingest.decode.reject import Reject, RejectReason
from ingest.message import Message

__all__ = ["EARLIEST_MS", "FUTURE_MS", "DecodedGroup", "decode_group"]

EARLIEST_MS = 946_684_800_000
"""2000-01-01: no instrument here is older, so a time before it is a clock that was never set."""
FUTURE_MS = 60_000
"""A reading further ahead of its receipt than this gets the time of receipt. [ms]"""

_INT64_MAX = np.iinfo(np.int64).max
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DecodedGroup:
    """What a group of messages came to."""

    batch: ReadingBatch
    received_ms: int
    """Of the oldest message; 0 for no message."""
    rejects: tuple[tuple[Message, Reject], ...]
    unknown: tuple[UnknownReading, ...]
    future: Counter[int]
    """Readings from the future, by the point's number."""


def decode_group(messages: Sequence[Message], decoder: Decoder) -> DecodedGroup:
    """Decode messages in order and judge the times of all their readings together.

    Times more than `FUTURE_MS` ahead of receipt become the time of receipt, UNCERTAIN at best; readings from
    before `EARLIEST_MS` are left out and make a reject of their message. Raises nothing, whatever the messages are.
    """
    columns = Columns()
    rejects: list[tuple[Message, Reject]] = []
    decode = decoder.decode
    points = columns.point
    ends: list[int] = []
    """Number of readings after each message."""
    for message in messages:
        try:
            reject = decode(message, columns)
        except (
            Exception
        ) as e:  # one hostile payload must not stop the plant's ingest, whatever mistake of ours it finds
            log.exception("decoder failed", topic=message.topic[:200])
            reject = Reject(RejectReason.INTERNAL, f"{type(e).__name__}: {e}"[:500])
            for column in (columns.point, columns.time_ms, columns.value, columns.quality):
                del column[ends[-1] if ends else 0 :]
        if reject is not None:
            rejects.append((message, reject))
        ends.append(len(points))

    n = len(points)
    if n == 0:
        oldest = min((m.received_ms for m in messages), default=0)
        return DecodedGroup(ReadingBatch.empty(), oldest, tuple(rejects), tuple(columns.unknown), Counter())
    received_ms = np.array([m.received_ms for m in messages], np.int64)
    oldest = int(received_ms.min())
    received = np.repeat(received_ms, np.diff(ends, prepend=0)) if oldest != received_ms.max() else received_ms[:1]
    point = np.array(points, np.int32)
    time = _int64(columns.time_ms)
    value = np.array(columns.value, np.float64)  # null becomes NaN
    quality = np.array(columns.quality, np.uint8)
    quality[np.isnan(value) & (quality < Quality.BAD)] = Quality.BAD

    future: Counter[int] = Counter()
    # A clock of ours that was never set may not call the field's clocks wrong.
    ahead = (time > received + FUTURE_MS) & (received >= EARLIEST_MS)
    if ahead.any():
        future.update(point[ahead].tolist())
        time[ahead] = np.broadcast_to(received, n)[ahead]
        quality[ahead & (quality == Quality.GOOD)] = Quality.UNCERTAIN
    past = time < EARLIEST_MS
    if past.any():
        rejects += _past(messages, np.array(ends), time, past)
        point, time, value, quality = point[~past], time[~past], value[~past], quality[~past]
    batch = ReadingBatch(point, time, value, quality)
    return DecodedGroup(batch, oldest, tuple(rejects), tuple(columns.unknown), future)


def _int64(times: list[int]) -> NDArray[np.int64]:
    try:
        return np.array(times, np.int64)
    except OverflowError:  # some t has more than 19 digits: far in the past or the future all the same
        return np.array([max(-_INT64_MAX, min(_INT64_MAX, t)) for t in times], np.int64)


def _past(
    messages: Sequence[Message], ends: NDArray[np.int_], time: NDArray[np.int64], past: NDArray[np.bool_]
) -> list[tuple[Message, Reject]]:
    """One reject for each message that has readings from before `EARLIEST_MS`."""
    owners = np.searchsorted(ends, np.flatnonzero(past), side="right")
    rejects = []
    for owner, count in Counter(owners.tolist()).items():
        first = int(time[past][np.flatnonzero(owners == owner)[0]])
        detail = f"{count} readings from before 2000-01-01, the first with t = {first}"
        rejects.append((messages[owner], Reject(RejectReason.PAST, detail)))
    return rejects
