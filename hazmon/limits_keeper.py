"""Keeps the limits in the log in step with the plant's files and with what engineers have changed over the API.

Limits reach the engine only through the log, so that the engine stays a function of it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hazards.checks import Checks
from hazards.log import LimitsChanged, Log
from hazards.plant import Plant, Point, PointKey

__all__ = ["LimitsKeeper", "with_overrides"]

_AT_ONCE = 10_000
"""Points in one entry of the log."""


def with_overrides(plant: Plant, overrides: Mapping[PointKey, Mapping[str, float]]) -> Plant:
    """The plant with the limits that were changed over the API in place of the files'."""
    points = tuple(
        replace(p, checks=replace(p.checks, **overrides[p.key])) if p.key in overrides else p  # type: ignore[arg-type]
        for p in plant.points
    )
    return replace(plant, points=points)


class LimitsKeeper:
    """Writes `LimitsChanged` entries.

    Parameters
    ----------
    log : Log
        Where they go.
    points : sequence of Point
        The plant's, with what was changed over the API.
    clock_ms : callable
        The wall clock. [ms since 1970 UTC]
    """

    def __init__(self, log: Log, points: Sequence[Point], clock_ms: Callable[[], int]) -> None:
        self._log = log
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        numbers = log.point_ids([p.key for p in points]).tolist()
        self._checks: dict[int, Checks] = {n: p.checks for n, p in zip(numbers, points, strict=True)}

    def reconcile(self, in_force: Mapping[int, Checks]) -> int:
        """Bring what the log says (``in_force``, by number) to what the plant says. The number of points changed.

        A point that has left the plant is no longer watched: its checks are switched off.
        """
        nothing = Checks()
        with self._lock:
            wanted = {n: self._checks.get(n, nothing) for n in sorted({*in_force, *self._checks})}
            # By text, because NaN is not equal to itself.
            changed = {n: c for n, c in wanted.items() if n not in in_force or repr(in_force[n]) != repr(c)}
            self._append(changed)
        return len(changed)

    def change(self, number: int, fields: Mapping[str, float]) -> Checks:
        """Change some checks of one point; what it has from now on."""
        with self._lock:
            checks = replace(self._checks[number], **fields)  # type: ignore[arg-type]
            self._append({number: checks})
            self._checks[number] = checks
        return checks

    def _append(self, changed: Mapping[int, Checks]) -> None:
        now_ms = self._clock_ms()
        items = list(changed.items())
        parts = [dict(items[start : start + _AT_ONCE]) for start in range(0, len(items), _AT_ONCE)]
        if parts:
            self._log.append([LimitsChanged(now_ms, part) for part in parts], now_ms)
