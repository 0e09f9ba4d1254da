r"""InfluxDB line protocol, as Telegraf publishes it: ``gas,host=ipc1 ch4=0.42,co=3i 1764000000123000000``.

One field is one sample; its names are ``{measurement}``, ``{field}`` and every tag.
"""

import re
from collections.abc import Iterator
from typing import Final, Literal

from ingest.decode.reject import Reject, RejectReason
from ingest.decode.sample import Sample, Unusable, finite, scaled_ms
from ingest.message import Message

__all__ = ["PER_S", "InfluxLine"]

Precision = Literal["ns", "us", "ms", "s"]
PER_S: Final = {"ns": 10**9, "us": 10**6, "ms": 10**3, "s": 1}
"""Ticks a second of each precision."""

# Every alternative begins with a character that no other one takes, so that no input makes them try twice.
_MEASUREMENT = re.compile(r"(?:\\.|[^\\, \n])+")
_KEY = re.compile(r"(?:\\.|[^\\,= \n])+")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"', re.DOTALL)
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)([iu]?)")
_BOOLEAN = re.compile(r"true|false|True|False|TRUE|FALSE|t|f|T|F")
_END_OF_VALUE = re.compile(r"[, \r\n]|$")
_TIME = re.compile(r"-?\d{1,25}")
_ESCAPED = re.compile(r"\\([,= ])")
_LONGEST_NUMBER = 400


class InfluxLine:
    """The format, as a `Format`.

    Text fields have no value that a point could take. A line that is wrong is left out; reading goes on at the next.
    """

    def __init__(self, precision: Precision = "ns") -> None:
        self._per_s = PER_S[precision]

    def samples(self, message: Message) -> Iterator[Sample | Reject]:
        """Samples and what is wrong with others, in order."""
        try:
            text = message.payload.decode("utf-8")
        except UnicodeDecodeError as e:
            raise Unusable(RejectReason.SYNTAX, f"not UTF-8: {e.reason} at byte {e.start}") from e
        at, end = 0, len(text)
        while at < end:
            if text[at] in "\r\n ":
                at += 1
                continue
            if text[at] == "#":
                at = _next_line(text, at)
                continue
            try:
                at, samples = self._line(text, at)
            except _WrongLine as e:
                yield Reject(RejectReason.SYNTAX, f"{e}: {text[at : at + 80].splitlines()[0]!r}")
                at = _next_line(text, at)
                continue
            yield from samples

    def _line(self, text: str, at: int) -> tuple[int, list[Sample | Reject]]:
        match = _MEASUREMENT.match(text, at)
        if match is None:
            raise _WrongLine("no measurement")
        names = {"measurement": _plain(match[0])}
        at = match.end()
        while text.startswith(",", at):
            key, at = _key(text, at + 1, "tag")
            match = _KEY.match(text, at)
            if match is None:
                raise _WrongLine("a tag without a value")
            names[key] = _plain(match[0])
            at = match.end()
        if not text.startswith(" ", at):
            raise _WrongLine("no fields")
        at += 1
        fields: list[tuple[str, float | None]] = []
        while True:
            key, at = _key(text, at, "field")
            value, at = _value(text, at)
            fields.append((key, value))
            if not text.startswith(",", at):
                break
            at += 1
        while text.startswith(" ", at):
            at += 1
        time_ms = None
        if match := _TIME.match(text, at):
            time_ms = scaled_ms(int(match[0]), self._per_s)
            at = match.end()
        while at < len(text) and text[at] in " \r":
            at += 1
        if at < len(text) and text[at] != "\n":
            raise _WrongLine("something after the time")
        made: list[Sample | Reject] = []
        for key, value in fields:
            mine = {**names, "field": key}
            if value is None:
                made.append(Reject(RejectReason.SHAPE, f"field {key[:80]} is a text"))
            else:
                made.append(Sample(mine, time_ms, value))
        return at, made


class _WrongLine(Exception):  # noqa: N818  -- never leaves this module
    pass


def _next_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _key(text: str, at: int, what: str) -> tuple[str, int]:
    match = _KEY.match(text, at)
    if match is None or not text.startswith("=", match.end()):
        raise _WrongLine(f"a {what} that is not key=value")
    return _plain(match[0]), match.end() + 1


def _value(text: str, at: int) -> tuple[float | None, int]:
    """A field's value, None for a text, and where it ends."""
    if text.startswith('"', at):
        match = _STRING.match(text, at)
        if match is None:
            raise _WrongLine("a text that does not end")
        return None, match.end()
    value: float | None
    if match := _NUMBER.match(text, at):
        if match.end() - at > _LONGEST_NUMBER:
            raise _WrongLine("a number that is too long")
        if match[2] and not re.fullmatch(r"[+-]?\d+", match[1]):
            raise _WrongLine("an integer with a fraction")
        value = finite(float(match[1]))
    elif match := _BOOLEAN.match(text, at):
        value = float(match[0][0] in "tT")
    else:
        raise _WrongLine("a field without a value")
    if value is None or not _END_OF_VALUE.match(text, match.end()):
        raise _WrongLine("a field whose value is no number")
    return value, match.end()


def _plain(text: str) -> str:
    r"""Without the escapes of commas, equal signs and spaces; any other backslash is one."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
