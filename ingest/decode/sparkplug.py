"""Sparkplug B 3.0: births give metrics their names, data come by name or alias, deaths end what was known.

Names of a sample: ``{group}``, ``{node}``, ``{device}`` (missing for a node's own metrics) and ``{metric}``.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError

from hazards.quality import Quality
from ingest.decode.opc_quality import from_opc_classic
from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample, Unusable, finite
from ingest.decode.sparkplug_schema import Payload
from ingest.message import Message

__all__ = ["SparkplugB"]

log = structlog.get_logger(__name__)

_TOPIC = re.compile(r"spBv1\.0/([^/+#]+)/(NBIRTH|NDEATH|NDATA|DBIRTH|DDEATH|DDATA)/([^/+#]+)(?:/([^/+#]+))?")
_OTHERS = re.compile(r"spBv1\.0/(?:STATE/.*|[^/+#]+/[ND]CMD/.*)", re.DOTALL)
_REBIRTH_EVERY_MS: Final = 10_000
"""A node is asked for a rebirth at most so often."""
_MOST_METRICS: Final = 1_000_000
"""Remembered of all nodes together, some 0.4 KB each; a birth beyond it is rejected."""
_MOST_NODES: Final = 100_000
_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Of the datatypes Int8 to Int64."""
_NUMERIC: Final = frozenset(range(1, 12))
"""Datatypes with a value that a point could take: integers, Float, Double, Boolean."""
_STALE = 500
_BAD, _UNCERTAIN = Quality.BAD.value, Quality.UNCERTAIN.value
_CONTROL = ("Node Control/", "Device Control/", "Properties/")


@dataclass(slots=True)
class _Metric:
    name: str
    datatype: int
    device: str | None


@dataclass(slots=True)
class _Node:
    seq: int
    """Of the last message."""
    bd_seq: int | None
    metrics: dict[tuple[str | None, str], _Metric] = field(default_factory=dict)
    aliases: dict[int, _Metric] = field(default_factory=dict)
    offline: set[str] = field(default_factory=set)
    in_doubt: bool = False
    """A message was missed since the birth."""


