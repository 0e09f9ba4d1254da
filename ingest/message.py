"""A message as it came from a broker, on its way into the log."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

__all__ = ["Acknowledge", "Message"]

Acknowledge = Callable[[Sequence[int]], None]
"""Called with the tokens of messages that are safe on disk; from the ingest thread, and never blocks."""


class Message(NamedTuple):
    """One message. A tuple, because one is made for every reading that arrives."""

    topic: str
    payload: bytes
    received_ms: int
    """[ms since 1970 UTC]"""
    retained: bool = False
    """The broker kept it and sent it on subscribing: not fresh."""
    token: int = 0
    """Names the message to ``acknowledge``."""
    acknowledge: Acknowledge | None = None
    """Of its source; None if nobody waits for it."""
