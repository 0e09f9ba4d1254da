"""What operators read in Grafana: Chinese first, English beside it, and the colour that goes with a word."""

from collections.abc import Mapping

from grafana_foundation_sdk.models import dashboard as model

from hazards.catalogue import Kind
from hazards.condition import Severity

__all__ = ["CONDITIONS", "EVENTS", "FAMILIES", "QUALITIES", "SEVERITIES", "SEVERITY_COLORS", "kind_words", "only_unit"]

SEVERITY_COLORS: Mapping[Severity, str] = {
    Severity.RED: "#E02F44",
    Severity.ORANGE: "#FF780A",
    Severity.YELLOW: "#FADE2A",
    Severity.BLUE: "#3274D9",
}
"""The four warning colours as they are seen on a dark and on a light screen."""


def _mapping(words: Mapping[str, tuple[str, str | None]]) -> model.ValueMap:
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text=text, color=color, index=k)
            for k, (value, (text, color)) in enumerate(words.items())
        }
    )


SEVERITIES = _mapping(
    {
        severity.word: (f"{zh} {severity.word}", SEVERITY_COLORS[severity])
        for severity, zh in zip(SEVERITY_COLORS, "红橙黄蓝", strict=True)
    }
)

QUALITIES = _mapping(
    {
        "0": ("好 good", "green"),
        "1": ("存疑 uncertain", "yellow"),
        "2": ("坏 bad", "red"),
        "3": ("标校 maintenance", "purple"),
    }
)

EVENTS = _mapping(
    {
        # With and without the webhooks' prefix: what the store holds is the writer's to choose.
        f"{prefix}{word}": (f"{zh} {word}", color)
        for prefix in ("alarm.", "")
        for word, zh, color in [
            ("raised", "报警", "red"),
            ("escalated", "升级", "red"),
            ("deescalated", "降级", "yellow"),
            ("cleared", "恢复", "green"),
            ("acknowledged", "确认", "blue"),
            ("shelved", "搁置", "purple"),
            ("unshelved", "取消搁置", None),
            ("overdue", "超时未确认", "orange"),
        ]
    }
)

CONDITIONS = _mapping(
    {
        "low_low": ("低低限 low-low", None),
        "low": ("低限 low", None),
        "high": ("高限 high", None),
        "high_high": ("高高限 high-high", None),
        "rate": ("变化率 rate", None),
        "frozen": ("数值不变 frozen", None),
        "no_data": ("无数据 no data", None),
        "fault": ("故障 fault", None),
    }
)

FAMILIES = _mapping(
    {
        "limit-high": ("超上限 limit-high", None),
        "limit-low": ("超下限 limit-low", None),
        "rate": ("变化率 rate", None),
        "frozen": ("数值不变 frozen", None),
        "no-data": ("无数据 no-data", None),
        "fault": ("故障 fault", None),
    }
)


def only_unit(kind: Kind) -> str:
    """The unit of every point of a kind, or empty where points of it may differ.

    A reading keeps its point's unit and the store does not say which; a wrong unit would be worse than none.
    """
    return kind.unit if all(factor == 1.0 for factor in kind.units.values()) else ""


def kind_words(kinds: Mapping[str, Kind]) -> model.ValueMap:
    """Kinds by name and unit: ``甲烷 Methane [%CH4]``; where points differ, all units that they may have."""
    return _mapping(
        {
            kind.id: (f"{kind.name.zh} {kind.name.en}" + (f" [{_units(kind)}]" if _units(kind) else ""), None)
            for kind in kinds.values()
        }
    )


def _units(kind: Kind) -> str:
    return only_unit(kind) or " / ".join(kind.units)
