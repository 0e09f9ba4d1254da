"""A farm of light-hydrocarbon tanks: levels, temperatures, pressures, and a leak whose plume drifts over detectors.

What is modelled, and from where:

- **Levels** by mass balance: each tank is filled, drawn from or at rest in turn, within its working range.
- **Temperature** of the liquid follows the air's daily cycle with a lag of many hours; **pressure** of the nitrogen
  blanket follows the temperature of the vapour space and breathes with filling and drawing.
- **Leak**: outflow through a hole by Torricelli's law; the pool spreads to the bund and evaporates with the wind and
  the vapour pressure of pentane (Mackay and Matsugu, Can. J. Chem. Eng. 51 (1973) 434: mass flux grows as
  wind^0.78); dissolved hydrogen sulphide leaves with the vapour.
- **Plume** by `simulators.plume`; what a detector meets now left the pool one travel time ago, so detectors are
  reached one after the other, by distance and wind.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.errors import SimulatorError
from simulators.noise import Wander
from simulators.plume import concentration, stability
from simulators.site import daily, toward

__all__ = ["TankFarm", "TankFarmSettings"]

_GRAVITY_M_S2 = 9.81
_DENSITY_KG_M3 = 626.0
"""n-Pentane, liquid: it stands for the C5 cut that stabilised light hydrocarbons (稳定轻烃) are mostly made of."""
_LEL_KG_M3 = 0.015 * 72.15 / 24.04
"""1.5 %VOL of pentane (molar mass 72.15 g/mol) at 20 degrees C and 101.3 kPa."""
_HISTORY_S = 240.0


@dataclass(frozen=True, slots=True)
class TankFarmSettings:
    """Layout of the farm. Positions are east and north of the first tank. [m]"""

    tanks_m: tuple[tuple[float, float], ...] = ((0.0, 0.0), (22.0, 0.0), (0.0, -22.0), (22.0, -22.0))
    detectors_m: tuple[tuple[float, float, float], ...] = ()
    """East, north, height above ground of each gas detector, combustible and hydrogen sulphide alike."""
    diameter_m: float = 12.0
    height_m: float = 12.0
    lowest_m: float = 2.5
    highest_m: float = 9.5
    pump_m3_h: float = 60.0
    bund_m2: float = 900.0
    sulphide_share: float = 0.0012
    """Mass of hydrogen sulphide in the vapour, per mass of vapour."""
    air_c: float = 12.0
    air_swing_c: float = 7.0
    wind_m_s: float = 2.2
    wind_from_deg: float = 315.0


class TankFarm:
    """The farm, stepped through time; see the module for the physics.

    Incidents: ``leak`` (``tank``, counted from 1; ``hole_mm``); ``overfill`` (``tank``: its filling does not stop).
    """

    longest_step_s = 10.0
    incidents = frozenset({"leak", "overfill"})

    def __init__(self, settings: TankFarmSettings, random: np.random.Generator, clock_s: float) -> None:
        self._s = settings
        self._random = random
        self._clock_s = clock_s
        n = len(settings.tanks_m)
        self._detectors = np.array(settings.detectors_m, np.float64).reshape(-1, 3)
        self._level_m = random.uniform(settings.lowest_m + 2.0, settings.highest_m - 2.0, n)
        self._flow = random.integers(-1, 2, n).astype(np.float64)
        """-1 drawn from, 0 at rest, 1 filled."""
        self._until_change_s = random.uniform(1800.0, 14_400.0, n)
        # wind speed (relative), wind direction (deg), air temperature (K)
        self._weather = Wander([0.12, 7.0, 1.0], [180.0, 600.0, 14_400.0], random)
        self._air_c = self._air_now()
        self._liquid_c = np.full(n, settings.air_c) + random.normal(0.0, 1.0, n)
        self._vapour_c = np.full(n, self._air_c)
        self._pressure_kpa = np.full(n, 1.2)
        self._leaking = -1
        self._overfilling = -1
        self._hole_m2 = 0.0
        self._pool_kg = 0.0
        self._pool_at = (0.0, 0.0)
        self._now_s = 0.0
        self._emitted_at_s: list[float] = [0.0]
        self._emitted_kg_s: list[float] = [0.0]
        self._emitted_from_m: list[float] = [0.0]
        """Width of the pool that gave it off. [m]"""

    @property
    def pool_kg(self) -> float:
        """Liquid that lies in the bund. [kg]"""
        return self._pool_kg

    @property
    def stored_kg(self) -> float:
        """Liquid in all tanks. [kg]"""
        return float(self._level_m.sum() * self._area_m2() * _DENSITY_KG_M3)

    def step(self, step_s: float) -> None:
        """Let ``step_s`` seconds pass."""
        self._clock_s += step_s
        self._now_s += step_s
        self._weather.step(step_s)
        self._air_c = toward(self._air_c, self._air_now(), step_s, 600.0)
        self._step_levels(step_s)
        self._liquid_c += (self._air_c - self._liquid_c) * -math.expm1(-step_s / (14.0 * 3600.0))
        sun = max(daily(self._clock_s, 13.0), 0.0)
        self._vapour_c += (self._air_c + 6.0 * sun - self._vapour_c) * -math.expm1(-step_s / 2400.0)
        # The blanket's valves hold 0.3 to 2.2 kPa: in between it follows the gas temperature and the liquid's piston.
        wanted = np.clip(1.2 + 0.06 * (self._vapour_c - self._s.air_c) + 0.25 * self._flow, 0.3, 2.2)
        self._pressure_kpa += (wanted - self._pressure_kpa) * -math.expm1(-step_s / 300.0)
        self._step_pool(step_s)

    def truth(self) -> Mapping[str, float]:
        """Levels in m, degrees C, kPa, %LEL, mg/m3; tanks and detectors count from 1."""
        gas = self._at_detectors()
        values: dict[str, float] = {
            "wind_speed": self._wind_m_s(),
            "wind_from": self._wind_from_deg() % 360.0,
            "air_temperature": self._air_c,
        }
        for i in range(len(self._level_m)):
            values[f"level_{i + 1}"] = float(self._level_m[i])
            values[f"temperature_{i + 1}"] = float(self._liquid_c[i])
            values[f"pressure_{i + 1}"] = float(self._pressure_kpa[i])
        for i, kg_m3 in enumerate(gas.tolist()):
            values[f"combustible_{i + 1}"] = min(100.0 * kg_m3 / _LEL_KG_M3, 400.0)
            values[f"h2s_{i + 1}"] = 1e6 * kg_m3 * self._s.sulphide_share
        return values

    def begin(self, incident: str, settings: Mapping[str, float]) -> None:
        """Start an incident."""
        known = {"tank", "hole_mm"} if incident == "leak" else {"tank"}
        if wrong := sorted(set(settings) - known):
            raise SimulatorError(
                f"incident {incident} of a tank farm: no setting {wrong[0]!r}; it takes {sorted(known)}"
            )
        tank = int(settings.get("tank", 1)) - 1
        if not 0 <= tank < len(self._level_m):
            raise SimulatorError(f"incident {incident} of a tank farm: tank {tank + 1}; give 1 to {len(self._level_m)}")
        if incident == "leak":
            self._leaking = tank
            self._pool_at = self._s.tanks_m[tank]
            self._hole_m2 = math.pi / 4.0 * (settings.get("hole_mm", 50.0) / 1000.0) ** 2
        else:
            self._overfilling = tank

    def end(self, incident: str) -> None:
        """The hole is plugged and the pool covered with foam; the filling stops."""
        if incident == "leak":
            self._leaking = -1
            self._pool_kg *= 0.002
        elif self._overfilling >= 0:
            self._flow[self._overfilling] = -1.0
            self._until_change_s[self._overfilling] = 7200.0
            self._overfilling = -1

    def _area_m2(self) -> float:
        return math.pi / 4.0 * self._s.diameter_m**2

    def _air_now(self) -> float:
        return self._s.air_c + self._s.air_swing_c * daily(self._clock_s, 15.0) + float(self._weather.value[2])

    def _wind_m_s(self) -> float:
        # By day the sun stirs the air: winds are strongest in the afternoon.
        mean = self._s.wind_m_s * (1.0 + 0.25 * daily(self._clock_s, 15.0))
        return max(mean * (1.0 + float(self._weather.value[0])), 0.5)

    def _wind_from_deg(self) -> float:
        return self._s.wind_from_deg + float(self._weather.value[1])

    def _step_levels(self, step_s: float) -> None:
        s = self._s
        self._until_change_s -= step_s
        for i in np.flatnonzero(self._until_change_s <= 0.0):
            self._flow[i] = float(self._random.integers(-1, 2))
            self._until_change_s[i] = self._random.uniform(1800.0, 14_400.0)
        self._flow[(self._level_m >= s.highest_m) & (self._flow > 0)] = 0.0
        self._flow[(self._level_m <= s.lowest_m) & (self._flow < 0)] = 0.0
        rate = self._flow * s.pump_m3_h / 3600.0
        if self._overfilling >= 0:
            self._flow[self._overfilling] = 1.0
            rate[self._overfilling] = 3.0 * s.pump_m3_h / 3600.0
        self._level_m = np.clip(self._level_m + rate * step_s / self._area_m2(), 0.0, s.height_m)

    def _step_pool(self, step_s: float) -> None:
        if self._leaking >= 0:
            head_m = max(float(self._level_m[self._leaking]) - 0.3, 0.0)
            # Torricelli, with the discharge coefficient of a sharp-edged hole
            out_kg = 0.62 * self._hole_m2 * math.sqrt(2.0 * _GRAVITY_M_S2 * head_m) * _DENSITY_KG_M3 * step_s
            self._level_m[self._leaking] -= out_kg / _DENSITY_KG_M3 / self._area_m2()
            self._pool_kg += out_kg
        gone_kg = min(self._evaporation_kg_s() * step_s, self._pool_kg)
        self._emitted_from_m.append(math.sqrt(self._pool_m2()))
        self._pool_kg -= gone_kg
        self._emitted_at_s.append(self._now_s)
        self._emitted_kg_s.append(gone_kg / step_s)
        if self._now_s - self._emitted_at_s[0] > 4.0 * _HISTORY_S:
            keep = next(i for i, t in enumerate(self._emitted_at_s) if self._now_s - t <= _HISTORY_S)
            del self._emitted_at_s[:keep], self._emitted_kg_s[:keep], self._emitted_from_m[:keep]

    def _pool_m2(self) -> float:
        # A film of about 5 mm on gravel, until the bund is full.
        return min(self._pool_kg / _DENSITY_KG_M3 / 0.005, self._s.bund_m2)

    def _evaporation_kg_s(self) -> float:
        # 5 g/(m2 s) at 20 degrees C and 2 m/s: two thirds of Mackay and Matsugu's figure, for the pool cools as it
        # evaporates; vapour pressure by Antoine's equation for pentane (NIST WebBook).
        vapour = math.pow(10.0, 3.9892 - 1070.617 / (self._air_c + 273.15 - 40.454)) / 0.5656
        return self._pool_m2() * 0.005 * math.pow(self._wind_m_s() / 2.0, 0.78) * vapour

    def _at_detectors(self) -> NDArray[np.float64]:
        east = self._detectors[:, 0] - self._pool_at[0]
        north = self._detectors[:, 1] - self._pool_at[1]
        wind = self._wind_m_s()
        left_s = self._now_s - np.hypot(east, north) / wind
        emission = np.interp(left_s, self._emitted_at_s, self._emitted_kg_s)
        if not emission.any():
            return np.zeros(len(east))
        return concentration(
            emission,
            east,
            north,
            self._detectors[:, 2],
            wind_m_s=wind,
            wind_from_deg=self._wind_from_deg(),
            class_=stability(wind, daily(self._clock_s, 12.5)),
            source_width_m=np.interp(left_s, self._emitted_at_s, self._emitted_from_m),
        )
