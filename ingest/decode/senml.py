"""SenML (RFC 8428), JSON and CBOR: base fields resolved, times relative to now or absolute."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NoReturn

import cbor2
import msgspec

from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample, Unusable, finite, scaled_ms
from ingest.message import Message

__all__ = ["SenML"]

_LABELS: Final[Mapping[int, str]] = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""CBOR labels (RFC 8428, table 4)."""
_ABSOLUTE_S = 1 << 28
"""Smaller times are relative to now (RFC 8428, 4.5.3). [s]"""
_VERSION = 10


def _refuse(*_: object) -> NoReturn:
    raise ValueError("a tag that SenML has no use for")


_TAGS = dict.fromkeys([0, 1, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000], _refuse)
"""SenML numbers may be decimal fractions (tag 4); what other tags could be made to build stays unbuilt."""


class SenML:
    """The format, as a `Format`; names: ``{name}``, the base name and the name together.

    ``v`` and ``vb`` are values, ``bv`` is added to ``v``. A record with a text, data or only a sum (``s``) has no value
    that a point could take. A time that is relative to now counts from receipt and is as doubtful as none.
    """

    def __init__(self, encoding: Literal["json", "cbor"]) -> None:
        self._encoding = encoding

    def samples(self, message: Message) -> Iterator[Sample | Reject]:
        """Samples and what is wrong with others, in order."""
        pack = _json(message.payload) if self._encoding == "json" else _cbor(message.payload)
        if not isinstance(pack, list):
            raise Unusable(RejectReason.SHAPE, "a SenML pack is an array of records")
        name, time, unit, value = "", 0.0, "", 0.0
        for k, record in enumerate(pack):
            if not isinstance(record, dict):
                raise Unusable(RejectReason.SHAPE, f"record {k} is no object")
            if self._encoding == "cbor":
                record = {_LABELS.get(key, key) if type(key) is int else key: v for key, v in record.items()}
            for key in record:
                if isinstance(key, str) and key.endswith("_"):  # RFC 8428, 4.4: must be understood, or all is refused
                    raise Unusable(RejectReason.SHAPE, f"record {k} has {key[:40]!r}, which must be understood")
            if "bver" in record and not (type(record["bver"]) is int and record["bver"] <= _VERSION):
                raise Unusable(RejectReason.SHAPE, f"record {k} is of a SenML version after {_VERSION}")
            # Base fields hold from their record on, until the next of the same name.
            name = _text(record, "bn", k, name)
            unit = _text(record, "bu", k, unit)
            time = _number(record, "bt", k, time)
            value = _number(record, "bv", k, value)
            if not record.keys() & {"v", "vb", "vs", "vd", "s", "n"}:
                continue  # only base fields
            full = name + _text(record, "n", k, "")
            if not full:
                yield Reject(RejectReason.NAME, f"record {k} has no name")
                continue
            if "v" in record:
                measured: float | None = _sum(value, _number(record, "v", k))
            elif isinstance(record.get("vb"), bool):
                measured = float(record["vb"])
            else:
                yield Reject(RejectReason.SHAPE, f"record {k} ({full[:80]}) has no number and no boolean")
                continue
            own = _number(record, "t", k)
            at_s = _sum(time, own)
            time_ms = None
            if at_s is not None and at_s >= _ABSOLUTE_S:
                time_ms = scaled_ms(at_s, 1)
            elif at_s is None:
                yield Reject(RejectReason.TIME, f"record {k}: times are beyond all bounds")
                continue
            elif at_s:
                if message.retained:
                    raise Unusable(RejectReason.RETAINED, "a retained message needs a time that is not relative")
                yield Sample(
                    {"name": full}, message.received_ms + scaled_ms(at_s, 1), measured, 1,
                    _text(record, "u", k, unit),
                )  # fmt: skip
                continue
            yield Sample({"name": full}, time_ms, measured, 0, _text(record, "u", k, unit))


def _sum(a: float, b: float) -> float | None:
    return finite(a + b)


def _text(record: Mapping[Any, Any], key: str, k: int, otherwise: str) -> str:
    if key not in record:
        return otherwise
    text = record[key]
    if not isinstance(text, str):
        raise Unusable(RejectReason.SHAPE, f"record {k}: {key} is no text")
    return text


def _number(record: Mapping[Any, Any], key: str, k: int, otherwise: float = 0.0) -> float:
    if key not in record:
        return otherwise
    number = record[key]
    if isinstance(number, bool | str | bytes | list | dict) or number is None:
        raise Unusable(RejectReason.SHAPE, f"record {k}: {key} is no number")
    try:
        return float(number)
    except (TypeError, ValueError, OverflowError) as e:
        raise Unusable(RejectReason.SHAPE, f"record {k}: {key} is no number that can be used") from e


def _json(payload: bytes) -> object:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise Unusable(RejectReason.NOT_JSON, str(e)) from e
    except RecursionError as e:
        raise Unusable(RejectReason.NESTING, "nested too deeply") from e


def _cbor(payload: bytes) -> object:
    try:
        return cbor2.loads(
            payload, semantic_decoders=_TAGS, max_depth=16, strict_hashable_types=False, allow_duplicate_keys=False
        )
    except (cbor2.CBORError, ValueError, TypeError, ArithmeticError, RecursionError) as e:
        raise Unusable(RejectReason.SYNTAX, f"not CBOR: {e}") from e
