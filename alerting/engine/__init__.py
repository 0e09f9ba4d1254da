"""The threshold engine: exact to its specification, and quick because most readings change nothing.

`engine` is the interface; `first_pass` lets through what changes nothing, `runs` does so for many readings of
one point; `rules` judges the rest; `tables` holds limits and state; `snapshot` turns state into bytes and back.
"""

from alerting.engine.engine import Engine
from alerting.engine.transitions import Transitions
from alerting.limits import Limits
from hazards.condition import Condition
from hazards.quality import Quality

__all__ = ["Condition", "Engine", "Limits", "Quality", "Transitions"]
