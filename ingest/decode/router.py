"""Which decoder a message goes to, by its topic."""

from collections.abc import Sequence

from ingest.decode.decoder import Columns, Decoder
from ingest.decode.reject import Reject, RejectReason
from ingest.decode.topics import TopicPattern
from ingest.directory import NATIVE_PREFIX
from ingest.message import Message

__all__ = ["Relabelled", "Router"]

_CACHED = 200_000
"""Topics whose decoder is remembered; then all are forgotten, so that made-up topics do not fill the memory."""


class Router:
    """A `Decoder` that hands each message to the first route whose pattern takes its topic.

    It stands behind the native decoder, so that a native message does not even pay for being asked.
    """

    def __init__(self, routes: Sequence[tuple[TopicPattern, Decoder]]) -> None:
        self._routes = tuple(routes)
        self._known: dict[str, Decoder | None] = {}

    def decode(self, message: Message, into: Columns) -> Reject | None:
        """Add the message's readings to ``into``, or say what is wrong."""
        topic = message.topic
        try:
            decoder = self._known[topic]
        except KeyError:
            decoder = self._pick(topic)
        if decoder is None:
            return Reject(RejectReason.TOPIC, f"{topic[:200]!r} is neither native nor any route's")
        return decoder.decode(message, into)

    def _pick(self, topic: str) -> Decoder | None:
        if len(self._known) >= _CACHED:
            self._known.clear()
        decoder = None
        if not topic.startswith(NATIVE_PREFIX):  # a misspelt native topic stays native, whatever routes say
            decoder = next((d for pattern, d in self._routes if pattern.match(topic) is not None), None)
        self._known[topic] = decoder
        return decoder


class Relabelled:
    """Native payloads on other topics: a `Decoder` that gives each message the native topic of its point first.

    Parameters
    ----------
    pattern : TopicPattern
        Has levels ``{enterprise}`` and, for single readings, ``{point}``.
    native : Decoder
        Does the rest.
    """

    def __init__(self, pattern: TopicPattern, native: Decoder) -> None:
        self._pattern = pattern
        self._native = native

    def decode(self, message: Message, into: Columns) -> Reject | None:
        """Add the message's readings to ``into``, or say what is wrong."""
        levels = self._pattern.match(message.topic) or {}
        topic = NATIVE_PREFIX + "/".join(levels[n] for n in ("enterprise", "point") if n in levels)
        return self._native.decode(message._replace(topic=topic), into)
