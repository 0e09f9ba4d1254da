"""Native payloads: JSON on ``hazmon/v1/{enterprise}/{point}`` and, by column, on ``hazmon/v1/{enterprise}``.

The format is written down in docs/payloads.md.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from hazards.plant import PointKey
from hazards.quality import Quality
from ingest.decode.decoder import Columns, Decoder, UnknownReading
from ingest.decode.reject import Reject, RejectReason
from ingest.directory import NATIVE_PREFIX, Directory
from ingest.message import Message

__all__ = ["DEFAULT_MAX_PAYLOAD_BYTES", "NativeDecoder", "parse_time_ms"]

DEFAULT_MAX_PAYLOAD_BYTES = 1 << 20

_Time = int | float | str | None | UnsetType


# Unknown keys are let through: a gateway may add its own, and must not fall silent for it.
class _Reading(msgspec.Struct, gc=False):
    v: float | bool | None
    t: _Time = UNSET
    q: int = 0


class _Columns(msgspec.Struct):
    p: list[str]
    v: list[float | bool | None]
    t: _Time | list[int | float | str] = UNSET
    q: int | list[int] = 0


_reading_decoder = msgspec.json.Decoder(_Reading)
_columns_decoder = msgspec.json.Decoder(_Columns)
_ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LIMIT_MS = 1 << 62
"""Further than this from 1970 is only "too far"; kept within int64."""
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_TOPIC = re.compile(rf"{NATIVE_PREFIX}({_NAME.pattern})(?:/({_NAME.pattern}))?")
_NAMED_IN_DETAIL = 5
_GOOD, _UNCERTAIN, _WORST = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.MAINTENANCE)


class _Wrong(Exception):  # noqa: N818  -- never leaves this module
    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reject = Reject(reason, detail)


def parse_time_ms(time: int | float | str) -> int:
    """Epoch milliseconds of a native ``t``, rounded down.

    Raises
    ------
    ValueError
        If a text is not RFC 3339 with an offset.

    Examples
    --------
    >>> parse_time_ms("2025-11-24T16:00:00.123456+08:00")
    1763971200123
    >>> parse_time_ms(1763971200123.9)
    1763971200123
    """
    if isinstance(time, str):
        try:
            return (msgspec.convert(time, _ZonedTime) - _EPOCH) // _MS
        except msgspec.ValidationError as e:
            raise ValueError(f"{time[:40]!r}: {e}") from e
    return max(-_LIMIT_MS, min(_LIMIT_MS, int(time // 1)))


class NativeDecoder:
    """The native format, as a `Decoder`.

    Parameters
    ----------
    directory : Directory
        Tells a topic's point.
    max_payload_bytes : int
        Larger payloads are rejected unparsed.
    others : Decoder, optional
        Takes the messages on topics that are not native; without it they are rejected.
    """

    def __init__(
        self,
        directory: Directory,
        max_payload_bytes: int = DEFAULT_MAX_PAYLOAD_BYTES,
        others: Decoder | None = None,
    ) -> None:
        self._directory = directory
        self._max_payload_bytes = max_payload_bytes
        self._others = others

    def decode(self, message: Message, into: Columns) -> Reject | None:
        """Add the message's readings to ``into``, or say what is wrong."""
        payload = message.payload
        if len(payload) > self._max_payload_bytes:
            return Reject(RejectReason.TOO_LARGE, f"{len(payload)} bytes; at most {self._max_payload_bytes}")
        try:
            number = self._directory.topics.get(message.topic)
            if number is None:
                return self._by_name(message, into)
            # The common case, kept flat: one reading of a known point.
            reading = _reading_decoder.decode(payload)
            time, quality = reading.t, reading.q
            if not 0 <= quality <= _WORST:
                raise _Wrong(RejectReason.QUALITY, f"q is {quality}; 0..3 is possible")
            if type(time) is not int:
                time, quality = _times(time, message), _doubt(time, quality)
            into.point.append(number)
            into.time_ms.append(time)
            into.value.append(reading.v)
            into.quality.append(quality)
            return None
        except _Wrong as e:
            return e.reject
        except msgspec.ValidationError as e:
            return Reject(RejectReason.SHAPE, str(e))
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            return Reject(RejectReason.NOT_JSON, str(e))
        except RecursionError:
            return Reject(RejectReason.NESTING, "nested too deeply")

    def _by_name(self, message: Message, into: Columns) -> Reject | None:
        match = _TOPIC.fullmatch(message.topic)
        if match is None:
            if self._others is not None:
                return self._others.decode(message, into)
            return Reject(
                RejectReason.TOPIC,
                f"{message.topic[:200]!r}; give {NATIVE_PREFIX}enterprise/point or {NATIVE_PREFIX}enterprise",
            )
        enterprise, point = match.groups()
        if point is None:
            return self._columns(enterprise, message, into)
        reading = _reading_decoder.decode(message.payload)
        if not 0 <= reading.q <= _WORST:
            raise _Wrong(RejectReason.QUALITY, f"q is {reading.q}; 0..3 is possible")
        time_ms = _times(reading.t, message)
        key = PointKey(enterprise, point)
        into.unknown.append(_unknown(key, time_ms, reading.v, _doubt(reading.t, reading.q)))
        return Reject(RejectReason.UNKNOWN_POINT, f"{key} is not in the plant")

    def _columns(self, enterprise: str, message: Message, into: Columns) -> Reject | None:
        columns = _columns_decoder.decode(message.payload)
        names, values, times, qualities = columns.p, columns.v, columns.t, columns.q
        n = len(names)
        for column, length in (
            ("v", len(values)),
            ("t", len(times) if isinstance(times, list) else n),
            ("q", len(qualities) if isinstance(qualities, list) else n),
        ):
            if length != n:
                raise _Wrong(RejectReason.LENGTHS, f"p has {n} elements, {column} has {length}")
        if isinstance(qualities, int):
            qualities = [qualities] * n
        if n and not (min(qualities) >= 0 and max(qualities) <= _WORST):
            wrong = next(q for q in qualities if not 0 <= q <= _WORST)
            raise _Wrong(RejectReason.QUALITY, f"q has {wrong}; 0..3 is possible")
        if isinstance(times, list):
            times_ms = [t if type(t) is int else _times(t, message) for t in times]
        else:
            qualities = [_doubt(times, q) for q in qualities] if times is UNSET or times is None else qualities
            times_ms = [_times(times, message)] * n
        numbers = list(map(self._directory.enterprises.get(enterprise, {}).get, names))
        if None not in numbers:
            into.point.extend(numbers)  # type: ignore[arg-type]  # no None in it
            into.time_ms.extend(times_ms)
            into.value.extend(values)
            into.quality.extend(qualities)
            return None
        strangers = []
        for number, name, time_ms, value, quality in zip(numbers, names, times_ms, values, qualities, strict=True):
            if number is not None:
                into.point.append(number)
                into.time_ms.append(time_ms)
                into.value.append(value)
                into.quality.append(quality)
                continue
            strangers.append(name)
            if _NAME.fullmatch(name):
                into.unknown.append(_unknown(PointKey(enterprise, name), time_ms, value, quality))
        return Reject(
            RejectReason.UNKNOWN_POINT, f"{len(strangers)} of {n} are not in the plant: {_some(enterprise, strangers)}"
        )


def _times(time: _Time, message: Message) -> int:
    """One ``t`` in ms; the time of receipt where there is none."""
    if time is UNSET or time is None:
        if message.retained:
            raise _Wrong(RejectReason.RETAINED, "a retained message needs a time of its own")
        return message.received_ms
    try:
        return parse_time_ms(time)
    except ValueError as e:
        raise _Wrong(RejectReason.TIME, str(e)) from e


def _doubt(time: _Time, quality: int) -> int:
    """A reading without a time of its own is UNCERTAIN at best."""
    return _UNCERTAIN if quality == _GOOD and (time is UNSET or time is None) else quality


def _unknown(key: PointKey, time_ms: int, value: float | bool | None, quality: int) -> UnknownReading:
    time_ms = max(-_LIMIT_MS, min(_LIMIT_MS, time_ms))
    return UnknownReading(key, time_ms, float("nan") if value is None else float(value), quality)


def _some(enterprise: str, names: Sequence[str]) -> str:
    shown = ", ".join(f"{enterprise}/{name[:64]}" for name in names[:_NAMED_IN_DETAIL])
    return shown + (", …" if len(names) > _NAMED_IN_DETAIL else "")
