"""The errors of this folder: one family, each with its facts as attributes."""

from enum import StrEnum

__all__ = [
    "AlertingError",
    "ChannelError",
    "DeliveryError",
    "DeliveryReason",
    "DeskError",
    "DeskReason",
    "JournalError",
    "LogMismatchError",
]


class AlertingError(Exception):
    """Anything that the alerting side can't do."""


class JournalError(AlertingError):
    """The journal can't be read or written now; nothing of the failed transaction stands.

    Attributes
    ----------
    reason : str
        ``unavailable`` (try again later) or ``bad_cursor`` (the caller's).
    """

    def __init__(self, message: str, reason: str = "unavailable") -> None:
        super().__init__(message)
        self.reason = reason


class LogMismatchError(AlertingError):
    """The log is not the one that the journal was written from."""


class DeskReason(StrEnum):
    """Why the desk refuses."""

    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    """Not in this state of the alarm."""
    BAD_REQUEST = "bad_request"
    """Something is missing or out of range."""


class DeskError(AlertingError):
    """A person's action was refused; nothing has changed.

    Attributes
    ----------
    reason : DeskReason
    alarm_id : str
    """

    def __init__(self, reason: DeskReason, alarm_id: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.alarm_id = alarm_id


class ChannelError(AlertingError):
    """A channel can't be set up; the text says which, and what would be right."""


class DeliveryReason(StrEnum):
    """Why an attempt did not deliver."""

    CONNECT = "connect"
    """No connection: name, route, refused."""
    TLS = "tls"
    """The certificate or the handshake."""
    TIMEOUT = "timeout"
    """No full answer in time."""
    PROTOCOL = "protocol"
    """An answer that is not HTTP, or a connection that broke off."""
    REDIRECTED = "redirected"
    """3xx; redirects are not followed."""
    REFUSED = "refused"
    """4xx."""
    RATE_LIMITED = "rate_limited"
    """429."""
    SERVER_ERROR = "server_error"
    """5xx."""
    INTERNAL = "internal"
    """The channel's own code failed; see the log."""
    CHANNEL_REMOVED = "channel_removed"
    """The configuration has this channel no more."""


class DeliveryError(AlertingError):
    """One attempt failed. Says nothing of the address or the secret.

    Attributes
    ----------
    reason : DeliveryReason
    status : int or None
        HTTP status, where there was one.
    retry_after_s : float or None
        How long the receiver asks to be left alone. [s]
    """

    def __init__(
        self, reason: DeliveryReason, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"not delivered: {reason}" + (f", HTTP {status}" if status is not None else ""))
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
