"""A tailings pond: the water it holds, the water in its dam, and how the dam moves.

What is modelled, and from where:

- **Water balance**: ``dV/dt = slurry + rain * catchment * runoff - reclaim - spillway - seepage - evaporation``;
  the spillway is a broad-crested weir, ``Q = 1.7 b h^1.5`` above its sill. Pond level follows from the volume.
- **Beach and freeboard** by geometry: the beach rises at a constant slope from the waterline to the crest
  (GB 39496-2020 defines both from crest and waterline).
- **Phreatic line**: the depth of the water table below the slope follows pond level and infiltrated rain with a
  first-order lag, longer the farther the piezometer is from the pond.
- **Seepage** follows the head with the same kind of lag.
- **Displacement**: daily thermal rhythm of the outer shell, slow creep, and a push by the water in the dam.
- **Rain**: dry spells and light showers at random; a storm has a skewed bell of intensity.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.errors import SimulatorError
from simulators.noise import Wander
from simulators.site import DAY_S, daily, toward

__all__ = ["TailingsPond", "TailingsPondSettings"]

_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class TailingsPondSettings:
    """A pond of class 3: some 80 m high, upstream method."""

    crest_m: float = 1190.0
    sill_m: float = 1187.4
    """Sill of the spillway; the pond stands just below it in dry weather. [m above sea]"""
    start_m: float = 1187.25
    pond_m2: float = 130_000.0
    """Water surface, taken as constant over the few metres of interest. [m2]"""
    catchment_m2: float = 1_500_000.0
    runoff: float = 0.75
    weir_m: float = 1.0
    slurry_m3_h: float = 260.0
    reclaim_m3_h: float = 225.0
    beach_slope: float = 0.011
    phreatic_m: tuple[float, ...] = (7.2, 6.8, 6.6)
    """Depth of the water table below the slope at each piezometer in dry weather. [m]"""
    phreatic_lag_h: tuple[float, ...] = (8.0, 16.0, 30.0)
    seepage_l_s: float = 11.0
    creep_mm_day: float = 0.02


class TailingsPond:
    """The pond, stepped through time; see the module for the physics.

    Incidents: ``storm`` (``total_mm`` of rain within ``duration_h``).
    """

    longest_step_s = 120.0
    incidents = frozenset({"storm"})

    def __init__(self, settings: TailingsPondSettings, random: np.random.Generator, clock_s: float) -> None:
        self._s = settings
        self._random = random
        self._clock_s = clock_s
        self._now_s = 0.0
        self._level_m = settings.start_m
        self._rain_mm = 0.0
        """Rain since the start. [mm]"""
        self._rain_at: deque[tuple[float, float]] = deque([(0.0, 0.0)])
        self._storm: tuple[float, float, float] | None = None
        """Start [s], total [mm] and duration [s]."""
        self._shower_mm_h = 0.0
        self._until_shower_s = float(random.exponential(2.0 * DAY_S))
        self._runoff_m3 = 0.0
        self._wet_mm = 0.0
        """Rain that has infiltrated and not yet drained. [mm]"""
        self._rise_m = [0.0 for _ in settings.phreatic_m]
        self._seepage = settings.seepage_l_s
        self._creep_mm = 0.0
        # air temperature (K), slurry rate (relative)
        self._wander = Wander([2.0, 0.05], [DAY_S, 6.0 * _HOUR_S], random)
        self._shell_c = 8.0
        self.gained_m3 = 0.0
        """Water that came in since the start. [m3]"""
        self.lost_m3 = 0.0
        """Water that went out since the start. [m3]"""

    @property
    def volume_m3(self) -> float:
        """Water above the datum of the level. [m3]"""
        return (self._level_m - self._s.start_m) * self._s.pond_m2

    def step(self, step_s: float) -> None:
        """Let ``step_s`` seconds pass."""
        s = self._s
        self._clock_s += step_s
        self._now_s += step_s
        self._wander.step(step_s)
        hours = step_s / _HOUR_S

        fallen_mm = self._rain_rate_mm_h(step_s) * hours
        self._rain_mm += fallen_mm
        self._rain_at.append((self._now_s, self._rain_mm))
        while len(self._rain_at) > 2 and self._rain_at[1][0] <= self._now_s - DAY_S:
            self._rain_at.popleft()

        # Slopes hold the water back for about an hour and a half before it reaches the pond.
        self._runoff_m3 += fallen_mm / 1000.0 * s.catchment_m2 * s.runoff
        arriving_m3 = self._runoff_m3 * -math.expm1(-step_s / (1.5 * _HOUR_S))
        self._runoff_m3 -= arriving_m3
        gained = arriving_m3 + s.slurry_m3_h * (1.0 + float(self._wander.value[1])) * hours
        spill_m3_s = 1.7 * s.weir_m * max(self._level_m - s.sill_m, 0.0) ** 1.5
        evaporation_m3 = 0.15 / 1000.0 * s.pond_m2 * max(daily(self._clock_s, 14.0), 0.0) * hours
        lost = s.reclaim_m3_h * hours + spill_m3_s * step_s + self._seepage / 1000.0 * step_s + evaporation_m3
        self.gained_m3 += gained
        self.lost_m3 += lost
        self._level_m += (gained - lost) / s.pond_m2

        # A tenth of the rain goes into the beach and drains within two days.
        self._wet_mm = toward(self._wet_mm + 0.1 * fallen_mm, 0.0, step_s, 2.0 * DAY_S)
        head_m = self._level_m - s.start_m
        for i, lag_h in enumerate(s.phreatic_lag_h):
            wanted = (1.6 - 0.25 * i) * head_m + 0.05 * self._wet_mm
            self._rise_m[i] = toward(self._rise_m[i], wanted, step_s, lag_h * _HOUR_S)
        self._seepage = toward(
            self._seepage, s.seepage_l_s * (1.0 + 0.35 * head_m) + 0.35 * self._wet_mm, step_s, 5.0 * _HOUR_S
        )
        self._creep_mm += s.creep_mm_day * step_s / DAY_S * (1.0 + 4.0 * max(self._rise_m[0], 0.0))
        air_c = 8.0 + 7.0 * daily(self._clock_s, 15.0) + float(self._wander.value[0])
        self._shell_c = toward(self._shell_c, air_c, step_s, 2.0 * _HOUR_S)

    def truth(self) -> Mapping[str, float]:
        """Levels, lengths and depths in m, rain and displacement in mm, seepage in L/s."""
        s = self._s
        thermal = 0.12 * (self._shell_c - 8.0)
        pushed = 1.8 * self._rise_m[0]
        values = {
            "pond_level": self._level_m,
            "freeboard": s.crest_m - self._level_m,
            "beach_length": max((s.crest_m - self._level_m) / s.beach_slope, 0.0),
            "seepage": max(self._seepage, 0.0),
            "rain_1h": self._rain_within_mm(_HOUR_S),
            "rain_24h": self._rain_within_mm(DAY_S),
            "displacement_surface": thermal + self._creep_mm + pushed,
            "displacement_surface_2": 0.8 * thermal + 0.6 * self._creep_mm + 0.5 * pushed,
            "displacement_internal": 0.05 * thermal + 0.7 * self._creep_mm + 0.7 * pushed,
        }
        for i, depth_m in enumerate(s.phreatic_m):
            values[f"phreatic_{i + 1}"] = max(depth_m - self._rise_m[i], 0.0)
        return values

    def begin(self, incident: str, settings: Mapping[str, float]) -> None:
        """Start an incident."""
        known = {"total_mm", "duration_h"}
        if wrong := sorted(set(settings) - known):
            raise SimulatorError(
                f"incident {incident} of a tailings pond: no setting {wrong[0]!r}; it takes {sorted(known)}"
            )
        self._storm = (self._now_s, settings.get("total_mm", 160.0), settings.get("duration_h", 18.0) * _HOUR_S)

    def end(self, incident: str) -> None:
        """The rain stops."""
        self._storm = None

    def _rain_rate_mm_h(self, step_s: float) -> float:
        self._until_shower_s -= step_s
        if self._until_shower_s <= 0.0:
            raining = self._shower_mm_h > 0.0
            self._shower_mm_h = 0.0 if raining else float(self._random.uniform(0.3, 1.5))
            self._until_shower_s = float(self._random.exponential(3.0 * DAY_S if raining else 2.0 * _HOUR_S))
        rate = self._shower_mm_h
        if self._storm is not None:
            start_s, total_mm, duration_s = self._storm
            x = (self._now_s - start_s) / duration_s
            # The density of a Beta(2.5, 4): steep rise, peak at a third, long tail; its integral is 1.
            if 0.0 <= x < 1.0:
                rate += total_mm / (duration_s / _HOUR_S) * x**1.5 * (1.0 - x) ** 3 / _BETA
        return rate

    def _rain_within_mm(self, window_s: float) -> float:
        since_s = self._now_s - window_s
        earlier = 0.0
        for at_s, sum_mm in reversed(self._rain_at):
            if at_s <= since_s:
                earlier = sum_mm
                break
        return self._rain_mm - earlier


_BETA = math.gamma(2.5) * math.gamma(4.0) / math.gamma(6.5)
