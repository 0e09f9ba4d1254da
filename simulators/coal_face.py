"""A longwall coal face: gas released by cutting, diluted by the air, carried down the return.

What is modelled, and from where:

- **Dilution.** The face is one well-mixed cell, ``V dC/dt = E - Q (C - C_intake)``: with the air flowing, the
  concentration settles at emission over airflow; with the fan stopped it climbs by ``E/V``.
  (McPherson, *Subsurface Ventilation Engineering*, 2nd ed., 2009, chapter 12.)
- **Emission** has a steady part from the seam and the face, a part from cutting that rises within minutes and lasts
  some twenty minutes after the shearer has stopped (coal on the conveyor goes on desorbing), and a part from the goaf,
  which breathes out when the barometer falls. Ranges and rhythm follow the public *methane* recording of a Polish
  longwall (RuleKit's data; the return sensor there averages 0.96 %CH4 with the shearer running and 0.69 % without).
- **Production rhythm**: shifts of six hours, three of production and one of maintenance from 06:00 (三采一准);
  the shearer cuts and rests for some ten minutes each in turn.
- **Transport**: what leaves the face reaches the mouth of the return later (`simulators.airway`).
- **Interlock**: AQ 1029-2019 table 1: 1.5 %CH4 at the corner or the face, 1.0 % in the return, 0.5 % in the
  intake cut the power, and so does a stopped fan; it is given again once all are below 1.0 % for a minute.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.airway import Airway
from simulators.errors import SimulatorError
from simulators.noise import Wander
from simulators.site import DAY_S, daily, toward

__all__ = ["CoalFace", "CoalFaceSettings"]

_MAINTENANCE_H = (6.0, 12.0)


@dataclass(frozen=True, slots=True)
class CoalFaceSettings:
    """Sizes of the face; the defaults are a gassy face of medium size."""

    airflow_m3_s: float = 24.0
    natural_share: float = 0.07
    """Airflow that is left when the fan stands still, as a share."""
    airflow_time_s: float = 50.0
    """Time constant with which the airflow follows the fan. [s]"""
    section_m2: float = 12.0
    face_length_m: float = 200.0
    return_length_m: float = 600.0
    """From T1, at the face end, to T2, at the mouth of the return. [m]"""
    intake_percent: float = 0.08
    seam_m3_s: float = 0.050
    cutting_m3_s: float = 0.052
    cutting_rise_s: float = 180.0
    cutting_decay_s: float = 1200.0
    goaf_m3_s: float = 0.012
    corner_share: float = 0.22
    """Share of the airflow that sweeps the return corner, where the goaf breathes out."""
    mine_airflow_m3_s: float = 95.0
    mine_emission_m3_s: float = 0.17
    """The rest of the mine, which meets the face's return in the main return."""
    cut_s: float = 600.0
    rest_s: float = 660.0
    """Mean length of a spell of cutting, and of the pause behind it. [s]"""
    pressure_hpa: float = 978.0


