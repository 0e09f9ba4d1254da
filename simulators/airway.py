"""Gas carried along a roadway: what enters comes out later, unmixed, as fast as the air moves."""

from bisect import bisect_right

__all__ = ["Airway"]


class Airway:
    """Plug flow through a roadway of constant section.

    The air at a distance ``x`` is the air that entered when the column behind it had moved ``x`` metres; so the
    transport delay is the distance over the air velocity, and grows by itself while the fan stands still.

    Parameters
    ----------
    length_m
        Farthest distance that is asked for. [m]
    value
        What fills the airway at the start. [unit of what is carried]

    References
    ----------
    M. J. McPherson, *Subsurface Ventilation Engineering*, 2nd ed. (2009), chapter 12: in a roadway of some
    hundred metres longitudinal dispersion is small against advection.

    Examples
    --------
    At 2 m/s a change arrives 100 m farther on after 50 s.

    >>> airway = Airway(100.0, 0.4)
    >>> for _ in range(49):
    ...     airway.step(1.0, 2.0, 0.9)
    >>> airway.at(100.0)
    0.4
    >>> for _ in range(3):
    ...     airway.step(1.0, 2.0, 0.9)
    >>> airway.at(100.0)
    0.9
    """

    def __init__(self, length_m: float, value: float) -> None:
        self._length_m = length_m
        self._moved_m = [0.0]
        self._entered = [value]

    def step(self, step_s: float, velocity_m_s: float, entering: float) -> None:
        """Move the air column on for ``step_s``, with ``entering`` behind it."""
        now_m = self._moved_m[-1] + max(velocity_m_s, 0.0) * step_s
        self._moved_m.append(now_m)
        self._entered.append(entering)
        gone = bisect_right(self._moved_m, now_m - self._length_m) - 1
        if gone > 1024:  # trimmed now and then: deleting from the front of a list costs its length
            del self._moved_m[:gone], self._entered[:gone]

    def at(self, distance_m: float) -> float:
        """What passes ``distance_m`` behind the entry now."""
        return self._entered[max(bisect_right(self._moved_m, self._moved_m[-1] - distance_m) - 1, 0)]
