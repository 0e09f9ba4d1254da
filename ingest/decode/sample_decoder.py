"""From a foreign format's samples to readings of the plant's points: names, mapping table, units."""

import re
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hazards.catalogue import load_catalogue
from hazards.plant import PointKey
from hazards.quality import Quality
from ingest.decode.decoder import Columns, UnknownReading
from ingest.decode.mapping import MappedPoint
from ingest.decode.names import Template
from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Format, Sample, Unusable, finite
from ingest.decode.topics import TopicPattern
from ingest.directory import Directory
from ingest.message import Message

__all__ = ["Addressing", "SampleDecoder"]

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CACHED = 200_000
"""Names whose point is remembered; then all are forgotten, so that made-up names do not fill the memory."""
_SAME_UNIT = {"Cel": "°C", "degC": "°C", "℃": "°C", "l/s": "L/s", "mg/m³": "mg/m3", "m³/h": "m3/h", "m³/min": "m3/min"}
"""Other spellings (SenML's of RFC 8428, 12.1, among them) of the catalogue's units."""


@dataclass(frozen=True, slots=True)
class Addressing:
    """Which point a sample is of; one route's answer."""

    pattern: TopicPattern
    enterprise: Template | None
    """None where the mapping table names it in every row."""
    point: Template
    mapping: Mapping[str, MappedPoint] | None
    """By what ``point`` renders to. With a table, names that are not in it are unknown."""
    unit: str = ""
    """Of values that come without one."""
    unknown: Literal["reject", "ignore"] = "reject"
    """What becomes of names that table or plant do not know."""


@dataclass(frozen=True, slots=True)
class _Target:
    key: PointKey
    number: int | None
    row: MappedPoint | None
    factor: float | None
    """None if its unit cannot become the point's."""
    problem: str = ""


class SampleDecoder:
    """A `Decoder` of a route whose format brings samples.

    Parameters
    ----------
    format : Format
        Reads the payload.
    addressing : Addressing
        Tells the points.
    directory : Directory
        The plant's points.
    max_payload_bytes : int
        Larger payloads are rejected unparsed.
    """

    def __init__(
        self,
        format: Format,
        addressing: Addressing,
        directory: Directory,
        max_payload_bytes: int,
    ) -> None:
        self._format = format
        self._addressing = addressing
        self._directory = directory
        self._max_payload_bytes = max_payload_bytes
        self._targets: dict[tuple[str, str, str], _Target] = {}
        self._version = directory.version

    def decode(self, message: Message, into: Columns) -> Reject | None:
        """Add the message's readings to ``into``, or say what is wrong with it, or with the first part that is."""
        if len(message.payload) > self._max_payload_bytes:
            return Reject(RejectReason.TOO_LARGE, f"{len(message.payload)} bytes; at most {self._max_payload_bytes}")
        if self._version != self._directory.version:
            self._targets.clear()
            self._version = self._directory.version
        levels = dict(self._addressing.pattern.match(message.topic) or {})
        first: Reject | None = None
        others = 0
        try:
            for sample in self._format.samples(message):
                reject = sample if isinstance(sample, Reject) else self._take(sample, levels, message, into)
                if reject is not None:
                    first, others = first or reject, others + 1
        except Unusable as e:
            first, others = first or e.reject, others + 1
        if first is None or others == 1:
            return first
        return Reject(first.reason, f"{first.detail[:450]} (and {others - 1} more)")

    def _take(self, sample: Sample, levels: dict[str, str], message: Message, into: Columns) -> Reject | None:
        addressing = self._addressing
        names = ChainMap(levels, sample.names) if levels else sample.names  # type: ignore[arg-type]
        try:
            enterprise = addressing.enterprise.render(names) if addressing.enterprise else ""
            name = addressing.point.render(names)
        except KeyError as e:
            return Reject(RejectReason.NAME, f"there is no {{{str(e.args[0])[:60]}}} to make the point's name of")
        key = (enterprise, name, sample.unit)
        target = self._targets.get(key)
        if target is None:
            if len(self._targets) >= _CACHED:
                self._targets.clear()
            target = self._targets[key] = self._find(enterprise, name, sample.unit)
        if target.number is None and (sample.silence or addressing.unknown == "ignore"):
            return None
        if target.number is None and not _known_name(target.key):  # nothing that could be listed among unknown points
            reason = RejectReason.UNKNOWN_POINT if addressing.mapping is not None else RejectReason.NAME
            return Reject(reason, target.problem)
        if sample.time_ms is None and message.retained:
            return Reject(RejectReason.RETAINED, "a retained message needs a time of its own")
        quality = sample.quality
        if sample.time_ms is None and quality == Quality.GOOD and not sample.silence:
            quality = Quality.UNCERTAIN.value
        value, row = finite(sample.value), target.row
        if value is not None and row is not None:
            if row.loop is not None:
                value, floor = row.loop.reading(value)
                quality = max(quality, floor) if quality != Quality.MAINTENANCE else quality
            else:
                value = value * row.scale + row.offset
        time_ms = message.received_ms if sample.time_ms is None else sample.time_ms
        if target.number is None:
            shown = float("nan") if value is None else value
            into.unknown.append(UnknownReading(target.key, time_ms, shown, quality))
            return Reject(RejectReason.UNKNOWN_POINT, target.problem)
        if target.factor is None and value is not None:
            return Reject(RejectReason.UNIT, target.problem)
        if value is not None and target.factor is not None and target.factor != 1.0:
            value = value * target.factor
        into.point.append(target.number)
        into.time_ms.append(time_ms)
        into.value.append(finite(value))
        into.quality.append(quality)
        return None

    def _find(self, enterprise: str, name: str, unit: str) -> _Target:
        addressing = self._addressing
        row = None
        point = name
        if addressing.mapping is not None:
            row = addressing.mapping.get(name)
            if row is None:
                return _Target(
                    PointKey(enterprise, name), None, None, None, f"{name[:200]!r} is not in the mapping table"
                )
            enterprise, point = row.enterprise or enterprise, row.point
        key = PointKey(enterprise, point)
        if not _known_name(key):
            problem = (
                f"{enterprise[:80]!r}, {point[:200]!r} are no names of an enterprise and a point; map them in a table"
            )
            return _Target(key, None, row, None, problem)
        number = self._directory.number(key)
        if number is None:
            return _Target(key, None, row, None, f"{key} is not in the plant")
        known = self._directory.points[number]
        sent = (row.unit if row else "") or ("" if row and row.loop else unit) or addressing.unit
        factor = _factor(known.kind, sent, known.unit)
        problem = "" if factor is not None else f"{key} is in {known.unit}, and {sent[:40]!r} cannot be converted"
        return _Target(key, number, row, factor, problem)


def _known_name(key: PointKey) -> bool:
    return _NAME.fullmatch(key.enterprise) is not None and _NAME.fullmatch(key.point) is not None


def _factor(kind: str, sent: str, unit: str) -> float | None:
    """What a value in ``sent`` is multiplied with to be in ``unit``; None if nobody knows."""
    sent = _SAME_UNIT.get(sent, sent)
    if not sent or sent == unit:
        return 1.0
    entry = load_catalogue().kinds.get(kind)
    if entry is None:
        return None
    there, here = entry.units.get(sent), entry.units.get(unit)
    return None if there is None or here is None else here / there
