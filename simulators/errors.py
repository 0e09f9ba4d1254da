"""The one error family of the simulators."""

__all__ = ["SimulatorError"]


class SimulatorError(Exception):
    """Something given to a simulator is wrong: a file, a name, an address, a speed.

    Its text is one line that says where, what was found and what would be right, ready to be printed.

    Examples
    --------
    >>> str(SimulatorError("run.csv line 3: time 'noon' is neither RFC 3339 nor epoch milliseconds"))
    "run.csv line 3: time 'noon' is neither RFC 3339 nor epoch milliseconds"
    """
