"""What comes out of the engine: conditions that became active or inactive, by column."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hazards.condition import Condition

__all__ = ["Collector", "Transitions"]


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """Changes of condition, ordered by (time, point, condition); full ties in the order they happened.

    Attributes
    ----------
    point : int32, shape (n_transitions,)
        Index of the point.
    condition : uint8, shape (n_transitions,)
        `Condition` that changed.
    active : bool, shape (n_transitions,)
        Its state from now on.
    time_ms : int64, shape (n_transitions,)
        When it changed, in event time: a delay that ran out between two readings has its own time. [ms since 1970 UTC]
    value : float64, shape (n_transitions,)
        Value of the reading that changed it, or the held value where no reading did. [unit of the point]
    """

    point: NDArray[np.int32]
    condition: NDArray[np.uint8]
    active: NDArray[np.bool_]
    time_ms: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.point)

    @classmethod
    def empty(cls) -> "Transitions":
        """No transitions."""
        return _EMPTY


_EMPTY = Transitions(
    np.empty(0, np.int32), np.empty(0, np.uint8), np.empty(0, np.bool_), np.empty(0, np.int64), np.empty(0)
)


class Collector:
    """Gathers transitions while the rules run, in the order they happen, and sorts them at the end."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[Transitions] = []

    def add(
        self,
        condition: Condition | NDArray[np.integer],
        point: NDArray[np.integer],
        active: bool | NDArray[np.bool_],
        time_ms: NDArray[np.int64],
        value: NDArray[np.float64],
    ) -> None:
        """Keep changes of distinct (point, condition) pairs; a single condition or state stands for all of them."""
        n = len(point)
        if n:
            self._parts.append(
                Transitions(
                    point.astype(np.int32),
                    np.full(n, condition, np.uint8),
                    np.full(n, active, np.bool_),
                    time_ms,
                    value,
                )
            )

    def sorted(self) -> Transitions:
        """Everything so far, ordered by (time, point, condition), ties as they were added."""
        if not self._parts:
            return Transitions.empty()
        point = np.concatenate([part.point for part in self._parts])
        condition = np.concatenate([part.condition for part in self._parts])
        active = np.concatenate([part.active for part in self._parts])
        time_ms = np.concatenate([part.time_ms for part in self._parts])
        value = np.concatenate([part.value for part in self._parts])
        order = np.lexsort((condition, point, time_ms))
        return Transitions(point[order], condition[order], active[order], time_ms[order], value[order])
