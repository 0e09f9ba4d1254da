"""What a point is checked for: the plant's cells over the catalogue's defaults, and whether they fit together."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from types import MappingProxyType
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

FIELDS = tuple(field.name for field in fields(Checks))
_TIMES = tuple(field for field in FIELDS if field.endswith("_ms"))
_LIMITS = ("low_low", "low", "high", "high_high")
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
    values = {**_BARE, **{field: default.value for field, default in defaults.items()}}
    for field, cell in cells.items():
        if isinstance(cell, float):
            values[field] = cell
        elif cell == OFF:
            values[field] = _OFF_VALUE.get(field, math.nan)

    def text(field: str) -> str:
        """A value as a mistake quotes it; one that the plant did not write says where it comes from."""
        given = cells.get(field) is not None or field not in defaults
        return f"{values[field]:.10g}" + ("" if given else f" ({defaults[field].clause})")

    mistakes: list[CheckMistake] = []
    low, high = values["range_low"], values["range_high"]
    if low >= high:
        column = "range_high" if cells.get("range_high") is not None else "range_low"
        mistakes.append(CheckMistake(column, "range-order", {"low": text("range_low"), "high": text("range_high")}))
    _clearing_values(kind, placement, unit, cells, defaults, values)
    mistakes += _order(values, cells, text)
    mistakes += _clearing_mistakes(values, text)
    if low < high:
        mistakes += _range_mistakes(values, cells, text)
    checks = Checks(**(values | {field: int(values[field]) for field in _TIMES}))  # type: ignore[arg-type]
    return MergedChecks(checks, _standards(values, cells, defaults, file), tuple(mistakes))


_BARE: Mapping[str, float] = MappingProxyType({field: float(getattr(Checks(), field)) for field in FIELDS})


def _clearing_values(
    kind: Kind,
    placement: Placement,
    unit: str,
    cells: Mapping[str, Cell],
    defaults: Mapping[str, Default],
    values: dict[str, float],
) -> None:
    """Drop clearing values of limits that are off; give the others the kind's deadband where nobody gives one."""
    span = _span(kind, placement, unit, cells) if placement.deadband_percent else None
    for limit in _LIMITS:
        clear = f"{limit}_clear"
        if math.isnan(values[limit]):
            if not isinstance(cells.get(clear), float):
                values[clear] = math.nan
        elif cells.get(clear) is None and clear not in defaults and placement.deadband_percent and span:
            apart = placement.deadband_percent.value / 100 * span
            down = limit.startswith("high")
            value = float(f"{values[limit] - apart if down else values[limit] + apart:.10g}")
            # Narrow limits: a deadband that reaches beyond the other side's limit would never let go.
            others = [values[o] for o in (("low_low", "low") if down else ("high", "high_high"))]
            others.append(values["range_low"] if down else values["range_high"])
            if all(math.isnan(o) or (value > o if down else value < o) for o in others):
                values[clear] = value


def _span(kind: Kind, placement: Placement, unit: str, cells: Mapping[str, Cell]) -> float | None:
    """Measuring span for a deadband: the plant's range, else the kind's nominal span. [unit of the point]"""
    low, high = cells.get("range_low"), cells.get("range_high")
    if isinstance(low, float) and isinstance(high, float):
        return max(high - low, 0.0)
    return None if placement.span is None else kind.convert(placement.span, placement.unit, unit)


def _order(values: Mapping[str, float], cells: Mapping[str, Cell], text: Callable[[str], str]) -> list[CheckMistake]:
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
            "lower": lower, "upper": upper, "low": text(lower), "high": text(upper),
            "relation": "equal to" if equal else "above", "relation_zh": "等于" if equal else "高于",
        }  # fmt: skip
        found.append(CheckMistake(lower if cells.get(upper) is None else upper, "limits-order", facts))
    return found


def _clearing_mistakes(values: Mapping[str, float], text: Callable[[str], str]) -> list[CheckMistake]:
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
            facts = {"clear": clear, "got": text(clear), "limit": limit, "value": text(limit)}
            found.append(CheckMistake(clear, "clear-above" if above else "clear-below", facts))
    return found


def _range_mistakes(
    values: Mapping[str, float], cells: Mapping[str, Cell], text: Callable[[str], str]
) -> list[CheckMistake]:
    found = []
    low, high = values["range_low"], values["range_high"]
    for limit in _LIMITS:
        value, clear = values[limit], f"{limit}_clear"
        edges = {"low": text("range_low"), "high": text("range_high")}
        if not math.isnan(value) and not low <= value <= high:
            edge = "range_low" if value < low else "range_high"
            column = edge if cells.get(limit) is None and cells.get(edge) is not None else limit
            found.append(CheckMistake(column, "outside-range", {"limit": limit, "value": text(limit)} | edges))
            continue
        # Clearing is strict: below a clearing value at the lower end of the range there is no good reading.
        passed = value if math.isnan(values[clear]) else values[clear]
        if passed <= low if limit.startswith("high") else passed >= high:
            named = limit if math.isnan(values[clear]) else clear
            facts = {"clear": named, "value": text(named)} | edges
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
