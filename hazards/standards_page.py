"""docs/standards.md: every shipped default with its clause and confidence, written from the catalogue.

``python -m hazards.standards_page`` prints it; a test fails when the page in docs/ is not what this prints.
"""

import sys
from collections.abc import Collection, Iterator, Mapping

from hazards.catalogue import Catalogue, Default, Kind, load_catalogue
from hazards.catalogue.load import FIELD_OF_COLUMN
from hazards.durations import format_duration

__all__ = ["standards_page"]

_INTRODUCTION = """\
# Standards: every shipped default

<!-- Written by `python -m hazards.standards_page > docs/standards.md`; change hazards/catalogue/*.toml instead. -->

Every number here is an editable default: **an approved design always overrides it** (put your value into
`points.csv`, see [plant files](plant.md)). Where no number is known, none is shipped.

| confidence | means | an alarm shows it as |
| --- | --- | --- |
| confirmed | found in a public source, named beside it | `AQ 1029-2019 table 1` |
| derived | arithmetic from such a value, a unit conversion for example | the clause of the value |
| recalled | general knowledge, **to be checked against the standard** | `AQ 1029-2019 table 1 (unconfirmed)` |
| design | hazmon's own choice; no standard says it | `hazmon default` |

A value that the plant changes is shown as `points.csv (AQ 1029-2019 table 1: 1.0)`.

Editions: GB/T 50493-2019; AQ 1029-2019; the Coal Mine Safety Regulation's 2016 text with the 2022 changes (the tables
of the 2025 revision are not checked); GB 39496-2020, GB 50863-2013 and GB 51108-2015. We know of no numbers in
GB 17681-2024, so tanks have no limits until their design gives them.

`high` is the first level (alarm, 报警, 一级), `high_high` the second (power cut, 断电, 二级); for ponds `low` or `high`
is orange and `low_low` or `high_high` red. A missing clearing value is equal to its limit. A placement has all of its
kind's rows that it does not state itself. Gas limits are convertible: ppm = mg/m³ × 24.04 / M at 20 °C and 101.3 kPa.
"""


def standards_page(catalogue: Catalogue) -> str:
    """The page as Markdown.

    >>> "| T1 | coal face 采煤工作面 | `high` | 1.0 %CH4 | AQ 1029-2019 table 1 |" in standards_page(load_catalogue())
    True
    """
    parts = [_INTRODUCTION]
    for stream, name in catalogue.streams.items():
        parts.append(f"\n## {name.en} {name.zh}\n")
        for kind in catalogue.kinds.values():
            if kind.stream == stream:
                parts.extend(_kind(kind, catalogue))
    return "".join(parts)


def _kind(kind: Kind, catalogue: Catalogue) -> Iterator[str]:
    yield f"\n### `{kind.id}` {kind.name.en} {kind.name.zh}\n\n"
    if kind.unit:
        others = ", ".join(f"`{unit}`" for unit in kind.units if unit != kind.unit)
        yield f"Unit `{kind.unit}`" + (f", also {others}.\n" if others else ".\n")
    else:
        yield "A switch: " + ", ".join(f"{value} = {name.en} {name.zh}" for value, name in kind.states.items()) + ".\n"
    for source_type, usual in kind.usual_placement.items():
        where = f" of a `{source_type}` source" if source_type else ""
        yield f"A point{where} without a placement is at `{usual}`.\n"
    severities = (f"{catalogue.conditions[c].en} {catalogue.severities[s].en}" for c, s in kind.severities.items())
    yield f"\nSeverities: {', '.join(severities)}.\n"
    yield "\n| placement | | check | value | clause | confidence | source or reason |\n"
    yield "| --- | --- | --- | --- | --- | --- | --- |\n"
    if kind.anywhere.deadband_percent:
        yield _row("", "anywhere", "deadband", kind.anywhere.deadband_percent, "% of range")
    yield from _rows("", "anywhere", kind.defaults, kind.unit, kind.defaults.keys())
    for placement in kind.placements.values():
        label = f"{placement.name.en} {placement.name.zh}"
        rows = list(_rows(placement.id, label, placement.defaults, placement.unit, placement.stated))
        yield from rows or [f"| {placement.id} | {label} | | none of its own | | | |\n"]
        for field in kind.defaults:
            if field not in placement.defaults and not field.endswith("_clear"):
                yield f"| {placement.id} | {label} | `{_COLUMN[field]}` | off here | | | |\n"


_COLUMN = {field: column for column, field in FIELD_OF_COLUMN.items()}


def _rows(
    placement: str, label: str, defaults: Mapping[str, Default], unit: str, stated: Collection[str]
) -> Iterator[str]:
    for column, field in FIELD_OF_COLUMN.items():
        if field in defaults and field in stated:
            yield _row(placement, label, column, defaults[field], unit)


def _row(placement: str, label: str, column: str, default: Default, unit: str) -> str:
    if FIELD_OF_COLUMN.get(column, "").endswith("_ms"):
        value = format_duration(int(default.value))
    else:
        value = f"{default.value} {unit}".strip()
    cells = (placement, label, f"`{column}`", value, default.clause, default.confidence, default.source)
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    sys.stdout.write(standards_page(load_catalogue()))
