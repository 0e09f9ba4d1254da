"""Texts that people write into the journal: bounded, and without characters that could forge a line elsewhere."""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

__all__ = ["Text", "clean", "required"]

MAX_TEXT = 1000


def clean(text: str) -> str:
    """One line, no control characters and none that change the direction of writing; ends trimmed.

    >>> clean(" methane\\nfan stopped\\u202e ")
    'methane fan stopped'
    """
    kept = (" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or unicodedata.category(c) not in _UNWANTED)
    return " ".join("".join(kept).split())


_UNWANTED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def required(text: str) -> str:
    """ValueError for a text in which nothing is left."""
    if not text:
        raise ValueError("say something")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(clean)]
