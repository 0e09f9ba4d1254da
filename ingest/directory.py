"""The plant's points as ingest and stores look them up: by topic, by name, by number."""

from collections.abc import Iterable, Mapping

from hazards.log import Log
from hazards.plant import Point, PointKey

__all__ = ["NATIVE_PREFIX", "Directory"]

NATIVE_PREFIX = "hazmon/v1/"
"""Of the native topics."""


class Directory:
    """Every point of the plant with its number in the log.

    `replace` takes over a changed plant; readers see the old one or the new one, never a mixture within one table.

    Attributes
    ----------
    topics : mapping of str to int
        Number by the whole native topic of one reading, so that the common message costs one look-up.
    enterprises : mapping of str to mapping of str to int
        Number by point id, by enterprise id, for messages by column.
    points : mapping of int to Point
        The plant's entry by number.
    version : int
        Grows with each `replace`.
    """

    def __init__(self, log: Log, points: Iterable[Point]) -> None:
        self._log = log
        self.topics: Mapping[str, int] = {}
        self.enterprises: Mapping[str, Mapping[str, int]] = {}
        self.points: Mapping[int, Point] = {}
        self.version = 0
        self.replace(points)

    def replace(self, points: Iterable[Point]) -> None:
        """Take over a changed plant; points that are gone keep their numbers in the log."""
        listed = list(points)
        numbers = self._log.point_ids([p.key for p in listed]).tolist()
        enterprises: dict[str, dict[str, int]] = {}
        for point, number in zip(listed, numbers, strict=True):
            enterprises.setdefault(point.enterprise, {})[point.id] = number
        self.points = dict(zip(numbers, listed, strict=True))
        self.enterprises = enterprises
        self.topics = {
            f"{NATIVE_PREFIX}{p.enterprise}/{p.id}": number for p, number in zip(listed, numbers, strict=True)
        }
        self.version += 1

    def number(self, key: PointKey) -> int | None:
        """The number of a point of the plant, None if the plant does not know it."""
        return self.enterprises.get(key.enterprise, {}).get(key.point)

    def keys(self) -> list[PointKey]:
        """Every point that ever had a number, the plant's or not; the index is the number."""
        return self._log.point_keys()