class SparkplugB:
    """The format, as a `Format` with a memory of births.

    Whoever runs it gives ``publish``, through which it asks for rebirths: after a start, when data come before their
    birth, and when sequence numbers have a gap. It never waits for it.

    - **Death** makes each metric known of the node, or the device, BAD without a value at the time of receipt: nobody
      measures there, and that must be known at once, not when the silence becomes conspicuous. A death whose bdSeq is
      not the birth's is a stale will and ignored.
    - **Gap**: values after it are UNCERTAIN until the node is born again: an alias could have changed meanwhile.
    - **Metrics that are no measurements**, such as texts, data sets, templates, ``bdSeq`` and ``Node Control/…``,
      are passed over.

    Parameters
    ----------
    publish : callable
        Takes topic and payload of a command; must not block. What it raises is logged.
    """

    def __init__(self, publish: Callable[[str, bytes], object]) -> None:
        self._publish = publish
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._asked_ms: dict[tuple[str, str], int] = {}
        self._metrics = 0

    def samples(self, message: Message) -> Iterator[Sample | Reject]:
        """Samples and what is wrong with others, in order."""
        match = _TOPIC.fullmatch(message.topic)
        if match is None:
            if _OTHERS.fullmatch(message.topic):
                return  # commands and host states are for others
            raise Unusable(RejectReason.TOPIC, f"{message.topic[:200]!r} is no Sparkplug B topic")
        group, kind, name, device = match.groups()
        if (kind[0] == "D") != (device is not None):
            raise Unusable(RejectReason.TOPIC, f"{message.topic[:200]!r}: D… needs a device, N… has none")
        if message.retained:
            raise Unusable(RejectReason.RETAINED, "Sparkplug messages are never retained: this one is old")
        payload = Payload()
        try:
            payload.ParseFromString(message.payload)
        except (DecodeError, RecursionError) as e:
            raise Unusable(RejectReason.SYNTAX, f"not a Sparkplug B payload: {e}") from e
        if any(isinstance(metric.name, bytes) for metric in payload.metrics):  # what protobuf makes of such a string
            raise Unusable(RejectReason.SYNTAX, "a metric's name is not UTF-8")
        key = (group, name)
        if kind == "NDEATH":
            yield from self._node_death(key, payload)
            return
        if not payload.HasField("seq") or payload.seq > 255:
            raise Unusable(RejectReason.SHAPE, "seq must be 0 to 255")
        if kind == "NBIRTH":
            self._forget(key)
            if len(self._nodes) >= _MOST_NODES:
                raise Unusable(RejectReason.TOO_LARGE, f"more than {_MOST_NODES} edge nodes")
            self._nodes[key] = _Node(payload.seq, _bd_seq(payload))
            yield from self._metrics_of(key, None, payload, message, birth=True)
            return
        node = self._nodes.get(key)
        if node is None:
            self._ask(key, message)
            if kind == "DDEATH":
                return  # nothing of it is known, so nothing of it ends
            raise Unusable(RejectReason.SEQUENCE, f"{kind} of {group}/{name} before its birth; rebirth requested")
        missed = payload.seq != (node.seq + 1) % 256
        before, node.seq = node.seq, payload.seq
        if missed:
            node.in_doubt = True
        if node.in_doubt:
            self._ask(key, message)
        if missed:
            yield Reject(RejectReason.SEQUENCE, f"{group}/{name}: seq {payload.seq} after {before}; rebirth requested")
        if kind == "DDEATH":
            if device not in node.offline:
                node.offline.add(device)
                for metric in node.metrics.values():
                    if metric.device == device and metric.datatype in _NUMERIC:
                        yield _silent(key, metric)
        else:
            if kind == "DBIRTH":
                self._unborn(node, device)
            yield from self._metrics_of(key, device, payload, message, birth=kind == "DBIRTH")

    # --- steps

    def _node_death(self, key: tuple[str, str], payload: Any) -> Iterator[Sample | Reject]:
        node = self._nodes.get(key)
        if node is None:
            return
        died = _bd_seq(payload)
        if died is not None and node.bd_seq is not None and died != node.bd_seq:
            return  # the will of an earlier connection
        for metric in node.metrics.values():
            if metric.datatype in _NUMERIC and metric.device not in node.offline:
                yield _silent(key, metric)
        self._forget(key)

    def _metrics_of(
        self, key: tuple[str, str], device: str | None, payload: Any, message: Message, *, birth: bool
    ) -> Iterator[Sample | Reject]:
        node = self._nodes[key]
        for sent in payload.metrics:
            metric: _Metric | None
            if birth:
                metric = self._born(node, device, sent)
                if metric is None:
                    yield Reject(RejectReason.SHAPE, "a metric in a birth needs a name")
                    continue
            elif sent.HasField("name") and sent.name:
                metric = node.metrics.get((device, sent.name))
            else:
                metric = node.aliases.get(sent.alias) if sent.HasField("alias") else None
                if metric is not None and metric.device != device:
                    metric = None
            if metric is None:
                self._ask(key, message)
                shown = sent.name[:80] if sent.HasField("name") else f"alias {sent.alias}"
                yield Reject(RejectReason.SEQUENCE, f"{shown} of {'/'.join(key)} was not born; rebirth requested")
                continue
            datatype = metric.datatype or sent.datatype
            if datatype not in _NUMERIC or metric.name == "bdSeq" or metric.name.startswith(_CONTROL):
                continue
            try:
                value = None if sent.is_null else _value(sent, datatype)
            except ValueError as e:
                yield Reject(RejectReason.SHAPE, f"{metric.name[:80]}: {e}")
                continue
            quality = _quality(sent)
            if node.in_doubt and quality == Quality.GOOD:
                quality = _UNCERTAIN
            time_ms = None
            if sent.HasField("timestamp"):
                time_ms = min(sent.timestamp, 1 << 62)
            elif payload.HasField("timestamp"):
                time_ms = min(payload.timestamp, 1 << 62)
            yield Sample(_names(key, metric), time_ms, value, quality)

    def _born(self, node: _Node, device: str | None, sent: Any) -> _Metric | None:
        if not sent.name:
            return None
        at = (device, sent.name)
        if at not in node.metrics:
            if self._metrics >= _MOST_METRICS:
                raise Unusable(RejectReason.TOO_LARGE, f"more than {_MOST_METRICS} metrics in all")
            self._metrics += 1
        metric = node.metrics[at] = _Metric(sent.name, sent.datatype, device)
        if sent.HasField("alias"):
            node.aliases[sent.alias] = metric
        return metric

    def _unborn(self, node: _Node, device: str) -> None:
        """Forget a device that is about to be born again: its birth names every metric anew."""
        node.offline.discard(device)
        gone = [at for at in node.metrics if at[0] == device]
        for at in gone:
            del node.metrics[at]
        self._metrics -= len(gone)
        if gone:
            node.aliases = {alias: m for alias, m in node.aliases.items() if m.device != device}

    def _forget(self, key: tuple[str, str]) -> None:
        node = self._nodes.pop(key, None)
        if node is not None:
            self._metrics -= len(node.metrics)

    def _ask(self, key: tuple[str, str], message: Message) -> None:
        """Send ``Node Control/Rebirth``, unless it was sent just now."""
        asked = self._asked_ms.get(key)
        if asked is not None and 0 <= message.received_ms - asked < _REBIRTH_EVERY_MS:
            return
        if len(self._asked_ms) >= _MOST_NODES:
            self._asked_ms.clear()
        self._asked_ms[key] = message.received_ms
        command = Payload(timestamp=max(0, message.received_ms))
        command.metrics.add(
            name="Node Control/Rebirth", timestamp=max(0, message.received_ms), datatype=11, boolean_value=True
        )
        try:
            self._publish(f"spBv1.0/{key[0]}/NCMD/{key[1]}", command.SerializeToString())
        except Exception as e:  # readings must go on, whatever becomes of a request that is repeated anyway
            log.warning("rebirth could not be requested", node="/".join(key)[:200], problem=str(e))


