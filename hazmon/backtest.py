"""The alarms that a plant's limits would have raised on a history: the live engine and lifecycle, over files.

A recording has no ticks of its own, so time passes with its readings and, at its end, to its last stamp; silence
shows where readings of other points go on.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TextIO

import numpy as np

from alerting.alarm import Alarm, EventType
from alerting.derived import Derivations
from alerting.lifecycle import after_change
from alerting.times import rfc3339
from alerting.watch import Watch
from hazards.condition import Family
from hazards.log import Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import Plant
from hazards.readings import ReadingBatch
from simulators.errors import SimulatorError
from simulators.recording import Recording

__all__ = ["COLUMNS", "backtest", "write_alarms"]

COLUMNS = (
    "id",
    "enterprise",
    "source",
    "point",
    "family",
    "condition",
    "worst",
    "raised_at",
    "cleared_at",
    "value",
    "limit",
    "unit",
    "standard",
)
_AT_ONCE = 20_000


def backtest(plant: Plant, recording: Recording, start_ms: int | None = None) -> list[Alarm]:
    """Judge a recording by a plant's limits.

    Parameters
    ----------
    plant : Plant
        With the limits to try.
    recording : Recording
        Of points of this plant.
    start_ms : int, optional
        When the first reading was, for a recording without dates. [ms since 1970 UTC]

    Returns
    -------
    list of Alarm
        In the order raised, each as it was in the end: cleared, or still standing at the last reading. ``condition``
        and ``value`` are those of its last change, ``worst`` the worst severity it had.

    Raises
    ------
    SimulatorError
        If the recording has a point that the plant does not know.
    """
    numbers = {p.key: n for n, p in enumerate(plant.points)}
    unknown = [str(key) for key in recording.keys if key not in numbers]
    if unknown:
        raise SimulatorError(f"the plant has no point {', '.join(unknown[:5])}; add it to points.csv, or map it")
    if start_ms is not None:
        recording = replace(recording, time_ms=recording.time_ms - recording.time_ms[0] + start_ms)
    watch = Watch(plant, lambda: [p.key for p in plant.points])
    standing: dict[tuple[int, Family], Alarm] = {}
    alarms: dict[str, Alarm] = {}
    for entry in _entries(plant, recording, np.array([numbers[key] for key in recording.keys], np.int32)):
        for change in watch.feed(entry):
            place = (change.number, change.family)
            alarm, event = after_change(standing.get(place), change, change.time_ms)
            if alarm is None:
                continue
            alarms[alarm.id] = alarm
            if event is EventType.CLEARED:
                del standing[place]
            else:
                standing[place] = alarm
    return sorted(alarms.values(), key=lambda a: (a.raised_at_ms, a.enterprise, a.point, a.family))


def _entries(plant: Plant, recording: Recording, number_of: np.ndarray) -> Iterator[Entry]:
    """The log that a live service would have written."""
    start_ms = int(recording.time_ms[0])
    offset = 0

    def entry(body: LogBody, time_ms: int) -> Entry:
        nonlocal offset
        offset += 1
        return Entry(offset, time_ms, body)

    yield entry(LimitsChanged(start_ms, dict(enumerate(p.checks for p in plant.points))), start_ms)
    derived = Derivations(plant.derivations, {p.key: number for number, p in enumerate(plant.points)})
    points, n = number_of[recording.point], len(recording)
    start = 0
    while start < n:
        # With all readings of the last one's time, so that the tick behind them goes ahead of none.
        last = int(recording.time_ms[min(start + _AT_ONCE, n) - 1])
        stop = int(np.searchsorted(recording.time_ms, last, side="right"))
        part = slice(start, stop)
        batch = ReadingBatch(points[part], recording.time_ms[part], recording.value[part], recording.quality[part])
        yield entry(Readings(batch, last), last)
        if len(made := derived.feed(batch)):
            yield entry(Readings(made, last), last)
        yield entry(Tick(last), last)
        start = stop


def write_alarms(alarms: Sequence[Alarm], out: TextIO) -> None:
    """Write alarms as CSV, a line each, under `COLUMNS`."""
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for a in alarms:
        writer.writerow(
            [
                a.id,
                a.enterprise,
                a.source,
                a.point,
                a.family,
                a.condition.word,
                a.worst.word,
                rfc3339(a.raised_at_ms),
                "" if a.cleared_at_ms is None else rfc3339(a.cleared_at_ms),
                "" if a.value is None else f"{a.value:g}",
                "" if a.limit is None else f"{a.limit:g}",
                a.unit,
                a.standard,
            ]
        )
