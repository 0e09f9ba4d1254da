"""What can go wrong in this folder, with the facts attached. Callers never need a client library's own errors."""

# ruff: noqa: N818  -- the family's name says that they are errors; each member's says what the matter is

__all__ = ["IngestError", "LogUnavailable", "MqttUnavailable", "PointRefused", "StoreUnavailable"]


class IngestError(Exception):
    """Any failure of this folder."""


class LogUnavailable(IngestError):
    """The log cannot be written or read now: disk full, file locked or gone. Trying again may help."""


class MqttUnavailable(IngestError):
    """The broker is away, or did not acknowledge in time."""


class StoreUnavailable(IngestError):
    """The store is away, too slow or not permitted; nothing is wrong with the data. Try again later."""


class PointRefused(IngestError):
    """The store will never take something in this batch; the rest of it may or may not be in.

    Attributes
    ----------
    reason : str
        In the store's own words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
