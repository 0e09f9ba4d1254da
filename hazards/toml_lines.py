"""Which line of a TOML text a key stands in; `tomllib` reads values and forgets where they were.

It follows table headers and keys at the start of lines, which is how plant files are written. What is nested within
one line (an inline table) has the line of the key around it.
"""

import re

__all__ = ["TomlLines"]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")

Path = tuple[str | int, ...]


class TomlLines:
    """Lines of the keys of a TOML text.

    Examples
    --------
    >>> lines = TomlLines('[[enterprise]]\\nid = "A"\\n[[enterprise]]\\nid = "B"\\nname.zh = "乙"')
    >>> lines.of("enterprise", 1, "id"), lines.of("enterprise", 1, "name", "zh"), lines.of("enterprise", 1, "region")
    (4, 5, 3)
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        counts: dict[Path, int] = {}
        table: Path = ()
        quotes = ""  # the mark that ends the multi-line string we are in
        for number, line in enumerate(text.split("\n"), start=1):
            if quotes:
                if quotes in line:
                    quotes = ""
                continue
            if header := _HEADER.match(line):
                table = self._table(header[2], counts, number, element=header[1] == "[[")
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                path = table
                for part in _PART.findall(key[1]):
                    path = (*path, part.strip("\"'"))
                    self._lines.setdefault(path, number)
                for mark in ('"""', "'''"):
                    if line.count(mark) % 2:
                        quotes = mark

    def _table(self, name: str, counts: dict[Path, int], number: int, *, element: bool) -> Path:
        path: Path = ()
        parts = [part.strip("\"'") for part in _PART.findall(name)]
        for position, part in enumerate(parts):
            path = (*path, part)
            if element and position == len(parts) - 1:
                self._lines.setdefault(path, number)
                counts[path] = counts.get(path, -1) + 1
            if path in counts:
                path = (*path, counts[path])
        return path

    def of(self, *path: str | int) -> int:
        """Line of a key, or of the nearest thing around it that has one; 0 if there is none."""
        for end in range(len(path), 0, -1):
            if (line := self._lines.get(path[:end])) is not None:
                return line
        return 0
