"""What a point is checked for: the plant's cells over the catalogue's defaults, and whether they fit together."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from hazards.catalogue import Default, Kind, Placement
from hazards.checks import Checks
from hazards.condition import Condition
from hazards.durations import format_duration

__all__ = ["OFF", "CheckMistake", "MergedChecks", "merge_checks"]

OFF: Final = "off"
"""A cell that switches its check off."""

Cell = float | None | str
"""A number, None where the plant says nothing, or `OFF`."""

_LIMITS = ("low_low", "low", "high", "high_high")
_COLUMN_OF = {
    "rate_per_s": "rate", "rate_window_ms": "rate_window", "frozen_after_ms": "frozen_after",
    "no_data_after_ms": "no_data_after", "on_delay_ms": "on_delay", "off_delay_ms": "off_delay",
}  # fmt: skip
_OFF_VALUE = {"range_low": -math.inf, "range_high": math.inf, "on_delay_ms": 0.0, "off_delay_ms": 0.0,
              "frozen_after_ms": 0.0, "frozen_band": 0.0, "no_data_after_ms": 0.0}  # fmt: skip
_CONDITION_FIELD = {
    Condition.LOW_LOW: "low_low", Condition.LOW: "low", Condition.HIGH: "high", Condition.HIGH_HIGH: "high_high",
    Condition.RATE: "rate_per_s", Condition.FROZEN: "frozen_after_ms", Condition.NO_DATA: "no_data_after_ms",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CheckMistake:
    """What does not fit in a point's checks, and the column to mend."""

    column: str
    code: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MergedChecks:
    """The checks of a point, the clause behind each of its conditions, and what does not fit."""

    checks: Checks
    standards: Mapping[Condition, str]
    mistakes: tuple[CheckMistake, ...]


def merge_checks(kind: Kind, placement: Placement, unit: str, cells: Mapping[str, Cell], file: str) -> MergedChecks:
    """Put the plant's cells over the catalogue's values for a kind, placement and unit.

    Parameters
    ----------
    kind, placement : Kind, Placement
        What the catalogue says.
    unit : str
        The point's unit, one of the kind's.
    cells : mapping
        By field of `Checks`: a number [unit of the point, ms, unit per second], None or missing for the catalogue's
        value, `OFF` to switch off.
    file : str
        What ``standards`` call the plant's own values.

    Returns
    -------
    MergedChecks
        ``standards`` holds the clause where the value is the catalogue's, and names both where it is not.
    """
    defaults = kind.defaults_in(placement, unit)
    values = {field: _value(field, cells.get(field), defaults) for field in _FIELDS}
    mistakes: list[CheckMistake] = []
    low, high = values["range_low"], values["range_high"]
    if low >= high:
        column = "range_high" if cells.get("range_high") is not None else "range_low"
        mistakes.append(CheckMistake(column, "range-order", {"low": f"{low:.10g}", "high": f"{high:.10g}"}))
    _clearing_values(kind, placement, unit, cells, defaults, values)
    texts = {field: _text(field, value, cells, defaults) for field, value in values.items()}
    mistakes += _order(values, cells, texts)
    mistakes += _clearing_mistakes(values, texts)
    if low < high:
        mistakes += _range_mistakes(values, cells, texts)
    ints = {field: int(value) for field, value in values.items() if field.endswith("_ms")}
    floats = {field: value for field, value in values.items() if not field.endswith("_ms")}
    checks = Checks(**floats, **ints)  # type: ignore[arg-type]  # the names decide which is which
    return MergedChecks(checks, _standards(values, cells, defaults, file), tuple(mistakes))


_FIELDS = tuple(Checks.__dataclass_fields__)
_BARE = Checks()


def _value(field: str, cell: Cell, defaults: Mapping[str, Default]) -> float:
    if isinstance(cell, float):
        return cell
    if cell == OFF:
        return _OFF_VALUE.get(field, math.nan)
    return defaults[field].value if field in defaults else float(getattr(_BARE, field))