def _names(key: tuple[str, str], metric: _Metric) -> dict[str, str]:
    names = {"group": key[0], "node": key[1], "metric": metric.name}
    if metric.device is not None:
        names["device"] = metric.device
    return names


def _silent(key: tuple[str, str], metric: _Metric) -> Sample:
    return Sample(_names(key, metric), None, None, _BAD, silence=True)


def _bd_seq(payload: Any) -> int | None:
    for metric in payload.metrics:
        if metric.name == "bdSeq":
            return int(metric.long_value if metric.HasField("long_value") else metric.int_value)
    return None


def _value(sent: Any, datatype: int) -> float | None:
    which = sent.WhichOneof("value")
    if which is None:
        raise ValueError("has no value and is not null")
    if which not in ("int_value", "long_value", "float_value", "double_value", "boolean_value"):
        raise ValueError(f"is a {which} where datatype {datatype} was declared")
    value = getattr(sent, which)
    if datatype in _SIGNED_BITS and which in ("int_value", "long_value"):
        # Signed integers travel as unsigned ones of 32 or 64 bits; two's complement brings them back.
        bits = _SIGNED_BITS[datatype]
        value &= (1 << bits) - 1
        value -= (value >> (bits - 1)) << bits
    elif which == "float_value":
        value = _shortest(value)
    return finite(value)


def _shortest(value: float) -> float:
    """A 32-bit float as its shortest decimal: 0.42 is 0.42 and not 0.41999998688697815."""
    text = f"{value:.7g}"
    close = float(text)
    try:
        return close if struct.pack("<f", close) == struct.pack("<f", value) else value
    except OverflowError:
        return value


def _quality(sent: Any) -> int:
    """Of the property ``Quality`` (0 bad, 192 good, 500 stale); none means good."""
    if not sent.HasField("properties"):
        return Quality.GOOD.value
    for key, value in zip(sent.properties.keys, sent.properties.values, strict=False):
        if key == "Quality":
            code = value.long_value if value.HasField("long_value") else value.int_value
            if code == _STALE:
                return _BAD
            return from_opc_classic(code).value if code < 256 else _UNCERTAIN
    return Quality.GOOD.value
