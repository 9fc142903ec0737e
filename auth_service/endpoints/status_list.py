"""The status lists (draft-ietf-oauth-status-list §8), and which there are (§9)."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from auth_service.endpoints import server_of
from auth_service.endpoints.conditional import matches
from auth_service.status_lists import PATH, TTL
from shared.errors import InvalidRequest, NotFound, TemporarilyUnavailable
from shared.http.openapi import refusals
from shared.http.strict import StrictRoute
from shared.status_list import MEDIA_TYPE

router = APIRouter(route_class=StrictRoute, tags=["revocation"])

_CACHE_CONTROL: Final = f"public, max-age={TTL}"
_HEADERS: Final[dict[str, Any]] = {
    "Cache-Control": {"schema": {"type": "string", "const": _CACHE_CONTROL}, "required": True},
    "ETag": {
        "description": "For `If-None-Match`.",
        "schema": {"type": "string"},
        "required": True,
    },
}


class Aggregation(BaseModel):
    """Where the lists are (§9.3), the newest last."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status_lists": ["http://127.0.0.1:8000/status-lists/0"]}]}
    )

    status_lists: list[str]


@router.get(
    PATH,
    summary="Which status lists there are",
    response_description="Their addresses.",
    responses=refusals(InvalidRequest, TemporarilyUnavailable),
)
async def read_aggregation(request: Request, response: Response) -> Aggregation:
    """Return where the status lists are, for verifiers that fetch them before the first token."""
    server = server_of(request)
    response.headers["cache-control"] = _CACHE_CONTROL
    return Aggregation(status_lists=await server.status_lists.uris(server.db))


@router.get(
    PATH + "/{number}",
    summary="A status list",
    response_class=Response,
    responses={
        200: {
            "description": "A Status List Token (draft-ietf-oauth-status-list §5.1): a JWT.",
            "headers": _HEADERS,
            "content": {
                MEDIA_TYPE: {"schema": {"type": "string"}, "example": "eyJ0eXAiOi.eyJzdWIi.c2ln"}
            },
        },
        304: {"description": "The list is the one you have.", "headers": _HEADERS},
        **refusals(InvalidRequest, NotFound, TemporarilyUnavailable),
    },
)
async def read_status_list(
    request: Request,
    number: Annotated[int, Path(ge=0, lt=2**31, description="The list's number.", examples=[0])],
) -> Response:
    """Return a list of revoked tokens: the `status` claim of a token says which list, which bit.

    As it is in the database now: with the database down it is 503, never an old list.
    """
    server = server_of(request)
    found = await server.status_lists.read(server.db, number)
    if found is None:
        raise NotFound("there is no such list")
    headers = {"cache-control": _CACHE_CONTROL, "etag": found.etag}
    if matches(request.headers.get("if-none-match"), found.etag):
        return Response(status_code=304, headers=headers)
    return Response(found.token, 200, headers, MEDIA_TYPE)
