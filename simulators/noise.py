"""Noise that remembers: the wandering of the natural quantities and of the instruments."""

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["Wander"]


class Wander:
    """Ornstein-Uhlenbeck noise, any number of independent components at once.

    Its standard deviation stays ``sigma`` whatever the step, and its autocorrelation falls to 1/e after
    ``memory_s``; a memory of 0 is white noise.

    Parameters
    ----------
    sigma : float64, shape (n,)
        Standard deviation of each component. [unit of the quantity]
    memory_s : float64, shape (n,)
        Correlation time of each. [s]
    random : numpy.random.Generator
        Where the numbers come from.

    References
    ----------
    D. T. Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process and its integral",
    Phys. Rev. E 54 (1996) 2084: the update is exact for any step.

    Examples
    --------
    >>> wander = Wander([1.0], [60.0], np.random.default_rng(1))
    >>> values = np.array([wander.step(10.0)[0] for _ in range(5000)])
    >>> bool(0.9 < values.std() < 1.1)
    True
    """

    def __init__(
        self,
        sigma: NDArray[np.float64] | list[float],
        memory_s: NDArray[np.float64] | list[float],
        random: np.random.Generator,
    ) -> None:
        self._sigma = np.asarray(sigma, np.float64)
        self._memory_s = np.asarray(memory_s, np.float64)
        self._random = random
        self.value = self._sigma * random.standard_normal(self._sigma.shape)
        self._step_s = math.nan
        self._keep = np.zeros_like(self._sigma)
        self._fresh = self._sigma

    def step(self, step_s: float) -> NDArray[np.float64]:
        """Let ``step_s`` seconds pass; the new values, shape (n,)."""
        if step_s != self._step_s:
            remembers = self._memory_s > 0.0
            self._keep = np.where(remembers, np.exp(-step_s / np.where(remembers, self._memory_s, 1.0)), 0.0)
            self._fresh = self._sigma * np.sqrt(1.0 - self._keep**2)
            self._step_s = step_s
        self.value = self._keep * self.value + self._fresh * self._random.standard_normal(self._sigma.shape)
        return self.value
