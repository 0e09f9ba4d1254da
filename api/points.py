"""The plant's points as the API looks them up and pages through them."""

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from api.paging import open_cursor, seal_cursor
from hazards.checks import Checks
from hazards.log import Log
from hazards.plant import Enterprise, Plant, Point, PointKey, Source

__all__ = ["Points"]


class Points:
    """Points by key and in the order of their names, with their numbers in the log. Safe from several threads."""

    def __init__(self, plant: Plant, log: Log) -> None:
        listed = sorted(plant.points, key=lambda p: p.key)
        self._keys: list[PointKey] = [p.key for p in listed]
        self._by_key: dict[PointKey, Point] = {p.key: p for p in listed}
        self._numbers: dict[PointKey, int] = dict(zip(self._keys, log.point_ids(self._keys).tolist(), strict=True))
        self._enterprises = {e.id: e for e in plant.enterprises}
        self._sources = {(s.enterprise, s.id): s for e in plant.enterprises for s in e.sources}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def enterprises(self) -> tuple[Enterprise, ...]:
        """All of them, as the plant lists them."""
        return tuple(self._enterprises.values())

    def enterprise(self, id_: str) -> Enterprise | None:
        """By id."""
        return self._enterprises.get(id_)

    def source(self, enterprise: str, id_: str) -> Source | None:
        """By the ids of its enterprise and its own."""
        return self._sources.get((enterprise, id_))

    def get(self, key: PointKey) -> Point | None:
        """The point, None if the plant does not know it."""
        return self._by_key.get(key)

    def number(self, key: PointKey) -> int:
        """The point's number in the log."""
        return self._numbers[key]

    def set_checks(self, key: PointKey, checks: Checks) -> Point:
        """From here on the point has these checks."""
        with self._lock:
            point = replace(self._by_key[key], checks=checks)
            self._by_key[key] = point
        return point

    def page(self, keep: Callable[[Point], bool], limit: int, cursor: str | None) -> tuple[list[Point], str | None]:
        """Points that are to be kept, in the order of their names, and the cursor of the next page."""
        start = 0
        if cursor is not None:
            enterprise, point = open_cursor(cursor, 2)
            start = bisect_right(self._keys, PointKey(enterprise, point))
        found: list[Point] = []
        for k in range(start, len(self._keys)):
            point_k = self._by_key[self._keys[k]]
            if keep(point_k):
                if len(found) == limit:
                    return found, seal_cursor(*found[-1].key)
                found.append(point_k)
        return found, None
