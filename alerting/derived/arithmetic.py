"""The functions over points: one value from the values that several points have at one time.

Each takes the inputs as a list of columns, float64 of shape ``(n_results,)``, and gives the value of each result.
Sums run from the first input to the last, so that a result never depends on how many are computed together.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hazards.derivation import Function

__all__ = ["ARITHMETIC", "Column"]

Column = NDArray[np.float64]


def _difference(x: Sequence[Column], _: Sequence[Column]) -> Column:
    return x[0] - x[1]


def _sum(x: Sequence[Column], _: Sequence[Column]) -> Column:
    total = x[0].copy()
    for column in x[1:]:
        total += column
    return total


def _product(x: Sequence[Column], _: Sequence[Column]) -> Column:
    total = x[0].copy()
    for column in x[1:]:
        total *= column
    return total


def _ratio(x: Sequence[Column], _: Sequence[Column]) -> Column:
    return x[0] / x[1]


def _linear(x: Sequence[Column], coefficients: Sequence[Column]) -> Column:
    return _sum([c * column for c, column in zip(coefficients, x, strict=True)], ())


def _min(x: Sequence[Column], _: Sequence[Column]) -> Column:
    least = x[0].copy()
    for column in x[1:]:
        np.minimum(least, column, out=least)
    return least


def _max(x: Sequence[Column], _: Sequence[Column]) -> Column:
    most = x[0].copy()
    for column in x[1:]:
        np.maximum(most, column, out=most)
    return most


def _mean(x: Sequence[Column], _: Sequence[Column]) -> Column:
    return _sum(x, ()) / len(x)


ARITHMETIC: Mapping[Function, Callable[[Sequence[Column], Sequence[Column]], Column]] = MappingProxyType({
    Function.DIFFERENCE: _difference,
    Function.SUM: _sum,
    Function.PRODUCT: _product,
    Function.RATIO: _ratio,
    Function.LINEAR: _linear,
    Function.MIN: _min,
    Function.MAX: _max,
    Function.MEAN: _mean,
})  # fmt: skip
"""By function: inputs and coefficients, each a list of columns, to values."""
