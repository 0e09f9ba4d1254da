"""Templates of logic points: expressions with named inputs, which a plant fills with its own points.

They stand in ``catalogue/logic.toml`` beside their names, severities, delays, guidance and clauses, which are those of
a placement of the kind ``logic``.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from hazards.plant import Name

__all__ = ["Template", "TemplateInput", "fill", "load_templates"]

_INPUT = re.compile(r"(\bof )?\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class TemplateInput:
    """What a template needs a point for."""

    name: Name
    kinds: tuple[str, ...]
    """Kinds of points that fit; empty for any."""
    condition: str
    """The condition that is meant where the plant names a point only."""
    several: bool
    """Whether the plant may name several points."""


@dataclass(frozen=True, slots=True)
class Template:
    """An expression with inputs in braces."""

    id: str
    when: str
    inputs: Mapping[str, TemplateInput]


@cache
def load_templates() -> Mapping[str, Template]:
    """The shipped templates by id; read once and kept.

    >>> load_templates()["fan-stopped-and-ch4-rising"].when
    '{fan} and {ch4}'
    """
    text = resources.files("hazards.catalogue").joinpath("logic.toml").read_text("utf-8")
    return MappingProxyType(
        {
            placement["id"]: Template(
                placement["id"],
                placement["when"],
                MappingProxyType(
                    {
                        name: TemplateInput(
                            Name(zh=table["name"]["zh"], en=table["name"]["en"]),
                            tuple(table["kinds"]),
                            table["condition"],
                            table.get("several", False),
                        )
                        for name, table in placement["inputs"].items()
                    }
                ),
            )
            for placement in tomllib.loads(text)["kind"][0]["placement"]
        }
    )


def fill(template: Template, terms: Mapping[str, tuple[str, ...]]) -> str:
    """The expression with terms for its inputs: of several, one is enough; in a vote each is a member.

    >>> templates = load_templates()
    >>> fill(templates["fan-stopped-and-ch4-rising"], {"fan": ("F:low",), "ch4": ("A:rate", "B:rate")})
    'F:low and (A:rate or B:rate)'
    >>> fill(templates["two-of-several"], {"points": ("A:high", "B:high")})
    '2 of (A:high, B:high)'
    """

    def text(match: re.Match[str]) -> str:
        filled = terms[match[2]]
        if match[1]:
            return f"{match[1]}({', '.join(filled)})"
        return filled[0] if len(filled) == 1 else f"({' or '.join(filled)})"

    return _INPUT.sub(text, template.when)
