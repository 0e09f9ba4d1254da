"""A gas plume over open ground: Pasquill-Gifford, with Briggs' dispersion coefficients."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["concentration", "dispersion_m", "stability"]

_BRIGGS: dict[str, tuple[Callable[..., NDArray[np.float64]], Callable[..., NDArray[np.float64]]]] = {
    "A": (lambda x: 0.22 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.20 * x),
    "B": (lambda x: 0.16 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.12 * x),
    "C": (lambda x: 0.11 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.08 * x / np.sqrt(1 + 2e-4 * x)),
    "D": (lambda x: 0.08 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.06 * x / np.sqrt(1 + 1.5e-3 * x)),
    "E": (lambda x: 0.06 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.03 * x / (1 + 3e-4 * x)),
    "F": (lambda x: 0.04 * x / np.sqrt(1 + 1e-4 * x), lambda x: 0.016 * x / (1 + 3e-4 * x)),
}


def stability(wind_m_s: float, daylight: float) -> str:
    """Stability class of the air, A (very unstable) to F (stable).

    Parameters
    ----------
    wind_m_s
        Wind speed 10 m above ground. [m/s]
    daylight
        Strength of the sun, 1 at a clear noon, 0 at its setting, negative at night.

    References
    ----------
    F. Pasquill, Meteorological Magazine 90 (1961) 33, table 1; coarsened.

    Examples
    --------
    >>> stability(1.5, 0.9), stability(6.0, 0.5), stability(1.5, -0.5)
    ('A', 'D', 'F')
    """
    if wind_m_s >= 5.0 or abs(daylight) < 0.1:
        return "D"
    if daylight < 0.0:
        return "F" if wind_m_s < 3.0 else "E"
    if daylight > 0.6:
        return "A" if wind_m_s < 2.0 else "B"
    return "B" if wind_m_s < 2.0 else "C"


def dispersion_m(class_: str, downwind_m: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Horizontal and vertical standard deviation of a plume, open country. [m]

    References
    ----------
    G. A. Briggs, *Diffusion estimation for small emissions*, ATDL-106, NOAA (1973).

    Examples
    --------
    >>> [round(float(s), 2) for s in dispersion_m("D", 100.0)]
    [7.96, 5.6]
    """
    x = np.asarray(downwind_m, np.float64)
    across, up = _BRIGGS[class_]
    return across(x), up(x)


def concentration(
    emission_kg_s: ArrayLike,
    east_m: ArrayLike,
    north_m: ArrayLike,
    height_m: ArrayLike,
    *,
    wind_m_s: float,
    wind_from_deg: float,
    class_: str,
    source_width_m: ArrayLike = 0.0,
) -> NDArray[np.float64]:
    """Concentration at each place of the gas that a source on the ground gives off. [kg/m3]

    Parameters
    ----------
    emission_kg_s : shape (n,) or scalar
        What the source gave off when the air that is now at the place passed it. [kg/s]
    east_m, north_m, height_m : shape (n,)
        The places, seen from the source; height above ground. [m]
    wind_m_s, wind_from_deg
        The wind; 0 is from the north, 90 from the east. [m/s, degrees]
    class_
        Stability, ``A`` to ``F``.
    source_width_m : shape (n,) or scalar
        Width of a source that is not a point, such as a pool; taken into account as a point farther upwind. [m]

    References
    ----------
    D. B. Turner, *Workbook of Atmospheric Dispersion Estimates*, AP-26 (1970), equation 3.2 and chapter 5
    (area sources: virtual distance where sigma_y is the width over 4.3).

    Examples
    --------
    Straight downwind it falls with the distance; upwind there is nothing.

    >>> c = concentration(0.5, [0, 0, 0], [-20, -40, 20], [0, 0, 0], wind_m_s=2, wind_from_deg=0, class_="D")
    >>> bool(c[0] > c[1] > 0), float(c[2])
    (True, 0.0)
    """
    east, north, height = (np.asarray(a, np.float64) for a in (east_m, north_m, height_m))
    angle = math.radians(wind_from_deg)
    downwind = -(east * math.sin(angle) + north * math.cos(angle))
    across = east * math.cos(angle) - north * math.sin(angle)
    virtual = np.asarray(source_width_m, np.float64) / 4.3 / float(dispersion_m(class_, 1.0)[0])
    reached = downwind > 0.0
    sigma_y, sigma_z = dispersion_m(class_, np.where(reached, downwind, 1.0) + virtual)
    value = (
        np.asarray(emission_kg_s, np.float64)
        / (math.pi * max(wind_m_s, 0.5) * sigma_y * sigma_z)
        * np.exp(-0.5 * (across / sigma_y) ** 2 - 0.5 * (height / sigma_z) ** 2)
    )
    return np.where(reached, value, 0.0)
