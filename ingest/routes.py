"""Routes as the configuration says them, made into one decoder and the topics to subscribe to."""

import zoneinfo
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from ingest.decode.decoder import Decoder
from ingest.decode.influx_line import InfluxLine
from ingest.decode.mapped_json import JsonPaths, MappedJson
from ingest.decode.mapping import MappingError, load_mapping
from ingest.decode.names import Template
from ingest.decode.native import NativeDecoder
from ingest.decode.router import Relabelled, Router
from ingest.decode.sample import Format
from ingest.decode.sample_decoder import Addressing, SampleDecoder
from ingest.decode.senml import SenML
from ingest.decode.sparkplug import SparkplugB
from ingest.decode.topics import TopicPattern
from ingest.directory import NATIVE_PREFIX, Directory
from ingest.errors import IngestError

__all__ = ["FormatName", "RouteError", "RouteSpec", "open_routes", "topic_filters"]

_T = TypeVar("_T")
FormatName = Literal["native", "senml-json", "senml-cbor", "influx-line", "json", "sparkplug-b"]
_NAMES_OF: dict[str, frozenset[str]] = {
    "senml-json": frozenset({"name"}),
    "senml-cbor": frozenset({"name"}),
    "sparkplug-b": frozenset({"group", "node", "device", "metric"}),
}
"""Names that a format brings; others bring whatever the payload has."""
_POINT = {"senml-json": "{name}", "senml-cbor": "{name}", "influx-line": "{field}", "sparkplug-b": "{metric}"}
"""Point where a route says nothing else."""


