"""The region tree: province, city, county, enterprise, hazard source, each coloured by its worst open alarm."""

from collections.abc import Iterable, Mapping
from typing import Any

from alerting.alarm import Alarm, AlarmState
from api.views import name_json
from hazards.condition import Severity
from hazards.plant import Enterprise

__all__ = ["risk_tree"]

_LEVELS = ("province", "city", "county")


def risk_tree(enterprises: Iterable[Enterprise], alarms: Iterable[Alarm]) -> list[dict[str, Any]]:
    """Nested regions by their GB/T 2260 codes (two digits a level), with the plant below the counties.

    A node's ``colour`` is the worst severity of the open alarms below it, ``null`` when there is none; ``alarms``
    counts them by severity. Shelved alarms are counted on their own and give no colour: somebody set them aside.
    """
    by_source: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        by_source.setdefault((alarm.enterprise, alarm.source), []).append(alarm)
    roots: dict[str, dict[str, Any]] = {}
    for enterprise in enterprises:
        siblings = roots
        for level, digits in zip(_LEVELS, (2, 4, 6), strict=True):
            code = enterprise.region[:digits]
            node = siblings.setdefault(code, {"level": level, "code": code, "children": {}})
            siblings = node["children"]
        siblings[f"enterprise {enterprise.id}"] = _enterprise_node(enterprise, by_source)
    return [_rolled_up(node) for _, node in sorted(roots.items())]


def _enterprise_node(enterprise: Enterprise, by_source: Mapping[tuple[str, str], list[Alarm]]) -> dict[str, Any]:
    return {
        "level": "enterprise",
        "id": enterprise.id,
        "name": name_json(enterprise.name),
        "lat": enterprise.lat,
        "lon": enterprise.lon,
        "children": {
            s.id: {
                "level": "source",
                "id": s.id,
                "type": s.type,
                "name": name_json(s.name),
                "own": by_source.get((enterprise.id, s.id), []),
            }
            for s in enterprise.sources
        },
    }


def _rolled_up(node: dict[str, Any]) -> dict[str, Any]:
    children = [_rolled_up(child) for _, child in sorted(node.pop("children", {}).items())]
    own: list[Alarm] = node.pop("own", [])
    counts = {s.word: sum(c["alarms"][s.word] for c in children) for s in sorted(Severity, reverse=True)}
    shelved = sum(c["shelved"] for c in children)
    unacknowledged = sum(c["unacknowledged"] for c in children)
    for alarm in own:
        if alarm.state is AlarmState.SHELVED:
            shelved += 1
            continue
        counts[alarm.severity.word] += 1
        unacknowledged += alarm.state in (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED)
    node["colour"] = next((word for word, count in counts.items() if count), None)
    node["alarms"] = counts
    node["unacknowledged"] = unacknowledged
    node["shelved"] = shelved
    if node["level"] != "source":
        node["children"] = children
    return node
