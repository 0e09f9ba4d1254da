"""Figures of alarm management (ISA-18.2 section 16, EEMUA 191) over a period, from the alarms raised in it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from alerting.alarm import Alarm
from hazards.condition import Severity

__all__ = ["FLOOD_PER_10_MIN", "kpi"]

FLOOD_PER_10_MIN = 10
"""A flood begins with more than this many annunciated alarms in ten minutes. ISA-18.2, 16.5.4."""

_TEN_MINUTES_MS = 600_000
_STANDING_MS = 24 * 3_600_000


def kpi(alarms: Sequence[Alarm], since_ms: int, until_ms: int) -> dict[str, Any]:
    """The figures; a share or a time is null where there is nothing to divide by.

    Parameters
    ----------
    alarms : sequence of Alarm
        Everything raised within the period.
    since_ms, until_ms : int
        The period, its end excluded. [ms since 1970 UTC]
    """
    hours = max(until_ms - since_ms, 1) / 3_600_000
    per_window = Counter((a.raised_at_ms - since_ms) // _TEN_MINUTES_MS for a in alarms)
    windows = max(-(-(until_ms - since_ms) // _TEN_MINUTES_MS), 1)
    floods = sum(1 for n in per_window.values() if n > FLOOD_PER_10_MIN)
    waits_s = sorted((a.acknowledged_at_ms - a.detected_at_ms) / 1000 for a in alarms if a.acknowledged_at_ms)
    points = Counter((a.enterprise, a.point) for a in alarms)
    return {
        "raised": len(alarms),
        "by_severity": {s.word: sum(a.worst is s for a in alarms) for s in sorted(Severity, reverse=True)},
        "per_hour": len(alarms) / hours,
        "peak_per_10_min": max(per_window.values(), default=0),
        "flood_share": floods / windows,
        "acknowledged": len(waits_s),
        "never_acknowledged": sum(a.acknowledged_at_ms is None for a in alarms),
        "seconds_to_acknowledge": {"p50": _quantile(waits_s, 0.5), "p90": _quantile(waits_s, 0.9)},
        "standing_over_24_h": sum(
            (a.cleared_at_ms if a.cleared_at_ms is not None else until_ms) - a.raised_at_ms > _STANDING_MS
            for a in alarms
        ),
        "late": sum(a.late for a in alarms),
        "top_points": [
            {"enterprise": enterprise, "point": point, "raised": n, "share": n / len(alarms)}
            for (enterprise, point), n in sorted(points.items(), key=lambda item: (-item[1], item[0]))[:10]
        ],
    }


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of values in ascending order."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
