"""Topic patterns of routes: MQTT topic filters whose single levels may carry a name, ``telegraf/{enterprise}/#``."""

import re
from collections.abc import Mapping

__all__ = ["TopicPattern"]

_NAMED = re.compile(r"\{([a-z_]+)\}")


class TopicPattern:
    """A topic filter that also says what its levels mean.

    Parameters
    ----------
    text : str
        Levels between slashes: ``+``, ``#`` (last only), ``{name}`` (one level, like ``+``), or the level itself.

    Attributes
    ----------
    filter : str
        What the broker is asked for: every ``{name}`` is a ``+``.
    names : frozenset of str
        The names of its levels.

    Raises
    ------
    ValueError
        If it is not a topic filter.

    Examples
    --------
    >>> pattern = TopicPattern("site/{enterprise}/+/#")
    >>> pattern.filter, pattern.match("site/M001/gas/a/b")
    ('site/+/+/#', {'enterprise': 'M001'})
    """

    def __init__(self, text: str) -> None:
        levels = text.split("/")
        if not text or "\0" in text or len(text.encode("utf-8", "replace")) > 65535:
            raise ValueError("is not a topic filter")
        names: list[str] = []
        filters: list[str] = []
        parts: list[str] = []
        for k, level in enumerate(levels):
            if level == "#":
                if k != len(levels) - 1:
                    raise ValueError("has # before its last level")
                filters.append(level)
            elif named := _NAMED.fullmatch(level):
                if named[1] in names:
                    raise ValueError(f"names {named[0]} twice")
                names.append(named[1])
                filters.append("+")
                parts.append(f"(?P<{named[1]}>[^/]*)")
            elif level == "+":
                filters.append(level)
                parts.append("[^/]*")
            elif re.search(r"[+#{}]", level):
                raise ValueError(f"has {level!r}, where +, # or {{name}} must fill the whole level")
            else:
                filters.append(level)
                parts.append(re.escape(level))
        self.text = text
        self.filter = "/".join(filters)
        self.names = frozenset(names)
        body = "/".join(parts)
        if filters[-1] == "#":
            body += "(?:/.*)?" if parts else ".*"  # a/# takes a as well (MQTT 5.0, 4.7.1.2)
        self._wild_first = filters[0] in ("+", "#")
        self._regex = re.compile(body, re.DOTALL)

    def match(self, topic: str) -> Mapping[str, str] | None:
        """What its named levels are in a topic; None if the topic is not one of these."""
        if self._wild_first and topic.startswith("$"):  # MQTT 5.0, 4.7.2
            return None
        match = self._regex.fullmatch(topic)
        return match.groupdict() if match else None
