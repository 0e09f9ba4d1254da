"""Foreign JSON whose fields a route declares: where the items are, and in each its value, time, quality, and names."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

import msgspec

from hazards.quality import Quality
from ingest.decode.influx_line import PER_S
from ingest.decode.opc_quality import from_opc_classic, from_opc_ua
from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample, Unusable, finite, scaled_ms
from ingest.message import Message

__all__ = ["JsonPaths", "MappedJson"]

_NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,5})?\s*")
_LONGEST_TEXT = 400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class JsonPaths:
    """Where things are. A path is keys and list positions joined by dots, from the item or, with ``$.``, from the top.

    Examples
    --------
    ``{"ts": 1764000000123, "gas": {"ch4": 0.42, "co": 3.1}}`` has ``value = "gas.*"`` and ``time = "$.ts"``; ``{key}``
    then is ``ch4`` and ``co``.
    """

    value: str
    """The last part may be ``*``: every member is a value of its own, and ``{key}`` is its key."""
    items: str = ""
    """A list, each element of which is an item; empty: the top is the item, or a list of items."""
    time: str = ""
    """Empty for the time of receipt."""
    quality: str = ""
    """Empty for GOOD."""
    unit: str = ""
    """Empty for none."""
    names: tuple[str, ...] = ()
    """Paths that name the point."""


class MappedJson:
    """The format, as a `Format`; names are the paths that the route's templates mention, and ``{key}``.

    Parameters
    ----------
    paths : JsonPaths
        Where things are.
    precision : {"ns", "us", "ms", "s"}
        Of times that are numbers.
    zone : tzinfo, optional
        Of times that are texts without an offset; without it such a time is rejected.
    quality_codes : {"native", "opc", "opc-ua"}
        What the quality's numbers mean.
    """

    def __init__(
        self,
        paths: JsonPaths,
        precision: Literal["ns", "us", "ms", "s"] = "ms",
        zone: tzinfo | None = None,
        quality_codes: Literal["native", "opc", "opc-ua"] = "native",
    ) -> None:
        value = paths.value.split(".")
        self._every = value[-1] == "*"
        self._value = _path(".".join(value[:-1] if self._every else value))
        self._items, self._time, self._quality, self._unit = (
            _path(p) if p else None for p in (paths.items, paths.time, paths.quality, paths.unit)
        )
        self._names = [(name, _path(name)) for name in paths.names if name != "key"]
        self._per_s = PER_S[precision]
        self._zone = zone
        self._codes = quality_codes

    def samples(self, message: Message) -> Iterator[Sample | Reject]:
        """Samples and what is wrong with others, in order."""
        try:
            top = msgspec.json.decode(message.payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as e:
            raise Unusable(RejectReason.NOT_JSON, str(e)) from e
        except RecursionError as e:
            raise Unusable(RejectReason.NESTING, "nested too deeply") from e
        items = top if self._items is None else self._items.find(top, top)
        if items is _MISSING:
            raise Unusable(RejectReason.SHAPE, f"there is nothing at {self._items}")
        for item in items if isinstance(items, list) else [items]:
            try:
                yield from self._item(item, top)
            except Unusable as e:
                yield e.reject

    def _item(self, item: object, top: object) -> Iterator[Sample | Reject]:
        labels = ((name, _label(path.find(item, top))) for name, path in self._names)
        names = {name: text for name, text in labels if text is not None}
        time_ms = self._time_ms(_MISSING if self._time is None else self._time.find(item, top))
        quality = self._quality_of(_MISSING if self._quality is None else self._quality.find(item, top))
        unit = _MISSING if self._unit is None else self._unit.find(item, top)
        found = self._value.find(item, top)
        if found is _MISSING:
            raise Unusable(RejectReason.SHAPE, f"there is nothing at {self._value}")
        values: list[tuple[str | None, object]]
        if not self._every:
            values = [(None, found)]
        elif isinstance(found, dict):
            values = list(found.items())
        elif isinstance(found, list):
            values = [(str(k), v) for k, v in enumerate(found)]
        else:
            raise Unusable(RejectReason.SHAPE, f"{self._value} is no object and no list")
        for key, value in values:
            mine = names if key is None else {**names, "key": key}
            try:
                number = _value(value)
            except ValueError as e:
                yield Reject(RejectReason.SHAPE, f"{self._value}{'' if key is None else '.' + key[:80]} {e}")
                continue
            yield Sample(mine, time_ms, number, quality, unit if isinstance(unit, str) else "")

    def _time_ms(self, time: object) -> int | None:
        if time is _MISSING or time is None or time == "":
            return None
        if isinstance(time, str):
            text = time.strip()[:_LONGEST_TEXT]
            if _NUMBER.fullmatch(text):
                number = int(text) if text.lstrip("+-").isdigit() and len(text) < 30 else float(text)
                return scaled_ms(number, self._per_s)
            try:
                at = datetime.fromisoformat(text.replace("/", "-"))
                if at.tzinfo is None:
                    if self._zone is None:
                        raise ValueError("has no offset, and the route no time_zone")
                    at = at.replace(tzinfo=self._zone)
                return (at - _EPOCH) // _MS
            except (ValueError, OverflowError) as e:
                raise Unusable(RejectReason.TIME, f"{text[:40]!r}: {e}") from e
        if isinstance(time, bool) or not isinstance(time, int | float):
            raise Unusable(RejectReason.TIME, f"{self._time} is no time")
        return scaled_ms(time, self._per_s)

    def _quality_of(self, code: object) -> int:
        if code is _MISSING or code is None:
            return Quality.GOOD.value
        if isinstance(code, str) and len(code) < 20 and code.strip().isascii() and code.strip().isdigit():
            code = int(code)
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code < 1 << 32:
            raise Unusable(RejectReason.QUALITY, f"{self._quality} is {str(code)[:40]!r}")
        if self._codes == "opc":
            return from_opc_classic(code).value
        if self._codes == "opc-ua":
            return from_opc_ua(code).value
        if code > Quality.MAINTENANCE:
            raise Unusable(RejectReason.QUALITY, f"{self._quality} is {code}; 0..3 is possible")
        return code


@dataclass(frozen=True, slots=True)
class _Path:
    text: str
    from_top: bool
    steps: tuple[str, ...]

    def find(self, item: object, top: object) -> object:
        at = top if self.from_top else item
        for step in self.steps:
            if isinstance(at, Mapping):
                at = at.get(step, _MISSING)
            elif isinstance(at, list) and step.isdigit() and len(step) < 8 and int(step) < len(at):
                at = at[int(step)]
            else:
                return _MISSING
        return at

    def __str__(self) -> str:
        return self.text or "$"


def _path(text: str) -> _Path:
    steps = tuple(s for s in text.split(".") if s)
    from_top = bool(steps) and steps[0] == "$"
    return _Path(text, from_top, steps[1:] if from_top else steps)


def _label(found: object) -> str | None:
    if isinstance(found, str):
        return found
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else None


def _value(value: object) -> float | None:
    """A number, a boolean, a text that is a number, or None for null."""
    if value is None:
        return None
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT or not _NUMBER.fullmatch(value):
            raise ValueError(f"is {value[:40]!r}, which is no number")
        value = float(value)
    if not isinstance(value, int | float):
        raise ValueError("is no number")
    return finite(value)
