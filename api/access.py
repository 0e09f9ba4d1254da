"""Who may do what: from the request's key to an `Identity`, and from there to its scope.

Two rules hold everywhere. An enterprise that a client names itself and that is not its key's is refused with 403,
whether it exists or not. Something named by an opaque id that is out of scope does not exist for this key: 404.
"""

import threading
import time
from collections.abc import Callable
from typing import Annotated, cast

from fastapi import Depends, Request

from api.errors import ApiError, KeyRefusedError, forbidden
from api.keys import Identity, Role
from api.state import ApiState, state_of

__all__ = [
    "Admin",
    "Engineer",
    "FailureLimit",
    "Operator",
    "State",
    "Viewer",
    "may_see",
    "scoped",
]


class FailureLimit:
    """Slows down guessing: after so many wrong keys from one address, that address waits.

    Parameters
    ----------
    allowed : int
        Failures within the window before the address is refused.
    window_s : float
        Length of the window. [s]
    """

    _ADDRESSES = 4096

    def __init__(
        self, allowed: int = 30, window_s: float = 60.0, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.allowed = allowed
        self.window_s = window_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._failures: dict[str, tuple[float, int]] = {}

    def check(self, address: str) -> None:
        """Raise 429 if this address has to wait."""
        now_s = self._monotonic_s()
        with self._lock:
            since_s, count = self._failures.get(address, (now_s, 0))
            wait_s = since_s + self.window_s - now_s
        if count >= self.allowed and wait_s > 0:
            raise ApiError(
                429, "too many wrong keys from this address; wait", headers={"Retry-After": str(int(wait_s) + 1)}
            )

    def failed(self, address: str) -> None:
        """Count a wrong key."""
        now_s = self._monotonic_s()
        with self._lock:
            since_s, count = self._failures.get(address, (now_s, 0))
            if now_s - since_s >= self.window_s:
                since_s, count = now_s, 0
            if len(self._failures) >= self._ADDRESSES and address not in self._failures:
                self._failures.pop(min(self._failures, key=lambda a: self._failures[a][0]))
            self._failures[address] = (since_s, count + 1)


State = Annotated[ApiState, Depends(state_of)]
"""What the application keeps between requests."""


def _identity(request: Request) -> Identity:
    # A plain function: FastAPI runs it in a thread, so the look-up and the hashing do not hold up the event loop.
    header = request.headers.get("authorization", "")
    scheme, _, key = header.partition(" ")
    if not header:
        raise KeyRefusedError("give a key: Authorization: Bearer hz_...")
    if scheme.lower() != "bearer":
        raise KeyRefusedError("the scheme is Bearer: Authorization: Bearer hz_...")
    limit = cast(FailureLimit, request.app.state.failure_limit)
    address = request.client.host if request.client else "?"
    limit.check(address)
    identity = state_of(request).services.keys.check(key.strip())
    if identity is None:
        limit.failed(address)
        raise KeyRefusedError("this key is not known, or was revoked")
    return identity


def _at_least(role: Role) -> Callable[..., Identity]:
    def check(identity: Annotated[Identity, Depends(_identity)]) -> Identity:
        if identity.role < role:
            raise forbidden(f"this takes the role {role.word}; the key {identity.name!r} has {identity.role.word}")
        return identity

    return check


Viewer = Annotated[Identity, Depends(_at_least(Role.VIEWER))]
Operator = Annotated[Identity, Depends(_at_least(Role.OPERATOR))]
Engineer = Annotated[Identity, Depends(_at_least(Role.ENGINEER))]
Admin = Annotated[Identity, Depends(_at_least(Role.ADMIN))]


def scoped(identity: Identity, enterprise: str | None) -> str | None:
    """The enterprise to ask for: what the client named, narrowed to its key's scope; None is all.

    Raises
    ------
    ApiError
        403 for an enterprise outside the scope.
    """
    if enterprise is not None:
        may_see(identity, enterprise)
        return enterprise
    return identity.enterprise


def may_see(identity: Identity, enterprise: str) -> None:
    """Raise 403 if this enterprise is outside the key's scope."""
    if not identity.sees(enterprise):
        raise forbidden(f"this key is for {identity.enterprise} only")
