"""The errors of this folder and how they look on the wire: RFC 9457 problem documents."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.responses import JSONResponse

__all__ = ["ApiError", "KeyRefusedError", "bad_request", "forbidden", "not_found", "problem", "unprocessable"]

PROBLEM_TYPE = "application/problem+json"


class ApiError(Exception):
    """A request that can't be answered as asked.

    Attributes
    ----------
    status : int
        HTTP status.
    detail : str
        What was got and what would be right, for a person.
    headers : mapping
        More headers for the answer, e.g. ``Retry-After``.
    extra : mapping
        More members of the problem document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class KeyRefusedError(ApiError):
    """No key, or not one that we know: 401."""

    def __init__(self, detail: str) -> None:
        # RFC 6750, 3: the scheme the client should use.
        super().__init__(401, detail, headers={"WWW-Authenticate": 'Bearer realm="hazmon"'})


def bad_request(detail: str) -> ApiError:
    """400: the request makes no sense, e.g. a cursor that we did not give out."""
    return ApiError(400, detail)


def forbidden(detail: str) -> ApiError:
    """403: a known key that may not do this."""
    return ApiError(403, detail)


def not_found(detail: str) -> ApiError:
    """404."""
    return ApiError(404, detail)


def unprocessable(where: str, detail: str) -> ApiError:
    """422 for one field, in the shape that several mistakes have too."""
    return ApiError(422, f"{where}: {detail}", extra={"errors": [{"where": where, "detail": detail}]})


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
    errors: Sequence[Mapping[str, object]] | None = None,
) -> JSONResponse:
    """An RFC 9457 document. ``type`` is ``about:blank``: the status says what kind of problem it is.

    >>> problem(404, "there is no alarm 7").body.decode()
    '{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no alarm 7"}'
    """
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    body |= extra or {}
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=PROBLEM_TYPE)
