"""What a payload format must be able to do, and the columns it fills."""

from dataclasses import dataclass, field
from typing import Protocol

from hazards.plant import PointKey
from ingest.decode.reject import Reject
from ingest.message import Message

__all__ = ["Columns", "Decoder", "UnknownReading"]


@dataclass(frozen=True, slots=True)
class UnknownReading:
    """A reading of a point that the plant does not know."""

    key: PointKey
    time_ms: int
    value: float
    quality: int


@dataclass(slots=True)
class Columns:
    """Readings as a decoder finds them, by column, in the order of arrival.

    Plain lists, since most messages carry one reading: `ingest.decode.group` makes arrays of them once per group.
    A value of None is none (null); the group gives it NaN and BAD. Times are as sent; the group judges them.
    """

    point: list[int] = field(default_factory=list)
    time_ms: list[int] = field(default_factory=list)
    value: list[float | bool | None] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    unknown: list[UnknownReading] = field(default_factory=list)


class Decoder(Protocol):
    """One payload format."""

    def decode(self, message: Message, into: Columns) -> Reject | None:
        """Add the message's readings to ``into``, or say what is wrong.

        What it has added stays even with a `Reject`, which then is about the rest of the message.
        Raises nothing for any topic or payload whatever.
        """
