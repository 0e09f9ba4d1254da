"""Templates that make a point's name of what a message brings: ``{measurement}.{field}``."""

import re
from collections.abc import Mapping

__all__ = ["Template"]

_PLACE = re.compile(r"\{([^{}]+)\}")


class Template:
    """A text with ``{name}`` places.

    Attributes
    ----------
    names : tuple of str
        The names of its places.

    Raises
    ------
    ValueError
        If braces do not pair.

    Examples
    --------
    >>> Template("{host}.{field}").render({"host": "ipc1", "field": "ch4"})
    'ipc1.ch4'
    """

    def __init__(self, text: str) -> None:
        if not text or re.search(r"[{}]", _PLACE.sub("", text)):
            raise ValueError("has braces that do not pair; write {name}")
        self.text = text
        self._parts = _PLACE.split(text)
        self.names = tuple(self._parts[1::2])

    def render(self, names: Mapping[str, str]) -> str:
        """The text with its places filled.

        Raises
        ------
        KeyError
            If ``names`` lacks one.
        """
        return "".join([names[part] if k % 2 else part for k, part in enumerate(self._parts)])
