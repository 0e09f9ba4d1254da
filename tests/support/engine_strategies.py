"""Hypothesis strategies for checks and readings that like to hit exact boundaries.

Values, limits and clearing values come from one small grid, times, delays and windows from another, so that
"equal to the limit" and "exactly when the timer is due" happen all the time.
"""

import math

from hypothesis import strategies as st

from hazards.checks import Checks

__all__ = ["checks", "readings", "ticks_ahead"]

_GRID = [0.0, 1.0, 2.0, 3.0]
_DURATIONS = st.sampled_from([0, 1, 2, 3, 5, 10])


def _level() -> st.SearchStrategy[float]:
    return st.sampled_from([math.nan, *_GRID])


checks = st.builds(
    Checks,
    high_high=_level(),
    high=_level(),
    low=_level(),
    low_low=_level(),
    high_high_clear=_level(),
    high_clear=_level(),
    low_clear=_level(),
    low_low_clear=_level(),
    on_delay_ms=_DURATIONS,
    off_delay_ms=_DURATIONS,
    rate_per_s=st.sampled_from([math.nan, 250.0, 500.0, 1000.0]),
    rate_window_ms=st.sampled_from([1, 2, 3, 5]),
    frozen_after_ms=st.sampled_from([0, 1, 2, 4, 8]),
    frozen_band=st.sampled_from([0.0, 0.5, 1.0]),
    no_data_after_ms=st.sampled_from([0, 1, 2, 4, 8]),
    range_low=st.sampled_from([-math.inf, 0.0]),
    range_high=st.sampled_from([math.inf, 3.0]),
)
"""Any mix of limits, clearing values on either side of them, delays, rate, frozen, no data and range."""

_values = st.sampled_from([1.0, 2.0, 0.0, 0.5, 1.5, 2.5, 3.0, 3.5, -1.0, math.nan, math.inf, -math.inf])
_qualities = st.sampled_from([0, 0, 0, 0, 1, 2, 3])

readings = st.tuples(
    st.integers(0, 3),  # which point, modulo how many there are
    st.sampled_from([1, 0, 2, 3, 5, 9, -1, -3]),  # how much later than the reading before; late ones too
    _values,
    _qualities,
)
"""point, step_ms, value, quality"""

ticks_ahead = st.sampled_from([0, 1, 2, 5, 20, -2])
"""How far a tick is ahead of the latest reading."""
