"""How far a reading can be trusted."""

from enum import IntEnum

__all__ = ["Quality"]


class Quality(IntEnum):
    """Quality code of a reading, as native payloads carry it in ``q``."""

    GOOD = 0
    UNCERTAIN = 1
    """Usable, with doubt (no time of its own, clock ahead, saturated); evaluated like GOOD."""
    BAD = 2
    """Not a measurement: a wire break, a sensor fault, null."""
    MAINTENANCE = 3
    """Calibration gas or testing: says nothing about the place."""
