"""A mistake in a plant's files: where it is, what it is, and what would be right, in both languages."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import resources

__all__ = ["Mistake", "PlantError", "near_match", "shown"]

_LONGEST_SHOWN = 60


def shown(text: object) -> str:
    """A value as a mistake quotes it: on one line, not too long.

    >>> shown("a\\nb"), len(shown("x" * 1000))
    ('a\\\\nb', 63)
    """
    line = _printable(str(text)[:1000])
    return line if len(line) <= _LONGEST_SHOWN else line[:_LONGEST_SHOWN] + "..."


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def near_match(text: str, known: Iterable[str]) -> str | None:
    """What was probably meant by a word that is not known, if anything.

    >>> near_match("CH4", ["ch4", "co"]), near_match("placment", ["placement", "point"]), near_match("x", ["ch4"])
    ('ch4', 'placement', None)
    """
    words = list(known)
    folded = text[:64].casefold()
    if same := [word for word in words if word.casefold() == folded]:
        return same[0]
    return next(iter(get_close_matches(text[:64], words, 1, cutoff=0.7)), None)


@cache
def _texts() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    return tomllib.loads(resources.files("hazards.catalogue").joinpath("mistakes.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend.

    Examples
    --------
    >>> print(Mistake("not-number", "plant/points.csv", 214, "high", "M001/CH4-01", {"got": "1,5", "example": "1.5"}))
    plant/points.csv line 214, high (M001/CH4-01): 1,5 is not a number; give a number such as 1.5, \
- to switch it off, or leave it empty for the catalogue's value
    """

    code: str
    """What kind of mistake, as `mistakes.toml` lists them."""
    file: str
    line: int = 0
    """From 1; 0 where no line can be named."""
    column: str = ""
    """The column's name in a CSV file, the key in a TOML file, the position of a character in broken TOML."""
    subject: str = ""
    """The point, source or enterprise that it is about, where that is known."""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """What is wrong, in English."""
        return self._text("en", 0)

    @property
    def remedy(self) -> str:
        """What would be right, in English."""
        return self._text("en", 1)

    def in_language(self, language: str) -> str:
        """The whole mistake on one line, in ``zh`` or, for anything else, in English."""
        where, column, subject = _printable(self.file), shown(self.column), shown(self.subject)
        if language == "zh":
            where += f" 第 {self.line} 行" if self.line else ""
            where += f" {column}" if column else ""
            where += f"（{subject}）" if subject else ""
            return f"{where}：{self._text('zh', 0)}；{self._text('zh', 1)}"
        where += f" line {self.line}" if self.line else ""
        where += f", {column}" if column else ""
        where += f" ({subject})" if subject else ""
        return f"{where}: {self._text('en', 0)}; {self._text('en', 1)}"

    def _text(self, language: str, part: int) -> str:
        return _texts()[self.code][language][part].format_map({k: shown(v) for k, v in self.facts.items()})

    def __str__(self) -> str:
        return self.in_language("en")


class PlantError(Exception):
    """A plant cannot be used; ``mistakes`` has everything that is to mend, in the order of the files."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(map(str, self.mistakes)))
