"""The queries of Grafana's dashboards as Grafana would send them: every variable replaced."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hazards.durations import parse_duration_ms

__all__ = ["FOLDER", "DashboardQuery", "dashboard_queries"]

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"


@dataclass(frozen=True, slots=True)
class DashboardQuery:
    """One query, ready to send."""

    dashboard: str
    """File name without ``.json``."""
    role: str
    """``panel``, ``variable`` or ``annotation``."""
    title: str
    """Of the panel or annotation, with the query's letter where there are several; or the variable's name."""
    influxql: str

    @property
    def empty_when_well(self) -> bool:
        """Whether no row is good news: no reading to distrust, no alarm of that colour."""
        return self.role == "annotation" or '"quality" = ' in self.influxql or '"quality" >= 2' in self.influxql

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.role} {self.title}"


def dashboard_queries(
    start_ms: int, end_ms: int, *, interval: str = "10s", variables: Mapping[str, str] | None = None
) -> Iterator[DashboardQuery]:
    """Every query of every committed dashboard, over a time range.

    Parameters
    ----------
    start_ms, end_ms : int
        The range that a person has chosen; a panel with a range of its own ends at ``end_ms``. [ms since 1970 UTC]
    interval : str
        What Grafana would make of ``$__interval``.
    variables : mapping
        Patterns of the template variables, such as ``{"kind": "ch4", "point": "(CH4-01|CH4-02)"}``; one that is
        absent is "All".
    """
    for file in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(file.read_text("utf-8"))
        values = _variable_values(dashboard) | dict(variables or {})

        def filled(influxql: str, time_from: str | None = None, values: Mapping[str, str] = values) -> str:
            begin = end_ms - parse_duration_ms(time_from) if time_from else start_ms
            special: dict[str, str] = {
                "timeFilter": f"time >= {begin}ms and time <= {end_ms}ms",
                "__interval": interval,
            }
            return re.sub(r"\$(\w+)", lambda m: {**special, **values}[m[1]], influxql)

        for item in dashboard["templating"]["list"]:
            if item["type"] == "query":
                yield DashboardQuery(file.stem, "variable", item["name"], filled(item["query"]))
        for item in dashboard["annotations"]["list"]:
            if "query" in item.get("target", {}):
                yield DashboardQuery(file.stem, "annotation", item["name"], filled(item["target"]["query"]))
        for panel in _panels(dashboard):
            targets = panel.get("targets", [])
            for target in targets:
                letter = f" {target['refId']}" if len(targets) > 1 else ""
                influxql = filled(target["query"], panel.get("timeFrom"))
                yield DashboardQuery(file.stem, "panel", panel["title"] + letter, influxql)


def _panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _variable_values(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """What each variable stands for while "All" is chosen."""
    return {v["name"]: v["allValue"] for v in dashboard["templating"]["list"] if v["type"] == "query"}
