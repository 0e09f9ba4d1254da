"""Derived quantities as objects: points whose readings are computed from those of other points.

`derived_toml` reads them from a plant's derived.toml; `alerting.derived` computes them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hazards.plant import PointKey

__all__ = ["DEFAULT_STALE_MS", "PARAMETERS", "Derivation", "Function", "Input", "Parameters", "order"]

DEFAULT_STALE_MS = 3_600_000
"""How old an input may be where neither the derivation nor the input's ``no_data_after`` says. [ms]"""


class Function(StrEnum):
    """How a derived point is computed."""

    DIFFERENCE = "difference"
    """First input less the second."""
    SUM = "sum"
    PRODUCT = "product"
    RATIO = "ratio"
    """First input over the second."""
    LINEAR = "linear"
    """Each input times its coefficient, added up."""
    MIN = "min"
    MAX = "max"
    MEAN = "mean"
    RATE = "rate"
    """Change over a window, by the time that lies between."""
    CHANGE = "change"
    """Change over a window."""
    CHANGE_SINCE = "change-since"
    """Change since a date."""
    TIME_SINCE_CHANGE = "time-since-change"
    WINDOW_SUM = "window-sum"
    WINDOW_MEAN = "window-mean"
    WINDOW_MIN = "window-min"
    WINDOW_MAX = "window-max"
    WINDOW_COUNT = "window-count"
    """Readings in a window, all or those of at least some value."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a function takes besides `factor`, `constant` and `stale_after`, which all take."""

    least_inputs: int
    most_inputs: int
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    same_unit: bool = False
    """The inputs have to be measured in one unit; where no factor is given, the result is in it too."""


_MANY = 1000
_WINDOW = Parameters(1, 1, ("window",), ("incomplete",), same_unit=True)

PARAMETERS: Mapping[Function, Parameters] = MappingProxyType({
    Function.DIFFERENCE: Parameters(2, 2, same_unit=True),
    Function.SUM: Parameters(1, _MANY, same_unit=True),
    Function.PRODUCT: Parameters(1, _MANY),
    Function.RATIO: Parameters(2, 2, (), ("denominator_min",)),
    Function.LINEAR: Parameters(1, _MANY, ("coefficients",)),
    Function.MIN: Parameters(1, _MANY, same_unit=True),
    Function.MAX: Parameters(1, _MANY, same_unit=True),
    Function.MEAN: Parameters(1, _MANY, same_unit=True),
    Function.RATE: Parameters(1, 1, ("window", "per")),
    Function.CHANGE: Parameters(1, 1, ("window",), same_unit=True),
    Function.CHANGE_SINCE: Parameters(1, 1, ("since",), same_unit=True),
    Function.TIME_SINCE_CHANGE: Parameters(1, 1, ("per",), ("band",)),
    Function.WINDOW_SUM: _WINDOW,
    Function.WINDOW_MEAN: _WINDOW,
    Function.WINDOW_MIN: _WINDOW,
    Function.WINDOW_MAX: _WINDOW,
    Function.WINDOW_COUNT: Parameters(1, 1, ("window",), ("incomplete", "at_least")),
})  # fmt: skip
"""By function, in the words of derived.toml."""


@dataclass(frozen=True, slots=True)
class Input:
    """A point that goes into a derived one."""

    point: PointKey
    stale_after_ms: int = DEFAULT_STALE_MS
    """A reading older than this, at the time of a result, is as good as none. [ms]"""
    range_low: float = -math.inf
    range_high: float = math.inf
    """Readings outside are BAD, as for the engine. [unit of the input]"""


@dataclass(frozen=True, slots=True)
class Derivation:
    """What makes the readings of a derived point; only the parameters of its function mean anything."""

    key: PointKey
    function: Function
    inputs: tuple[Input, ...]
    coefficients: tuple[float, ...] = ()
    """One for each input."""
    factor: float = 1.0
    """The result is times this, plus `constant`."""
    constant: float = 0.0
    denominator_min: float = math.nan
    """A ratio is refused below; NaN never."""
    window_ms: int = 0
    per_ms: int = 1
    """Unit of time of a rate or of a time since. [ms]"""
    since_ms: int = 0
    """Start of a change since a date. [ms since 1970 UTC]"""
    at_least: float = -math.inf
    """Readings that a count counts."""
    band: float = 0.0
    """A step of at most this is no change. [unit of the input]"""
    incomplete: str = "uncertain"
    """A window that data is missing from gives a result that is ``uncertain``, or ``no-value``."""

    def __post_init__(self) -> None:
        wanted = PARAMETERS[self.function]
        if not wanted.least_inputs <= len(self.inputs) <= wanted.most_inputs:
            raise ValueError(f"{self.key}: {self.function} cannot have {len(self.inputs)} inputs")
        if "coefficients" in wanted.required and len(self.coefficients) != len(self.inputs):
            raise ValueError(f"{self.key}: {len(self.coefficients)} coefficients for {len(self.inputs)} inputs")
        if "window" in wanted.required and self.window_ms <= 0:
            raise ValueError(f"{self.key}: the window is {self.window_ms} ms; give more than 0")
        if self.per_ms <= 0:
            raise ValueError(f"{self.key}: per is {self.per_ms} ms; give more than 0")


def order(derivations: Sequence[Derivation]) -> tuple[tuple[Derivation, ...], ...]:
    """Derivations by level: each has derived points of lower levels only among its inputs.

    Raises
    ------
    ValueError
        If some depend on each other in a circle; the text names them in order.

    Examples
    --------
    >>> m = lambda p: PointKey("M001", p)
    >>> lower = Derivation(m("DEFICIENCY"), Function.LINEAR, (Input(m("N2")), Input(m("O2"))), (0.265, -1.0))
    >>> upper = Derivation(m("GRAHAM"), Function.RATIO, (Input(m("CO")), Input(m("DEFICIENCY"))))
    >>> [[d.key.point for d in level] for level in order([upper, lower])]
    [['DEFICIENCY'], ['GRAHAM']]
    """
    keys = {d.key for d in derivations}
    inner = {d.key: {i.point for i in d.inputs} & keys for d in derivations}
    levels: list[tuple[Derivation, ...]] = []
    settled: set[PointKey] = set()
    left = list(derivations)
    while left:
        level = tuple(d for d in left if inner[d.key] <= settled)
        if not level:
            raise ValueError(" -> ".join(map(str, _circle(left[0].key, inner, settled))))
        levels.append(level)
        settled.update(d.key for d in level)
        left = [d for d in left if d.key not in settled]
    return tuple(levels)


def _circle(key: PointKey, inner: Mapping[PointKey, set[PointKey]], settled: set[PointKey]) -> list[PointKey]:
    """A circle that is reached from a point which none of the settled ones explains."""
    path: list[PointKey] = []
    while key not in path:
        path.append(key)
        key = min(inner[key] - settled)
    return [*path[path.index(key) :], key]