class RouteError(IngestError):
    """A route cannot be as it is; ``key`` is the one to change."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One ``[[ingest.routes]]``; docs/payloads.md says what each key does.

    Raises
    ------
    RouteError
        At the first thing that does not fit.
    """

    topic: str
    format: FormatName
    enterprise: str | None = None
    point: str | None = None
    mapping: Path | None = None
    unit: str = ""
    unknown: Literal["reject", "ignore"] = "reject"
    precision: Literal["ns", "us", "ms", "s"] | None = None
    """None: ns for influx-line, ms for json."""
    value: str = ""
    items: str = ""
    time: str = ""
    quality: str = ""
    value_unit: str = ""
    quality_codes: Literal["native", "opc", "opc-ua"] = "native"
    time_zone: str = ""

    def __post_init__(self) -> None:
        pattern = self._template("topic", self.topic, TopicPattern)
        if self.format not in get_args(FormatName):
            raise RouteError(
                "format", f"there is no format {self.format}; there are: {', '.join(get_args(FormatName))}"
            )
        only = {
            "precision": ("influx-line", "json"),
            **dict.fromkeys(("value", "items", "time", "quality", "value_unit", "time_zone"), ("json",)),
            **dict.fromkeys(("enterprise", "point", "mapping", "unit"), (*_POINT, "json")),
        }
        for key, formats in only.items():
            if getattr(self, key) and self.format not in formats:
                raise RouteError(key, f"is not for format {self.format}, only for {', '.join(formats)}")
        if self.quality_codes != "native" and self.format != "json":
            raise RouteError("quality_codes", f"is not for format {self.format}, only for json")
        if self.format == "native":
            if "enterprise" not in pattern.names or pattern.names - {"enterprise", "point"}:
                raise RouteError(
                    "topic", "needs a level {enterprise}, and {point} for single readings, for native payloads"
                )
            if self.topic.endswith("#"):
                raise RouteError("topic", "ends in #, which does not say the point; give {point}")
            return
        self._check_names(pattern)
        if self.format == "json" and not self.value:
            raise RouteError("value", 'is missing; give the path of the value, e.g. "value" or "data.*"')
        if self.time_zone:
            try:
                zoneinfo.ZoneInfo(self.time_zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as e:
                raise RouteError(
                    "time_zone", f'"{self.time_zone}" is not a time zone; give e.g. "Asia/Shanghai"'
                ) from e

    def _check_names(self, pattern: TopicPattern) -> None:
        point = self.point or _POINT.get(self.format)
        if point is None:
            raise RouteError("point", 'is missing; give e.g. "{device}.{key}"')
        if self.enterprise is None and "enterprise" not in pattern.names and self.mapping is None:
            raise RouteError(
                "enterprise", 'is missing; give e.g. "M001", or a level {enterprise} in topic, or a mapping'
            )
        known = _NAMES_OF.get(self.format)
        for key, text in (("enterprise", self.enterprise or ""), ("point", point)):
            if not text:
                continue
            template = self._template(key, text, Template)
            if known is None:
                continue
            for name in template.names:
                if name not in known | pattern.names:
                    have = ", ".join(f"{{{n}}}" for n in sorted(known | pattern.names))
                    raise RouteError(key, f"{{{name}}} is nothing that {self.format} brings; there are: {have}")

    def _template(self, key: str, text: str, make: Callable[[str], _T]) -> _T:
        try:
            return make(text)
        except ValueError as e:
            raise RouteError(key, f'"{text}" {e}') from e


def topic_filters(specs: Sequence[RouteSpec]) -> tuple[str, ...]:
    """What to subscribe to: the native topics and those of the routes, each once."""
    return tuple(dict.fromkeys([f"{NATIVE_PREFIX}#", *(TopicPattern(s.topic).filter for s in specs)]))


def open_routes(
    specs: Sequence[RouteSpec],
    directory: Directory,
    max_payload_bytes: int,
    publish: Callable[[str, bytes], object],
) -> Decoder:
    """The decoder of everything that arrives; the native one itself where there are no routes.

    Parameters
    ----------
    specs : sequence of RouteSpec
        The first whose topic fits a message takes it; native topics stay native.
    directory : Directory
        The plant's points.
    max_payload_bytes : int
        Larger payloads are rejected unparsed.
    publish : callable
        Sends a command to a device without waiting: topic and payload. Called on the ingest thread.

    Raises
    ------
    MappingError
        All mistakes in all mapping tables.
    """
    native = NativeDecoder(directory, max_payload_bytes)
    if not specs:
        return native
    routes: list[tuple[TopicPattern, Decoder]] = []
    mistakes: list[str] = []
    for spec in specs:
        pattern = TopicPattern(spec.topic)
        if spec.format == "native":
            routes.append((pattern, Relabelled(pattern, native)))
            continue
        try:
            mapping = load_mapping(spec.mapping) if spec.mapping else None
        except MappingError as e:
            mistakes += e.mistakes
            continue
        enterprise = spec.enterprise or ("{enterprise}" if "enterprise" in pattern.names else "")
        addressing = Addressing(
            pattern,
            Template(enterprise) if enterprise else None,
            Template(spec.point or _POINT[spec.format]),
            mapping,
            spec.unit,
            spec.unknown,
        )
        routes.append(
            (pattern, SampleDecoder(_format(spec, addressing, publish), addressing, directory, max_payload_bytes))
        )
    if mistakes:
        raise MappingError(mistakes)
    return NativeDecoder(directory, max_payload_bytes, Router(routes))


def _format(spec: RouteSpec, addressing: Addressing, publish: Callable[[str, bytes], object]) -> Format:
    if spec.format == "senml-json":
        return SenML("json")
    if spec.format == "senml-cbor":
        return SenML("cbor")
    if spec.format == "influx-line":
        return InfluxLine(spec.precision or "ns")
    if spec.format == "sparkplug-b":
        return SparkplugB(publish)
    wanted = [*(addressing.enterprise.names if addressing.enterprise else ()), *addressing.point.names]
    paths = JsonPaths(
        value=spec.value,
        items=spec.items,
        time=spec.time,
        quality=spec.quality,
        unit=spec.value_unit,
        names=tuple(n for n in dict.fromkeys(wanted) if n not in addressing.pattern.names),
    )
    zone = zoneinfo.ZoneInfo(spec.time_zone) if spec.time_zone else None
    return MappedJson(paths, spec.precision or "ms", zone, spec.quality_codes)
