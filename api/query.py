"""A query parameter that does not exist is a mistake to report: a filter that is ignored would be a lie."""

from collections.abc import Mapping

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.errors import ApiError

__all__ = ["refuse_unknown_parameters"]


def _check(request: Request) -> None:
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not request.query_params:
        return
    known = _names(route.dependant)
    if unknown := [name for name in request.query_params if name not in known]:
        there_are = f"there are {', '.join(sorted(known))}" if known else "this takes none"
        mistakes: list[Mapping[str, object]] = [
            {"where": f"query.{name[:40]}", "detail": f"no such parameter; {there_are}"} for name in unknown[:10]
        ]
        raise ApiError(422, f"{mistakes[0]['where']}: {mistakes[0]['detail']}", extra={"errors": mistakes})


def _names(dependant: Dependant) -> set[str]:
    found = {p.alias for p in dependant.query_params}
    for inner in dependant.dependencies:
        found |= _names(inner)
    return found


refuse_unknown_parameters = Depends(_check)