class CoalFace:
    """The face, stepped through time; see the module for the physics.

    Incidents: ``fan-stop``; ``outburst`` (``gas_m3`` of methane within some ``time_s``); ``belt-smoke``.

    Parameters
    ----------
    clock_s
        Local time of day at the start. [s since midnight]
    """

    longest_step_s = 5.0
    incidents = frozenset({"fan-stop", "outburst", "belt-smoke"})

    def __init__(self, settings: CoalFaceSettings, random: np.random.Generator, clock_s: float) -> None:
        self._s = settings
        self._random = random
        self._clock_s = clock_s
        self._airflow = settings.airflow_m3_s
        self._fan = True
        self._cutting = self._producing()
        self._until_change_s = self._spell_s()
        self._cutting_emission = settings.cutting_m3_s * (0.7 if self._cutting else 0.1)
        self._feed = True
        self._safe_s = 0.0
        self._outburst_m3 = 0.0
        self._outburst_time_s = 60.0
        self._outburst_age_s = math.inf
        self._smoke = False
        # natural wandering: airflow (doors, cages), seam emission, pressure, goaf, temperature, dust, CO
        self._wander = Wander(
            [0.02, 0.05, 3.0, 0.10, 0.3, 0.12, 0.5],
            [300.0, 2400.0, 2 * DAY_S, 3600.0, 7200.0, 120.0, 1800.0],
            random,
        )
        self._w: list[float] = self._wander.value.tolist()
        self._pressure_hpa = self._pressure_now()
        self._pressure_trend_hpa_h = 0.0
        self._face_percent = settings.intake_percent + 100.0 * (
            (settings.seam_m3_s + self._cutting_emission) / settings.airflow_m3_s
        )
        self._temperature_c = 24.5
        self._co_ppm = 4.0
        self._belt_c = 32.0
        leaving = self._face_percent + 100.0 * settings.goaf_m3_s / settings.airflow_m3_s
        self._return = Airway(settings.return_length_m, leaving)

    def step(self, step_s: float) -> None:
        """Let ``step_s`` seconds pass."""
        s = self._s
        self._clock_s += step_s
        self._w = self._wander.step(step_s).tolist()
        self._step_shearer(step_s)
        self._step_air(step_s)

        gas_m3_s = s.seam_m3_s * (1.0 + self._w[1]) + self._cutting_emission + self._outburst(step_s)
        airflow = self._airflow_now()
        volume_m3 = s.section_m2 * s.face_length_m
        settled = self._intake_percent() + 100.0 * gas_m3_s / airflow
        self._face_percent = min(toward(self._face_percent, settled, step_s, volume_m3 / airflow), 100.0)
        leaving = min(self._face_percent + 100.0 * self._goaf_m3_s() / airflow, 100.0)
        self._return.step(step_s, airflow / s.section_m2, leaving)

        self._step_interlock(step_s)
        heat_kw = 120.0 + (70.0 if self._cutting else 0.0)
        warm_c = 19.5 + min(heat_kw / (1.2 * 1.005 * airflow), 14.0)
        self._temperature_c = toward(self._temperature_c, warm_c, step_s, 3600.0)
        co_ppm = 3.5 + (1.5 if self._cutting else 0.0) + (60.0 if self._smoke else 0.0)
        self._co_ppm = toward(self._co_ppm, co_ppm, step_s, 240.0)
        self._belt_c = toward(
            self._belt_c, 30.0 + (8.0 if self._cutting else 0.0) + (60.0 if self._smoke else 0.0), step_s, 900.0
        )

    def truth(self) -> Mapping[str, float]:
        """Concentrations in %CH4 and ppm, velocities in m/s, switches as 1 and 0."""
        s, w = self._s, self._w
        airflow = self._airflow_now()
        relative = max(airflow / s.airflow_m3_s, 0.05)
        main_return = 100.0 * (
            self._return.at(s.return_length_m) / 100.0 * airflow + s.mine_emission_m3_s * (1.0 + w[1])
        )
        main_airflow = airflow + s.mine_airflow_m3_s * (1.0 + w[0])
        return {
            "ch4_t0": min(self._corner_percent(), 100.0),
            "ch4_t1": self._face_percent,
            "ch4_t2": self._return.at(s.return_length_m),
            "ch4_t3": self._intake_percent(),
            "ch4_shearer": self._shearer_percent(),
            "ch4_main_return": main_return / main_airflow,
            "co": max(self._co_ppm * (1.0 + 0.3 / relative * 0.2) + w[6], 0.0),
            "temperature": self._temperature_c + w[4],
            "wind_return": airflow / s.section_m2,
            "wind_intake": airflow / (s.section_m2 * 1.15),
            "wind_main_return": main_airflow / 22.0,
            "fan": float(self._fan),
            "feed": float(self._feed),
            "machine": float(self._cutting),
            "barometric": self._pressure_hpa,
            "smoke": float(self._smoke),
            "belt_temperature": self._belt_c,
            "dust": (2.0 + (18.0 if self._cutting else 0.0)) * max(1.0 + w[5], 0.1) / relative**0.5,
        }

    def begin(self, incident: str, settings: Mapping[str, float]) -> None:
        """Start an incident."""
        known = {"gas_m3", "time_s"} if incident == "outburst" else set()
        if wrong := sorted(set(settings) - known):
            raise SimulatorError(
                f"incident {incident} of a coal face: no setting {wrong[0]!r}; it takes {sorted(known)}"
            )
        if incident == "fan-stop":
            self._fan = False
        elif incident == "outburst":
            self._outburst_m3 = settings.get("gas_m3", 120.0)
            self._outburst_time_s = settings.get("time_s", 60.0)
            self._outburst_age_s = 0.0
        else:
            self._smoke = True

    def end(self, incident: str) -> None:
        """The fan runs again, the belt is out; an outburst ends by itself."""
        if incident == "fan-stop":
            self._fan = True
        elif incident == "belt-smoke":
            self._smoke = False

    def _producing(self) -> bool:
        hour = self._clock_s % DAY_S / 3600.0
        return not _MAINTENANCE_H[0] <= hour < _MAINTENANCE_H[1]

    def _spell_s(self) -> float:
        mean_s = self._s.cut_s if self._cutting else self._s.rest_s
        return float(np.clip(self._random.exponential(mean_s), 0.2 * mean_s, 3.0 * mean_s))

    def _step_shearer(self, step_s: float) -> None:
        self._until_change_s -= step_s
        allowed = self._producing() and self._feed
        if self._cutting and not allowed:
            self._cutting, self._until_change_s = False, self._spell_s()
        elif self._until_change_s <= 0.0:
            self._cutting = allowed and not self._cutting
            self._until_change_s = self._spell_s()
        time_s = self._s.cutting_rise_s if self._cutting else self._s.cutting_decay_s
        target = self._s.cutting_m3_s if self._cutting else 0.0
        self._cutting_emission = toward(self._cutting_emission, target, step_s, time_s)

    def _step_air(self, step_s: float) -> None:
        share = 1.0 if self._fan else self._s.natural_share
        self._airflow = toward(self._airflow, self._s.airflow_m3_s * share, step_s, self._s.airflow_time_s)
        before = self._pressure_hpa
        self._pressure_hpa = self._pressure_now()
        trend = (self._pressure_hpa - before) / step_s * 3600.0
        self._pressure_trend_hpa_h = toward(self._pressure_trend_hpa_h, trend, step_s, 3600.0)

    def _pressure_now(self) -> float:
        # The atmosphere's tide has two waves a day, of about 1 hPa here (Haurwitz and Cowley, PAGEOPH 102, 1973).
        return self._s.pressure_hpa + self._w[2] + 1.0 * daily(2.0 * self._clock_s, 20.0)

    def _airflow_now(self) -> float:
        return max(self._airflow * (1.0 + self._w[0]), 0.5)

    def _intake_percent(self) -> float:
        return self._s.intake_percent * (1.0 + self._w[1]) * self._s.airflow_m3_s / self._airflow_now()

    def _goaf_m3_s(self) -> float:
        breathing = min(max(1.0 - 0.25 * self._pressure_trend_hpa_h, 0.6), 1.6)
        return self._s.goaf_m3_s * (1.0 + self._w[3]) * breathing

    def _corner_percent(self) -> float:
        # The air that sweeps the corner falls off more slowly than the airflow: the corner has a draught of its own.
        sweeping = self._s.corner_share * math.sqrt(self._s.airflow_m3_s * self._airflow_now())
        return self._face_percent + 100.0 * self._goaf_m3_s() / sweeping

    def _shearer_percent(self) -> float:
        # Half way along the face, in the half of the air that passes the drums.
        seam = 0.5 * (self._face_percent - 100.0 * self._cutting_emission / self._airflow_now())
        return min(max(seam, 0.0) + 100.0 * self._cutting_emission / (0.55 * self._airflow_now()), 100.0)

    def _outburst(self, step_s: float) -> float:
        self._outburst_age_s += step_s
        age = self._outburst_age_s / self._outburst_time_s
        # A gamma pulse: its integral over time is the gas released.
        return self._outburst_m3 / self._outburst_time_s * age * math.exp(-age) if age < 20.0 else 0.0

    def _step_interlock(self, step_s: float) -> None:
        t2 = self._return.at(self._s.return_length_m)
        intake = self._intake_percent()
        over = self._corner_percent() >= 1.5 or self._face_percent >= 1.5 or t2 >= 1.0 or intake >= 0.5
        safe = self._corner_percent() < 1.0 and self._face_percent < 1.0 and t2 < 1.0 and intake < 0.5 and self._fan
        self._safe_s = self._safe_s + step_s if safe else 0.0
        if over or not self._fan:
            self._feed = False
        elif self._safe_s >= 60.0:
            self._feed = True
