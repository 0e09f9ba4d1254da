"""The page of every configuration key, made from the sample file itself, so that the two cannot differ."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

__all__ = ["Entry", "markdown", "read_sample", "setup"]

SAMPLE = Path(__file__).parents[2] / "deploy" / "hazmon.toml"


@dataclass(frozen=True, slots=True)
class Entry:
    """A section (``key`` empty) or a key of the sample, with the sentences above it."""

    section: str
    key: str
    line: str
    """As TOML, without the comment mark."""
    is_default: bool
    """False for an example."""
    prose: tuple[str, ...]


def read_sample(text: str) -> Iterator[Entry]:
    """Sections and keys in their order."""
    section = ""
    prose: list[str] = []
    for line in text.splitlines():
        if header := re.fullmatch(r"#*(\[+([a-z.]+)\]+)", line):
            section = header[2]
            yield Entry(section, "", header[1], True, tuple(prose))
            prose = []
        elif pair := re.fullmatch(r"(#*)(([a-z_]+) = .*)", line):
            yield Entry(section, pair[3], pair[2], pair[1] != "##", tuple(prose))
            prose = []
        elif line.startswith("#"):
            prose.append(line[1:].removeprefix(" "))
        elif not section:
            prose = []  # the head of the file speaks of the file


def markdown(entries: Iterator[Entry]) -> str:
    """The page in Markdown, a heading for every section and key."""
    parts: list[str] = []
    prose: tuple[str, ...] = ()
    for entry in entries:
        if not entry.key:
            parts += [f"## `{entry.line}`", *_paragraph(entry.prose)]
            continue
        prose = entry.prose or prose  # two keys may share their sentence
        parts += [f"### `{entry.key}`", *_paragraph(prose)]
        facts = [("Default" if entry.is_default else "No default; for example") + f": `{entry.line}`"]
        if "." not in entry.section:  # repeated tables cannot be named in the environment
            facts.append(f"Environment: `HAZMON_{entry.section.upper()}__{entry.key.upper()}`")
        parts.append("\\\n".join(facts))  # a backslash at the end breaks the line
    return "\n\n".join(parts) + "\n"


def _paragraph(lines: tuple[str, ...]) -> list[str]:
    """Sentences, with what is indented as a block of its own."""
    parts: list[str] = []
    for line in lines:
        kind = "    " if line.startswith("  ") else ""
        same = parts and parts[-1].startswith("    ") == bool(kind)
        if same:
            parts[-1] += "\n" + kind + line.strip()
        else:
            parts.append(kind + line.strip())
    return parts


class _SampleConfig(SphinxDirective):
    """``{sample-config}``: every section and key of deploy/hazmon.toml."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(SAMPLE))
        text = markdown(read_sample(SAMPLE.read_text("utf-8")))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Sphinx calls this."""
    app.add_directive("sample-config", _SampleConfig)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
