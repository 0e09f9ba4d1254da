"""What a foreign format finds in a message, before anybody knows which point it is."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from ingest.decode.reject import Reject, RejectReason
from ingest.message import Message

__all__ = ["Format", "Sample", "Unusable", "finite", "scaled_ms"]

_LIMIT_MS = 1 << 62


class Unusable(Exception):  # noqa: N818  -- said to an engineer, caught by `SampleDecoder`
    """The rest of the message, or all of it, is no use."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reject = Reject(reason, detail[:500])


class Sample(NamedTuple):
    """One value with the names that came with it."""

    names: Mapping[str, str]
    """What ``{name}`` in a route's ``enterprise`` and ``point`` may stand for."""
    time_ms: int | None
    """None for the time of receipt."""
    value: float | None
    """None for no value."""
    quality: int = 0
    unit: str = ""
    """As sent; empty where the format has none."""
    silence: bool = False
    """The sender is gone, says somebody else: concerns a point only if the plant knows it, and is no reject if not."""


class Format(Protocol):
    """A payload format that knows nothing of points."""

    def samples(self, message: Message) -> Iterable[Sample | Reject]:
        """Samples and what is wrong with others, in order.

        Raises
        ------
        Unusable
            If it cannot read on. Nothing else, for any topic or payload whatever.
        """


def finite(value: float | None) -> float | None:
    """A value as a float; None for NaN, infinity, and what is beyond a float.

    >>> finite(3), finite(float("nan")), finite(10**400)
    (3.0, None, None)
    """
    if value is None:
        return None
    try:
        value = float(value)
    except (OverflowError, ValueError):
        return None
    return value if math.isfinite(value) else None


def scaled_ms(time: int | float, per_s: int) -> int:
    """Epoch milliseconds of a time in 1/``per_s`` seconds, rounded down and kept within int64.

    >>> scaled_ms(1764000000123456789, 10**9), scaled_ms(1764000000.5, 1)
    (1764000000123, 1764000000500)
    """
    if isinstance(time, float):
        if not math.isfinite(time):
            return _LIMIT_MS
        # the third place: 1.001 s is 1001 ms, though a float is a hair below it
        ms = int(round(time * 1000 / per_s, 3) // 1) if abs(time) < 1e30 else (_LIMIT_MS if time > 0 else -_LIMIT_MS)
    else:
        ms = time * 1000 // per_s
    return max(-_LIMIT_MS, min(_LIMIT_MS, ms))
