"""Limits and delays of many points, one array per check: what the engine is given."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hazards.checks import Checks

__all__ = ["Limits"]

_MILLISECONDS = frozenset({"on_delay_ms", "off_delay_ms", "rate_window_ms", "frozen_after_ms", "no_data_after_ms"})


@dataclass(slots=True, eq=False)
class Limits:
    """The checks of ``n_points`` points; fill the arrays in place before handing them to an engine.

    Every array has shape ``(n_points,)``; the names and the way to switch a check off are those of
    `hazards.checks.Checks`.

    Attributes
    ----------
    high_high, high, low, low_low : float64
        Activate at ``value >=`` (high side) or ``value <=`` (low side); NaN = off. [unit of the point]
    high_high_clear, high_clear, low_clear, low_low_clear : float64
        Clear at ``value <`` (high side) or ``value >`` (low side); NaN = equal to its limit. [unit of the point]
    on_delay_ms, off_delay_ms : int64
        How long a limit must be exceeded to activate, how long it must be clear to deactivate; 0 = at once.
    rate_per_s : float64
        RATE is active while the change over a window is at least this; NaN = off. [unit/s]
    rate_window_ms : int64
        Least time between the two readings that are compared; above 0.
    frozen_after_ms : int64
        FROZEN activates when a value has stayed within ``frozen_band`` this long; 0 = off.
    frozen_band : float64
        [unit of the point]
    no_data_after_ms : int64
        NO_DATA activates when nothing has been heard for longer than this; 0 = off.
    range_low, range_high : float64
        What the sensor can measure; a value outside is a fault; -inf and inf = off. [unit of the point]

    Examples
    --------
    >>> limits = Limits.unlimited(3)
    >>> limits.high[:] = 1.0
    >>> len(limits), limits.low[0]
    (3, np.float64(nan))
    """

    high_high: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    low_low: NDArray[np.float64]
    high_high_clear: NDArray[np.float64]
    high_clear: NDArray[np.float64]
    low_clear: NDArray[np.float64]
    low_low_clear: NDArray[np.float64]
    on_delay_ms: NDArray[np.int64]
    off_delay_ms: NDArray[np.int64]
    rate_per_s: NDArray[np.float64]
    rate_window_ms: NDArray[np.int64]
    frozen_after_ms: NDArray[np.int64]
    frozen_band: NDArray[np.float64]
    no_data_after_ms: NDArray[np.int64]
    range_low: NDArray[np.float64]
    range_high: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.high)

    @classmethod
    def unlimited(cls, n: int) -> "Limits":
        """Limits of ``n`` points with every check off."""
        off = Checks()
        return cls(*(np.full(n, getattr(off, name), _dtype(name)) for name in _names()))

    @classmethod
    def of(cls, checks: Sequence[Checks]) -> "Limits":
        """The checks of single points, by column.

        >>> Limits.of([Checks(high=1.0), Checks(low=18.0, on_delay_ms=5000)]).on_delay_ms.tolist()
        [0, 5000]
        """
        return cls(*(np.array([getattr(c, name) for c in checks], _dtype(name)) for name in _names()))

    @classmethod
    def concatenate(cls, parts: Sequence["Limits"]) -> "Limits":
        """Limits of the points of all parts, one part after the other: how a plant grows.

        >>> len(Limits.concatenate([Limits.unlimited(2), Limits.unlimited(3)]))
        5
        """
        if not parts:
            return cls.unlimited(0)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in _names()))

    def take(self, index: NDArray[np.integer] | slice) -> "Limits":
        """Limits of some of the points; of a slice, as views."""
        return Limits(*(getattr(self, name)[index] for name in _names()))

    def check(self) -> None:
        """Refuse arrays that an engine could not work with.

        Raises
        ------
        ValueError
            If a column has another type or length, a delay is negative, a window is not above 0, or
            ``frozen_band`` is NaN.
        """
        n = len(self)
        for name in _names():
            column = getattr(self, name)
            if not isinstance(column, np.ndarray) or column.dtype != _dtype(name) or column.shape != (n,):
                got = f"{column.dtype}{column.shape}" if isinstance(column, np.ndarray) else type(column).__name__
                raise ValueError(f"limits.{name} is {got}; give {_dtype(name)} of shape ({n},)")
        for name in sorted(_MILLISECONDS):
            least = 1 if name == "rate_window_ms" else 0
            _refuse(name, getattr(self, name) < least, f"at least {least}")
        _refuse("frozen_band", np.isnan(self.frozen_band), "a number")


def _names() -> tuple[str, ...]:
    return tuple(f.name for f in fields(Limits))


def _dtype(name: str) -> "np.dtype[Any]":
    return np.dtype(np.int64 if name in _MILLISECONDS else np.float64)


def _refuse(name: str, wrong: NDArray[np.bool_], wanted: str) -> None:
    if wrong.any():
        raise ValueError(f"limits.{name} of point {int(wrong.argmax())} is out of bounds; give {wanted}")
