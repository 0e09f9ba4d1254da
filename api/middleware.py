"""What every answer carries and every request must keep to: security headers and a size limit. Plain ASGI."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

__all__ = ["BodyLimit", "SecurityHeaders"]

_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# Vue compiles templates in the browser and NiceGUI hands it scripts inline: the page can't do without either word.
# Whatever a script might be made to do, it can talk to this host only.
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


_THROWN_AWAY = 16
"""So many times the limit of a body that is too large is read off the line before the answer."""


class SecurityHeaders:
    """Adds the headers that a browser needs to be careful on our behalf."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        api = scope["path"].startswith("/api/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _EVERYWHERE.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _API_POLICY if api else _PAGE_POLICY)
                if api or headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, send_with_headers)


class BodyLimit:
    """Refuses a request whose body is larger than ``max_bytes``, before it is kept in memory."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = next((v for k, v in scope["headers"] if k == b"content-length"), b"")
        if length.isdigit() and int(length) > self.max_bytes:
            await self._refuse(scope, receive, send, more=True)
            return
        got_bytes = 0
        answered = too_large = more = False

        async def receive_counted() -> Message:
            nonlocal got_bytes, too_large, more
            message = await receive()
            if message["type"] == "http.request":
                got_bytes += len(message.get("body", b""))
                more = message.get("more_body", False)
                if got_bytes > self.max_bytes:
                    too_large = True
                    raise _TooLargeError
            return message

        async def send_unless_too_large(message: Message) -> None:
            # Whoever reads the body may make an answer of its own out of the error; ours is the right one.
            nonlocal answered
            if answered or not too_large:
                answered = True
                await send(message)

        try:
            await self.app(scope, receive_counted, send_unless_too_large)
        except _TooLargeError:
            if answered:
                raise
        if too_large and not answered:
            await self._refuse(scope, receive, send, more)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, more: bool) -> None:
        # Somewhat more is taken in and thrown away: a client that is still sending would find the line cut instead
        # of an answer.
        left_bytes = self.max_bytes * _THROWN_AWAY
        while more and left_bytes > 0:
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            left_bytes -= len(message.get("body", b""))
        answer = problem(413, f"a request may have {self.max_bytes} bytes at most", headers={"Connection": "close"})
        await answer(scope, receive, send)


class _TooLargeError(Exception):
    """The body went beyond the limit while it was read."""
