"""Logic across points: conditions of several points joined by and, or, not and votes, as alarms of their own.

A logic point is a point like any other, only that its readings are made here: 1 while its expression holds, 0 while it
does not, BAD while nobody can know. An engine judges them by the point's limit and delays, so lifecycle, ids,
severities and messages are those of every alarm.

``truth`` is the three-valued judgement; ``inputs`` what is known of the points that expressions name; ``level`` makes
readings of what changes; ``alarms`` has the engines and the order of things; ``words`` says how a logic point stands.

When it is judged
    At each tick, over all that has happened since the tick before, in order of event time, however the readings were
    cut into batches; everything of one moment is judged once. So a logic alarm is at most a tick (1 s) behind, and
    inputs of one scan that arrive one after the other make no alarm between them. Its time is that of the change
    which made it true.
Late changes
    A change that is older than the logic point's last reading takes effect 1 ms behind that reading, one from the
    future (a clock ahead) at the tick. None is left out: what was true for a moment only is told as such.
"""

from alerting.logic.alarms import LogicAlarms
from alerting.logic.inputs import Present
from alerting.logic.level import Logic
from alerting.logic.truth import Known, Verdict, judge
from alerting.logic.words import describe

__all__ = ["Known", "Logic", "LogicAlarms", "Present", "Verdict", "describe", "judge"]
