"""A watch over a plant with logic points, and a log written a line at a time."""

from alerting.watch import Watch
from hazards.log import Entry, LimitsChanged, LogBody, Readings, Tick
from hazards.plant import Plant, PointKey
from hazards.readings import ReadingBatch

__all__ = ["T0", "LogicStory", "told"]

T0 = 1_764_000_000_000


class LogicStory:
    """A watch, and a log written a line at a time."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.keys = [p.key for p in plant.points]
        self.log: list[Entry] = []
        self.watch = Watch(plant, lambda: self.keys)
        self.add(LimitsChanged(T0, dict(enumerate(p.checks for p in plant.points))), T0)

    def number(self, point: str) -> int:
        return self.keys.index(PointKey("M001", point))

    def add(self, body: LogBody, time_ms: int) -> list[str]:
        self.log.append(Entry(len(self.log) + 1, time_ms, body))
        return told(self.watch, self.log[-1])

    def say(self, at_s: float, quality: int = 0, **values: float) -> list[str]:
        t = T0 + int(at_s * 1000)
        points = [self.number(name.replace("_", "-")) for name in values]
        batch = ReadingBatch.of(points, [t] * len(points), list(values.values()), [quality] * len(points))
        return self.add(Readings(batch, t), t)

    def tick(self, at_s: float) -> list[str]:
        return self.add(Tick(T0 + int(at_s * 1000)), T0 + int(at_s * 1000))

    def restart(self, plant: Plant | None = None) -> None:
        limits, state = self.watch.limits(), self.watch.state()
        self.plant = plant or self.plant
        self.watch = Watch(self.plant, lambda: self.keys)
        self.watch.restore(limits, state)


def told(watch: Watch, entry: Entry) -> list[str]:
    return [
        f"{change.point.id}:{condition.word} {'on' if active else 'off'} {(change.time_ms - T0) / 1000:g}"
        for change in watch.feed(entry)
        for condition, active in change.flips
    ]
