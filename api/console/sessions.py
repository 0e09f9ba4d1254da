"""Who is logged in at the page: a signed cookie that names a key, and nothing that would let anybody use that key."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping

from fastapi import Response

from api.keys import Identity, Keys

__all__ = ["COOKIE", "Sessions"]

COOKIE = "hazmon_session"


class Sessions:
    """Opens and checks sessions. A session ends with its time, or at once when its key is revoked.

    Parameters
    ----------
    secret : bytes
        Signs the cookies; from the data folder, so that a restart logs nobody out.
    keys : Keys
        Where the key behind a session is looked up.
    clock_ms : callable
        [ms since 1970 UTC]
    lasts_s : int
        How long a session lasts. [s]
    """

    def __init__(self, secret: bytes, keys: Keys, clock_ms: Callable[[], int], lasts_s: int = 7 * 86_400) -> None:
        self._secret = secret
        self._keys = keys
        self._clock_ms = clock_ms
        self.lasts_s = lasts_s

    def open(self, response: Response, who: Identity, *, secure: bool) -> None:
        """Begin a session in this answer."""
        body = json.dumps({"key": who.key_id, "until_ms": self._clock_ms() + self.lasts_s * 1000}).encode()
        value = f"{_text(body)}.{_text(self._sign(body))}"
        # Lax, not Strict: a link in a message to an officer's phone has to work.
        response.set_cookie(COOKIE, value, max_age=self.lasts_s, httponly=True, samesite="lax", secure=secure, path="/")

    def close(self, response: Response) -> None:
        """End the session in this browser."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

    def identity(self, cookies: Mapping[str, str]) -> Identity | None:
        """Who sends these cookies; None if nobody is logged in. Reads the journal: call it in a thread."""
        body_text, _, signature = cookies.get(COOKIE, "").partition(".")
        try:
            body = _bytes(body_text)
            if not hmac.compare_digest(self._sign(body), _bytes(signature)):
                return None
        except ValueError:
            return None
        content = json.loads(body)
        if content["until_ms"] <= self._clock_ms():
            return None
        return self._keys.by_id(content["key"])

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, b"console session " + body, "sha256")


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
