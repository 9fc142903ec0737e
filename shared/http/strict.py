"""A route that answers bad input by the book before FastAPI, which is lenient, sees it.

FastAPI ignores unknown query parameters, takes the last of repeated ones (query parameters and
JSON members alike), and answers a wrong media type as if the body were wrong.
"""

import json
from collections.abc import Iterable
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from starlette.types import Message

from shared.errors import InvalidRequest, UnsupportedMediaType
from shared.http import bodies, headers
from shared.http.guarded import Check, GuardedRoute


class StrictRoute(GuardedRoute):
    """Refuses unknown and repeated query parameters, and JSON bodies that are none.

    For routes whose body, if they have one, is JSON. Use it with
    `APIRouter(route_class=StrictRoute)`. Not known here: what dependencies take that are added
    by `include_router`.
    """

    def checks(self) -> list[Check]:
        """Return the checks of the query, and of the body if there is to be one."""
        names = frozenset(_query_parameters(self.dependant))

        def check_query(request: Request) -> None:
            query = request.scope["query_string"]
            if query:
                _check_query(query, names)

        body = [] if self.body_field is None else [_with_checked_body]
        return [*super().checks(), check_query, *body]


def _query_parameters(dependant: Dependant) -> Iterable[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for dependency in dependant.dependencies:
        yield from _query_parameters(dependency)


def _check_query(query: bytes, names: frozenset[str]) -> None:
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise InvalidRequest("the query string is not UTF-8") from error
    seen = set()
    for name, _ in pairs:
        if name not in names:
            raise InvalidRequest("unknown query parameter", reason=f"parameter {name[:64]!r}")
        if name in seen:
            raise InvalidRequest(f"repeated query parameter {name}")
        seen.add(name)


async def _with_checked_body(request: Request) -> Request:
    """Read the body up to the limit, and hand it on in a request that can be read again."""
    if headers.media_type(request) != "application/json":
        raise UnsupportedMediaType("the body must be application/json")
    body = await bodies.read(request)
    try:
        # As text: from octets, `json` would take UTF-16 and UTF-32 too (RFC 8259 §8.1).
        text = body.decode("utf-8")
        json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("the body is not valid JSON", reason=str(error)) from error

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
