"""The channel kind ``webhook``: a signed POST as the Standard Webhooks specification says.

The address and the secret may both open doors, so neither is ever in a log line, an error or a ``repr``.
"""

import base64
import logging
import math
import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from standardwebhooks import Webhook

from alerting.errors import ChannelError, DeliveryError, DeliveryReason
from alerting.notify.channel import Notice
from alerting.payload import event_json

__all__ = ["WebhookChannel", "retry_after_s"]

_MOST_BYTES_READ = 65_536
_KEEP_IDLE_S = 60.0

# The package takes anything that has some base64 in it; a slip in a secret would then only show at the receiver.
_KEY = re.compile(r"whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,4}))={0,2}")

_BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class WebhookChannel:
    """Sends events to one address.

    Parameters
    ----------
    name : str
        As routes name it.
    url : str
        Where to post. Redirects are not followed, and no proxy is taken from the environment.
    secret : str
        Signing secret, ``whsec_`` and base64.
    timeout_s : float
        For one attempt in all: connecting, sending and the answer. [s]
    concurrency : int
        Posts under way at once, of different alarms.

    Raises
    ------
    ChannelError
        If the secret is not one.
    """

    def __init__(self, name: str, url: str, secret: str, *, timeout_s: float = 10.0, concurrency: int = 8) -> None:
        self.name = name
        self.concurrency = concurrency
        self.timeout_s = timeout_s
        key = _KEY.fullmatch(secret)
        if key is None:
            raise ChannelError(
                f"channel {name}: its secret can't be used; give whsec_ followed by base64, of 24 to 64 random bytes"
            )
        self._webhook = Webhook(base64.b64decode(key[1] + "=" * (-len(key[1]) % 4)))
        # At INFO httpx prints whole addresses, and httpcore below it their parts.
        for logger in ("httpx", "httpcore"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        self._url = url
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r})"

    async def send(self, notice: Notice, now_ms: int) -> int:
        """Post the event once. Return the status, a 2xx.

        Raises
        ------
        DeliveryError
        """
        body = msgspec.json.encode(event_json(notice.event))
        at = datetime.fromtimestamp(now_ms // 1000, UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": "hazmon",
            "webhook-id": notice.id,
            "webhook-timestamp": str(now_ms // 1000),
            "webhook-signature": self._webhook.sign(notice.id, at, body.decode()),
        }
        try:
            try:
                response = await self._post(body, headers)
            except _BROKEN:
                # A kept connection may have been closed while it was idle; that says nothing of the receiver, and
                # a second's pause is long for an alarm. A repetition does no harm: it has the same webhook-id.
                response = await self._post(body, headers)
        except httpx.HTTPError as error:
            raise DeliveryError(_reason(error)) from None  # its text and its request may show the address
        if response.is_success:
            return response.status_code
        raise DeliveryError(
            _status_reason(response.status_code),
            status=response.status_code,
            retry_after_s=retry_after_s(response.headers.get("retry-after"), now_ms),
        )

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        if self._client is None:  # made here because it belongs to the loop that sends
            self._client = httpx.AsyncClient(
                timeout=self.timeout_s,
                follow_redirects=False,
                trust_env=False,
                limits=httpx.Limits(max_connections=self.concurrency, keepalive_expiry=_KEEP_IDLE_S),
            )
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            # The answer's text means nothing to us; it is read so that the connection can be kept.
            size = 0
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > _MOST_BYTES_READ:
                    break
        return response

    async def close(self) -> None:
        """Release connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _reason(error: httpx.HTTPError) -> DeliveryReason:
    if isinstance(error, httpx.TimeoutException):
        return DeliveryReason.TIMEOUT
    if isinstance(error, httpx.ConnectError):
        tls = any(isinstance(cause, ssl.SSLError) for cause in _causes(error))
        return DeliveryReason.TLS if tls else DeliveryReason.CONNECT
    return DeliveryReason.PROTOCOL


def _status_reason(status: int) -> DeliveryReason:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return DeliveryReason.RATE_LIMITED
    if 300 <= status < 400:
        return DeliveryReason.REDIRECTED
    if 400 <= status < 500:
        return DeliveryReason.REFUSED
    return DeliveryReason.SERVER_ERROR if status >= 500 else DeliveryReason.PROTOCOL


def retry_after_s(header: str | None, now_ms: int) -> float | None:
    """How long a ``Retry-After`` header asks to wait (RFC 9110, 10.2.3); None if it says nothing sensible.

    >>> retry_after_s("120", 0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 0), retry_after_s("soon", 0)
    (120.0, 60.0, None)
    """
    if header is None:
        return None
    try:
        seconds = (
            float(header) if header.strip().isdigit() else parsedate_to_datetime(header).timestamp() - now_ms / 1000
        )
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 and math.isfinite(seconds) else None
