"""The checks of one point, as numbers: what `points.csv` and the catalogue say together."""

import math
from dataclasses import dataclass

__all__ = ["Checks"]

_OFF = math.nan


@dataclass(frozen=True, slots=True)
class Checks:
    """Limits, delays and other checks of one point; the same names as the engine's `Limits` columns.

    NaN (limits, clearing values, rate), 0 (frozen, no data) and -inf/inf (range) switch a check off.
    A clearing value of NaN equals its limit. Limits are in the unit of the point, times in ms,
    the rate in unit per second.
    """

    high_high: float = _OFF
    high: float = _OFF
    low: float = _OFF
    low_low: float = _OFF
    high_high_clear: float = _OFF
    high_clear: float = _OFF
    low_clear: float = _OFF
    low_low_clear: float = _OFF
    on_delay_ms: int = 0
    off_delay_ms: int = 0
    rate_per_s: float = _OFF
    rate_window_ms: int = 60_000
    frozen_after_ms: int = 0
    frozen_band: float = 0.0
    no_data_after_ms: int = 0
    range_low: float = -math.inf
    range_high: float = math.inf
