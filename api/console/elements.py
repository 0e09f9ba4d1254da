"""The page's own elements: a Vue component beside this file each, and what it is given."""

from collections.abc import Callable
from typing import Any

from nicegui.element import Element
from nicegui.events import GenericEventArguments

__all__ = ["AlarmDetail", "AlarmList", "PointHead", "PointList", "TopBar"]

Handler = Callable[[GenericEventArguments], Any]


class _Component(Element):
    """An element whose props are set together."""

    def __init__(self, words: dict[str, str], **props: Any) -> None:
        super().__init__()
        self._props["words"] = words
        for name, value in props.items():
            self._props[name] = value

    def show(self, **props: Any) -> None:
        """Give it these props; the browser is told only if one of them is new."""
        changed = False
        for name, value in props.items():
            if self._props.get(name) != value:
                self._props[name] = value
                changed = True
        if changed:
            self.update()


class TopBar(_Component, component="top_bar.js"):
    """Navigation, the system's own health, the clock."""


class AlarmList(_Component, component="alarm_list.js"):
    """Open alarms. Emits ``pick`` and ``take`` with an alarm's id."""


class AlarmDetail(_Component, component="alarm_detail.js"):
    """One alarm. Emits ``act`` with ``{what, id, text, span}``."""


class PointList(_Component, component="point_list.js"):
    """Points. Emits ``search`` with what was typed."""


class PointHead(_Component, component="point_head.js"):
    """A point's name, its value now, the choice of a range."""
