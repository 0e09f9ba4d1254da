"""Quality in the order in which it spreads: of several qualities that go into a result, the greatest rank wins."""

import numpy as np

from hazards.quality import Quality

__all__ = ["BAD", "GOOD", "MAINTENANCE", "QUALITY_OF", "RANK_OF", "UNCERTAIN", "settle"]

GOOD, UNCERTAIN, MAINTENANCE, BAD = 0, 1, 2, 3

RANK_OF = np.full(256, BAD, np.uint8)
"""By quality code; a code that there is not is BAD."""
RANK_OF[[Quality.GOOD, Quality.UNCERTAIN, Quality.MAINTENANCE]] = GOOD, UNCERTAIN, MAINTENANCE
QUALITY_OF = np.array([Quality.GOOD, Quality.UNCERTAIN, Quality.MAINTENANCE, Quality.BAD], np.uint8)
"""By rank."""


def settle(value: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make a result that is no number BAD, and a BAD result no number; both arrays may be changed in place.

    >>> value, rank = settle(np.array([1.0, np.inf, 2.0]), np.array([0, 1, 3], np.uint8))
    >>> value.tolist(), rank.tolist()
    ([1.0, nan, nan], [0, 3, 3])
    """
    odd = ~np.isfinite(value)
    if odd.any():
        rank[odd & (rank != MAINTENANCE)] = BAD
        value[odd] = np.nan
    value[rank == BAD] = np.nan
    return value, rank
