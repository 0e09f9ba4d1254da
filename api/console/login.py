"""Logging in and out, and choosing a language: plain forms that work before any script has loaded."""

import hmac
import threading
from html import escape
from urllib.parse import parse_qs, urlsplit

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.access import FailureLimit
from api.console.language import COOKIE as LANGUAGE_COOKIE
from api.console.language import choose_language
from api.console.sessions import Sessions
from api.console.words import say
from api.errors import ApiError, forbidden
from api.keys import Role
from api.services import Services

__all__ = ["LoginCode", "login_router", "safe_next"]

_log = structlog.get_logger("hazmon.api")

_STYLE = """
:root{color-scheme:dark}*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#0a0f15;color:#e6edf3;padding:16px;
font:17px/1.5 "Noto Sans CJK SC","Noto Sans SC","Microsoft YaHei","PingFang SC",system-ui,sans-serif}
form.in{width:min(440px,100%);background:#121a24;border:1px solid #243140;border-radius:14px;padding:34px}
h1{margin:0;font-size:30px;letter-spacing:.5px}h1 i{font-style:normal;color:#ff9a2e}p{margin:2px 0 24px;color:#8fa1b3}
label{display:block;margin:0 0 6px;color:#8fa1b3}small{color:#8fa1b3;display:block;margin-top:8px}
input{width:100%;font:17px ui-monospace,monospace;padding:13px;border-radius:8px;border:1px solid #33445a;
background:#0a0f15;color:#e6edf3}input:focus{outline:2px solid #4dabf7;border-color:transparent}
button{width:100%;margin-top:22px;padding:14px;font-size:18px;font-weight:600;font-family:inherit;border:0;border-radius:8px;
background:#2f81d6;color:#fff;cursor:pointer}button:focus-visible{outline:2px solid #fff}
.wrong{background:#3d1518;border:1px solid #ff4d4f;border-radius:8px;padding:10px 14px;margin:0 0 18px;color:#ffd7d7}
a{color:#8fc1f0;display:block;text-align:center;margin-top:22px;text-decoration:none}
"""


class LoginCode:
    """A code that works once."""

    def __init__(self, code: str | None) -> None:
        self._code = code
        self._lock = threading.Lock()

    def take(self, given: str) -> bool:
        """Whether this is the code, and nobody has used it before."""
        with self._lock:
            if self._code is None or not hmac.compare_digest(self._code.encode(), given.encode()):
                return False
            self._code = None
            return True


def safe_next(target: str) -> str:
    """Where to go after logging in: a path of this site, whatever a link says.

    >>> safe_next("/points?q=ch4"), safe_next("//elsewhere.example/"), safe_next("https://elsewhere.example")
    ('/points?q=ch4', '/', '/')
    """
    parts = urlsplit(target)
    wrong = parts.scheme or parts.netloc or not target.startswith("/") or target.startswith(("//", "/\\"))
    return "/" if wrong or any(c in target for c in "\\\r\n\t") else target


def login_router(services: Services, sessions: Sessions) -> APIRouter:
    """The routes, for one set of services."""
    router = APIRouter(include_in_schema=False)
    code = LoginCode(services.login_code)

    def language_of(request: Request) -> str:
        return choose_language(request.cookies, request.headers.get("accept-language", ""), services.language)

    @router.get("/login")
    async def login_form(request: Request) -> Response:
        given = request.query_params.get("code")
        target = safe_next(request.query_params.get("next", "/"))
        if given is None:
            return _form(language_of(request), target)
        if await run_sync(sessions.identity, request.cookies) is not None:
            return RedirectResponse(target, 303)
        _check_address(request)
        if not code.take(given):
            _failed(request)
            return _form(language_of(request), target, "code_used", 403)
        key = await run_sync(services.keys.create, Role.of(services.login_code_role), "console")
        return await _enter(request, key, target)

    @router.post("/login")
    async def login(request: Request) -> Response:
        _same_origin(request)
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        target = safe_next(fields.get("next", ["/"])[0])
        try:
            _check_address(request)
        except ApiError:
            return _form(language_of(request), target, "key_wait", 429)
        key = fields.get("key", [""])[0].strip()
        if await run_sync(services.keys.check, key) is None:
            _failed(request)
            return _form(language_of(request), target, "key_wrong", 403)
        return await _enter(request, key, target)

    async def _enter(request: Request, key: str, target: str) -> Response:
        who = await run_sync(services.keys.check, key)
        assert who is not None
        response = RedirectResponse(target, 303)
        sessions.open(response, who, secure=request.url.scheme == "https")
        _log.info("logged in at the console", name=who.name, role=who.role.word)
        return response

    @router.post("/logout")
    async def logout(request: Request) -> Response:
        _same_origin(request)
        response = RedirectResponse("/login", 303)
        sessions.close(response)
        return response

    @router.get("/language/{language}")
    async def set_language(request: Request, language: str) -> Response:
        response = RedirectResponse(safe_next(request.query_params.get("next", "/")), 303)
        if language in ("zh", "en"):
            response.set_cookie(LANGUAGE_COOKIE, language, max_age=400 * 86_400, httponly=True, samesite="lax")
        return response

    return router


def _same_origin(request: Request) -> None:
    """Another site's form must not log anybody in or out: browsers say where a POST comes from."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise forbidden("this form was sent from another site")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise forbidden("this form was sent from another site")


def _address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _limit(request: Request) -> FailureLimit:
    limit: FailureLimit = request.app.state.failure_limit
    return limit


def _check_address(request: Request) -> None:
    _limit(request).check(_address(request))


def _failed(request: Request) -> None:
    _limit(request).failed(_address(request))


def _form(language: str, target: str, wrong: str | None = None, status: int = 200) -> HTMLResponse:
    other = "en" if language == "zh" else "zh"
    note = f'<div class="wrong" role="alert">{escape(say(language, wrong))}</div>' if wrong else ""
    html_language = "zh-CN" if language == "zh" else "en"
    return HTMLResponse(
        f'<!doctype html><html lang="{html_language}"><meta charset="utf-8"><title>hazmon</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style>'
        f'<form class="in" method="post" action="/login"><h1>haz<i>mon</i></h1><p>{escape(say(language, "title"))}</p>'
        f'{note}<label for="key">{escape(say(language, "key"))}</label>'
        '<input id="key" name="key" type="password" autocomplete="current-password" autofocus required>'
        f"<small>{escape(say(language, 'key_hint'))}</small>"
        f'<input type="hidden" name="next" value="{escape(target, quote=True)}">'
        f"<button>{escape(say(language, 'log_in'))}</button>"
        f'<a href="/language/{other}?next=/login">{escape(say(language, "other_language"))}</a></form></html>',
        status,
    )