def _clearing_values(
    kind: Kind,
    placement: Placement,
    unit: str,
    cells: Mapping[str, Cell],
    defaults: Mapping[str, Default],
    values: dict[str, float],
) -> None:
    """Drop clearing values of limits that are off; give the others the kind's deadband where nobody gives one."""
    own = [cells.get("range_low"), cells.get("range_high")]
    span = None
    if isinstance(own[0], float) and isinstance(own[1], float):
        span = own[1] - own[0]
    elif placement.span is not None:
        span = kind.convert(placement.span, placement.unit, unit)
    for limit in _LIMITS:
        clear = f"{limit}_clear"
        if math.isnan(values[limit]):
            if not isinstance(cells.get(clear), float):
                values[clear] = math.nan
        elif cells.get(clear) is None and clear not in defaults and placement.deadband_percent and span and span > 0:
            apart = placement.deadband_percent.value / 100 * span
            down = limit.startswith("high")
            value = float(f"{values[limit] - apart if down else values[limit] + apart:.10g}")
            # Narrow limits: a deadband that reaches beyond the other side's limit would never let go.
            others = [values[o] for o in (("low_low", "low") if down else ("high", "high_high"))]
            others.append(values["range_low"] if down else values["range_high"])
            if all(math.isnan(o) or (value > o if down else value < o) for o in others):
                values[clear] = value


def _order(values: Mapping[str, float], cells: Mapping[str, Cell], texts: Mapping[str, str]) -> list[CheckMistake]:
    """Limits that are not ordered low_low <= low < high <= high_high."""
    found = []
    active = [limit for limit in _LIMITS if not math.isnan(values[limit])]
    for lower, upper in pairwise(active):
        same_side = lower.startswith("low") == upper.startswith("low")
        # A return roadway alarms and cuts at one value (AQ 1029, table 1), so equal limits of one side are right.
        if values[lower] < values[upper] or (same_side and values[lower] == values[upper]):
            continue
        equal = values[lower] == values[upper]
        facts = {
            "lower": lower, "upper": upper, "low": texts[lower], "high": texts[upper],
            "relation": "equal to" if equal else "above", "relation_zh": "等于" if equal else "高于",
        }  # fmt: skip
        found.append(CheckMistake(lower if cells.get(upper) is None else upper, "limits-order", facts))
    return found


def _clearing_mistakes(values: Mapping[str, float], texts: Mapping[str, str]) -> list[CheckMistake]:
    found = []
    for limit in _LIMITS:
        clear = f"{limit}_clear"
        if math.isnan(values[clear]):
            continue
        if math.isnan(values[limit]):
            found.append(CheckMistake(clear, "clear-alone", {"limit": limit, "clear": clear}))
            continue
        above = limit.startswith("high")
        if values[clear] > values[limit] if above else values[clear] < values[limit]:
            facts = {"clear": clear, "got": texts[clear], "limit": limit, "value": texts[limit]}
            found.append(CheckMistake(clear, "clear-above" if above else "clear-below", facts))
    return found


def _range_mistakes(
    values: Mapping[str, float], cells: Mapping[str, Cell], texts: Mapping[str, str]
) -> list[CheckMistake]:
    found = []
    low, high = values["range_low"], values["range_high"]
    for limit in _LIMITS:
        value, clear = values[limit], f"{limit}_clear"
        edges = {"low": texts["range_low"], "high": texts["range_high"]}
        if not math.isnan(value) and not low <= value <= high:
            edge = "range_low" if value < low else "range_high"
            column = edge if cells.get(limit) is None and cells.get(edge) is not None else limit
            found.append(CheckMistake(column, "outside-range", {"limit": limit, "value": texts[limit]} | edges))
            continue
        # Clearing is strict: below a clearing value at the lower end of the range there is no good reading.
        passed = value if math.isnan(values[clear]) else values[clear]
        if passed <= low if limit.startswith("high") else passed >= high:
            named = limit if math.isnan(values[clear]) else clear
            facts = {"clear": named, "value": texts[named]} | edges
            found.append(CheckMistake(clear, "never-clears", facts))
    return found


def _standards(
    values: Mapping[str, float], cells: Mapping[str, Cell], defaults: Mapping[str, Default], file: str
) -> dict[Condition, str]:
    standards = {}
    for condition, field in _CONDITION_FIELD.items():
        value, default = values[field], defaults.get(field)
        if math.isnan(value) or (field.endswith("_ms") and value == 0):
            continue
        if default is not None and (cells.get(field) is None or math.isclose(value, default.value, rel_tol=1e-9)):
            standards[condition] = default.standard
        elif default is not None:
            usual = format_duration(int(default.value)) if field.endswith("_ms") else str(default.value)
            doubt = ", unconfirmed" if default.confidence == "recalled" else ""
            standards[condition] = f"{file} ({default.clause}{doubt}: {usual})"
        else:
            standards[condition] = file
    return standards


def _text(field: str, value: float, cells: Mapping[str, Cell], defaults: Mapping[str, Default]) -> str:
    """A value as a mistake quotes it; one that the plant did not write says where it comes from."""
    number = f"{value:.10g}"
    given = cells.get(field) is not None or field not in defaults
    return number if given else f"{number} ({defaults[field].clause})"
