"""A point's trend as ECharts options: what it measured, where that can't be trusted, its limits, its alarms. Pure."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from alerting.alarm import Alarm
from hazards.checks import Checks
from ingest.stores.base import Row

__all__ = ["RANGES", "SEVERITY_COLOURS", "every_for", "trend_options"]

RANGES = {"15m": 900_000, "1h": 3_600_000, "8h": 28_800_000, "24h": 86_400_000, "7d": 604_800_000}
"""Ranges that end now, by the word in the address. [ms]"""

SEVERITY_COLOURS = {"red": "#ff4d4f", "orange": "#ff9a2e", "yellow": "#ffd43b", "blue": "#4dabf7"}
_LIMIT_COLOURS = {"high_high": "#ff4d4f", "high": "#ff9a2e", "low": "#ff9a2e", "low_low": "#ff4d4f"}
_LINE, _TEXT, _GRID = "#6fd3c1", "#9fb0c0", "#1f2b38"
_UNTRUSTED = {2: "rgba(148,163,184,.20)", 3: "rgba(167,139,250,.22)"}
_STEPS_MS = (1000, 2000, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 86_400_000)
_RAW_UP_TO_MS = 3_600_000
_BUCKETS = 1000


def every_for(range_ms: int) -> int | None:
    """Length of the spans that a range is shown in, None to show every reading. [ms]

    >>> every_for(900_000), every_for(604_800_000)
    (None, 1800000)
    """
    if range_ms <= _RAW_UP_TO_MS:
        return None
    return next((s for s in _STEPS_MS if range_ms / s <= _BUCKETS), max(range_ms // _BUCKETS, _STEPS_MS[-1]))


def trend_options(
    rows: Sequence[Row],
    *,
    start_ms: int,
    end_ms: int,
    every_ms: int | None,
    unit: str,
    checks: Checks,
    alarms: Sequence[Alarm],
    words: Mapping[str, str],
) -> dict[str, Any]:
    """ECharts options.

    Parameters
    ----------
    rows : sequence of Row
        In order of time, as the store answers; with ``min`` and ``max`` where ``every_ms`` is given.
    words : mapping
        `words_in` of the language.
    """
    longest_step_ms = _longest_step_ms(rows, every_ms, checks)
    line, untrusted = _line(rows, longest_step_ms)
    series: list[dict[str, Any]] = []
    if every_ms is not None:
        series += _band(rows, longest_step_ms, words)
    series.append(
        {
            "name": words["reading" if every_ms is None else "mean"],
            "type": "line",
            "data": line,
            "showSymbol": len(line) < 60,
            "symbolSize": 5,
            "sampling": None,
            "connectNulls": False,
            "lineStyle": {"width": 2, "color": _LINE},
            "itemStyle": {"color": _LINE},
            "markLine": {
                "silent": True,
                "symbol": "none",
                "animation": False,
                "data": _limit_lines(checks, unit, words),
            },
            "markArea": {
                "silent": True,
                "data": _alarm_areas(alarms, start_ms, end_ms, words)
                + _untrusted_areas(untrusted, every_ms, end_ms, words),
            },
        }
    )
    low, high = _extent(rows, checks)
    return {
        "animation": False,
        "backgroundColor": "transparent",
        "textStyle": {"fontFamily": "inherit", "color": _TEXT, "fontSize": 15},
        "grid": {"left": 12, "right": 120, "top": 34, "bottom": 12, "containLabel": True},
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": "#16202b",
            "borderColor": "#33445a",
            "textStyle": {"color": "#e6edf3"},
            ":valueFormatter": "v => v == null ? '–' : String(+Number(v).toPrecision(5))",
        },
        "dataZoom": [{"type": "inside", "filterMode": "none"}],
        "xAxis": {
            "type": "time",
            "min": start_ms,
            "max": end_ms,
            "axisLabel": {"color": _TEXT, "fontSize": 15, "hideOverlap": True},
            "axisLine": {"lineStyle": {"color": "#33445a"}},
            "splitLine": {"show": True, "lineStyle": {"color": _GRID}},
        },
        "yAxis": {
            "type": "value",
            "name": unit,
            "nameTextStyle": {"color": _TEXT, "fontSize": 14, "align": "right"},
            "min": low,
            "max": high,
            "axisLabel": {"color": _TEXT, "fontSize": 15},
            "splitLine": {"lineStyle": {"color": _GRID}},
        },
        "series": series,
    }


def _longest_step_ms(rows: Sequence[Row], every_ms: int | None, checks: Checks) -> float:
    """Beyond this between two readings, the line would claim what nobody measured."""
    steps = [b["t"] - a["t"] for a, b in pairwise(rows)]
    usual = median(steps) if steps else 0
    if every_ms is not None:
        return max(2.5 * every_ms, 2.5 * usual)
    if checks.no_data_after_ms > 0:
        return checks.no_data_after_ms
    return max(10_000, 5 * usual)


def _line(rows: Sequence[Row], longest_step_ms: float) -> tuple[list[list[float | None]], list[tuple[int, int, int]]]:
    """The line with its gaps, and the spans (start, end, quality) that it must not be trusted in."""
    line: list[list[float | None]] = []
    untrusted: list[tuple[int, int, int]] = []
    previous: int | None = None
    for row in rows:
        t, q = row["t"], row["q"]
        if previous is not None and t - previous > longest_step_ms:
            line.append([previous + 1, None])
        line.append([t, row["v"] if q < 2 else None])
        if q >= 2:
            if untrusted and untrusted[-1][2] == q and previous is not None and untrusted[-1][1] == previous:
                untrusted[-1] = (untrusted[-1][0], t, q)
            else:
                untrusted.append((t, t, q))
        previous = t
    return line, untrusted


def _band(rows: Sequence[Row], longest_step_ms: float, words: Mapping[str, str]) -> list[dict[str, Any]]:
    """From the least to the greatest of each span, as two stacked areas of which one can't be seen."""

    def area(name: str, data: list[list[float | None]], opacity: float) -> dict[str, Any]:
        return {
            "name": name,
            "type": "line",
            "stack": "band",
            "stackStrategy": "all",
            "data": data,
            "showSymbol": False,
            "lineStyle": {"opacity": 0},
            "areaStyle": {"color": _LINE, "opacity": opacity},
            "tooltip": {"show": False},
            "silent": True,
        }

    low: list[list[float | None]] = []
    height: list[list[float | None]] = []
    previous: int | None = None
    for row in rows:
        if previous is not None and row["t"] - previous > longest_step_ms:
            low.append([previous + 1, None])
            height.append([previous + 1, None])
        previous = row["t"]
        least, greatest = row.get("min"), row.get("max")
        known = least is not None and greatest is not None
        low.append([row["t"], least])
        height.append([row["t"], greatest - least if known else None])  # type: ignore[operator]  # both are numbers
    return [area("", low, 0.0), area(words["span"], height, 0.22)]


