"""What a way of telling people has to be able to do. One file per kind; `webhook` is the first."""

from dataclasses import dataclass
from typing import Protocol

from alerting.alarm import AlarmEvent

__all__ = ["Channel", "Notice"]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event on its way to one channel."""

    id: str
    """The same on every attempt, so that a receiver knows a repetition."""
    event: AlarmEvent


class Channel(Protocol):
    """A way to tell people. Used by one thread, with several sends under way at once."""

    @property
    def name(self) -> str:
        """As routes and deliveries name it."""

    @property
    def concurrency(self) -> int:
        """How many sends may be under way at once."""

    @property
    def timeout_s(self) -> float:
        """How long one send may take in all; it is cancelled then. [s]"""

    async def send(self, notice: Notice, now_ms: int) -> int | None:
        """Tell it. Return, where there is one, the answer's HTTP status.

        Raises
        ------
        DeliveryError
            If it was not delivered, whatever the cause. Its text names neither address nor secret.
        """

    async def close(self) -> None:
        """Release connections."""
