"""Why a message, or part of it, did not become readings."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Reject", "RejectReason"]


class RejectReason(StrEnum):
    """Fixed reasons, each a counter that exists from the start. Documented in docs/payloads.md."""

    TOPIC = "topic"
    """No route takes this topic, or its enterprise or point is not written as they must be."""
    TOO_LARGE = "too-large"
    """The payload is beyond the limit; it was not parsed."""
    NOT_JSON = "not-json"
    """Not JSON in UTF-8; NaN and Infinity are not JSON either."""
    SYNTAX = "syntax"
    """Not in the route's format: no CBOR, no line protocol, no protobuf."""
    NESTING = "nesting"
    """Nested too deeply."""
    SHAPE = "shape"
    """JSON, but a field is missing or of a wrong type."""
    LENGTHS = "lengths"
    """Columns of different lengths."""
    QUALITY = "quality"
    """A quality code other than 0..3."""
    TIME = "time"
    """A text that is no RFC 3339 time with an offset."""
    PAST = "past"
    """A time before the year 2000: a clock that was never set."""
    RETAINED = "retained"
    """A retained message without a time of its own: nobody can tell how old it is."""
    NAME = "name"
    """What the message brings makes no name of an enterprise and a point."""
    UNIT = "unit"
    """A unit that cannot be converted to the point's."""
    SEQUENCE = "sequence"
    """Sparkplug: data before its birth, or a gap in the sequence; a rebirth was asked for."""
    UNKNOWN_POINT = "unknown-point"
    """The plant does not know the point."""
    STORE_REFUSED = "store-refused"
    """In the log and evaluated, but the store would not take it."""
    INTERNAL = "internal"
    """A mistake in the decoder itself; please report it with the payload."""


@dataclass(frozen=True, slots=True)
class Reject:
    """What was wrong, for a machine and for an engineer."""

    reason: RejectReason
    detail: str
