"""What a reading shows of the truth: noise, drift, response time, display digits, the ends of the range, and faults."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from hazards.quality import Quality
from simulators.errors import SimulatorError
from simulators.noise import Wander
from simulators.site import DAY_S

__all__ = ["Fault", "Instrument", "Instruments", "load_instruments"]

_DRIFT_MEMORY_S = 10.0 * DAY_S


class Fault(StrEnum):
    """What can be wrong with an instrument."""

    STUCK = "stuck"
    """Shows for ever what it showed when it began."""
    BREAK = "break"
    """Wire break: no value, BAD."""
    SPIKE = "spike"
    """``size`` on top of the value for one reading in twenty, at random."""
    OFFSET = "offset"
    """``size`` on top of every value: a zero that has moved."""
    CALIBRATION = "calibration"
    """Calibration gas: shows ``size``, MAINTENANCE."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """Data sheet of one type of instrument; ``instruments.toml`` explains the fields."""

    noise: float
    noise_memory_s: float
    drift_per_day: float
    t90_s: float
    digits: int
    low: float
    high: float


@cache
def load_instruments() -> Mapping[str, Instrument]:
    """The types of instruments that come with hazmon, by name.

    >>> load_instruments()["methane"].digits
    2
    """
    text = files("simulators").joinpath("instruments.toml").read_text("utf-8")
    names = {f.name for f in fields(Instrument)}
    instruments = {}
    for name, row in tomllib.loads(text).items():
        if set(row) != names:
            raise SimulatorError(f"instruments.toml [{name}]: fields {sorted(set(row) ^ names)} missing or unknown")
        instruments[name] = Instrument(**row)
    return instruments


class Instruments:
    """Many instruments, read together; one array element each.

    Parameters
    ----------
    types : sequence of Instrument, length n
    random : numpy.random.Generator

    Examples
    --------
    After a step of the truth an instrument follows with its response time.

    >>> quiet = Instrument(noise=0, noise_memory_s=0, drift_per_day=0, t90_s=10, digits=2, low=0, high=4)
    >>> one = Instruments([quiet], np.random.default_rng(1))
    >>> _ = one.read(np.array([0.0]), 1.0)
    >>> value, quality = one.read(np.array([1.0]), 10.0)
    >>> value.tolist(), quality.tolist()
    ([0.9], [0])
    """

    def __init__(self, types: Sequence[Instrument], random: np.random.Generator) -> None:
        def column(name: str) -> NDArray[np.float64]:
            return np.array([getattr(t, name) for t in types], np.float64)

        n = len(types)
        self._random = random
        self._noise = Wander(column("noise"), column("noise_memory_s"), random)
        # Over one day an Ornstein-Uhlenbeck process of this memory moves by sigma * sqrt(2 * day / memory).
        sigma = column("drift_per_day") * math.sqrt(_DRIFT_MEMORY_S / (2.0 * DAY_S))
        self._drift = Wander(sigma, np.full(n, _DRIFT_MEMORY_S), random)
        self._drift.value = np.zeros(n)  # freshly calibrated
        self._lag_s = column("t90_s") / math.log(10.0)
        self._low, self._high = column("low"), column("high")
        self._scale = 10.0 ** column("digits")
        self._follows = np.full(n, math.nan)
        self._shown = np.full(n, math.nan)
        self._faults: dict[int, tuple[Fault, float]] = {}

    def set_fault(self, index: int, fault: Fault | None, size: float = 0.0) -> None:
        """Give an instrument a fault, or take it away.

        Parameters
        ----------
        index
            Which instrument.
        fault
            None heals it.
        size
            What is added or shown, by the fault. [unit of the point]
        """
        if fault is None:
            self._faults.pop(index, None)
        else:
            self._faults[index] = (fault, size)

    def read(self, truth: NDArray[np.float64], step_s: float) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """What they show, ``step_s`` after the last time.

        Parameters
        ----------
        truth : float64, shape (n,)
            [unit of each point]

        Returns
        -------
        value : float64, shape (n,)
            NaN where there is none.
        quality : uint8, shape (n,)
            `Quality` codes.
        """
        lags = self._lag_s > 0.0
        share = np.where(lags, -np.expm1(-step_s / np.where(lags, self._lag_s, 1.0)), 1.0)
        started = np.isfinite(self._follows)
        self._follows = np.where(started, self._follows + share * (truth - self._follows), truth)
        raw = self._follows + self._noise.step(step_s) + self._drift.step(step_s)
        quality = np.zeros(len(raw), np.uint8)
        for index, (fault, size) in self._faults.items():
            if fault is Fault.OFFSET or (fault is Fault.SPIKE and self._random.random() < 0.05):
                raw[index] += size
            elif fault is Fault.CALIBRATION:
                raw[index] = size
                quality[index] = Quality.MAINTENANCE
        # Below its zero an instrument shows its zero, and nobody doubts that; above its range it only knows "more".
        quality[(raw > self._high + 0.5 / self._scale) & (quality == Quality.GOOD)] = Quality.UNCERTAIN
        shown = np.round(np.clip(raw, self._low, self._high) * self._scale) / self._scale
        for index, (fault, _) in self._faults.items():
            if fault is Fault.STUCK and math.isfinite(self._shown[index]):
                shown[index] = self._shown[index]
            elif fault is Fault.BREAK:
                shown[index] = math.nan
                quality[index] = Quality.BAD
        self._shown = shown
        return shown, quality