def _limit_lines(checks: Checks, unit: str, words: Mapping[str, str]) -> list[dict[str, Any]]:
    lines = []
    for name, colour in _LIMIT_COLOURS.items():
        limit = getattr(checks, name)
        if not math.isnan(limit):
            lines.append(
                {
                    "yAxis": limit,
                    "lineStyle": {"color": colour, "type": "dashed", "width": 1.5},
                    "label": {
                        "formatter": f"{words[name]} {limit:g}",
                        "position": "end",
                        "color": colour,
                        "fontSize": 15,
                    },
                }
            )
    return lines


def _alarm_areas(
    alarms: Sequence[Alarm], start_ms: int, end_ms: int, words: Mapping[str, str]
) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "xAxis": max(a.raised_at_ms, start_ms),
                "itemStyle": {
                    "color": SEVERITY_COLOURS[a.worst.word],
                    "opacity": 0.16,
                    "borderColor": SEVERITY_COLOURS[a.worst.word],
                    "borderWidth": 1,
                },
                "label": {
                    "show": len(alarms) <= 12,
                    "formatter": words[a.worst.word],
                    "color": SEVERITY_COLOURS[a.worst.word],
                    "position": "insideTop",
                },
            },
            {"xAxis": min(a.cleared_at_ms if a.cleared_at_ms is not None else end_ms, end_ms)},
        ]
        for a in alarms
    ]


def _untrusted_areas(
    spans: Sequence[tuple[int, int, int]], every_ms: int | None, end_ms: int, words: Mapping[str, str]
) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "xAxis": start,
                "itemStyle": {"color": _UNTRUSTED[q]},
                "label": {
                    "show": len(spans) <= 12,
                    "formatter": words["bad_quality" if q == 2 else "maintenance"],
                    "color": _TEXT,
                    "position": "insideBottom",
                },
            },
            {"xAxis": min(end + (every_ms or 1000), end_ms)},
        ]
        for start, end, q in spans[:500]
    ]


def _extent(rows: Sequence[Row], checks: Checks) -> tuple[float, float]:
    """The axis: all that was measured, and the limits that are near enough not to flatten it."""
    values = [x for row in rows for x in (row.get("min"), row.get("max"), row["v"]) if x is not None]
    limits = [x for x in (checks.low_low, checks.low, checks.high, checks.high_high) if not math.isnan(x)]
    shown = values or limits or [0.0, 1.0]
    low, high = min(shown), max(shown)
    reach = max(high - low, abs(high) * 0.05, 1e-6)
    near = [x for x in limits if low - 3 * reach <= x <= high + 3 * reach] or limits
    # The next limit up and down always shows: how far away it is, is what the page is looked at for.
    low, high = min([low, *near]), max([high, *near])
    margin = max((high - low) * 0.08, abs(high) * 0.02, 1e-6)
    bottom = 0.0 if 0 <= low <= margin else low - margin
    return _round(bottom, math.floor, margin), _round(high + margin, math.ceil, margin)


def _round(value: float, towards: Any, margin: float) -> float:
    """To a number of the margin's size, so that the axis has readable ends."""
    step = 10.0 ** math.floor(math.log10(margin))
    return float(f"{towards(value / step) * step:.10g}")
