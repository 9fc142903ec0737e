"""The userinfo endpoint (OIDC Core §5.3)."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response, Security
from fastapi.security import HTTPBearer

from auth_service import claims, status_lists
from auth_service.endpoints import server_of
from auth_service.endpoints.authorize_document import form, text
from auth_service.parameters import MEDIA_TYPE, Parameters
from auth_service.scope import OPENID
from auth_service.server import AuthorizationServer
from auth_service.store import refresh_token_families, users
from auth_service.store.refresh_token_families import Family
from shared import jws
from shared.bearer import bearer_token
from shared.errors import (
    ContentTooLarge,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    TemporarilyUnavailable,
)
from shared.http import bodies, headers
from shared.http.openapi import NO_STORE, Responses, refusals
from shared.status_list import Status

PATH: Final = "/userinfo"
router = APIRouter(tags=["authorization"])

# For the document only.
_BEARER: Final = Security(
    HTTPBearer(
        scheme_name="access_token",
        bearerFormat="JWT",
        description="An access token of a user with the scope `openid`.",
        auto_error=False,
    )
)
_RESPONSES: Final[Responses] = {
    200: {
        "description": "The claims that the client may see (OIDC Core §5.1).",
        "headers": NO_STORE,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["sub"],
                    "properties": {"sub": {"type": "string", "format": "uuid"}},
                },
                "example": {
                    "sub": "5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11",
                    "preferred_username": "alice",
                },
            }
        },
    },
    **refusals(
        InvalidRequest, MissingToken, InvalidToken, InsufficientScope, TemporarilyUnavailable
    ),
}
_encode = msgspec.json.Encoder().encode


class _WithStatus(msgspec.Struct):
    status: Status | None = None


_decode = msgspec.json.Decoder(_WithStatus).decode


@router.get(
    PATH,
    summary="Who is it?",
    operation_id="read_userinfo",
    response_class=Response,
    responses=_RESPONSES,
    dependencies=[_BEARER],
)
async def userinfo(request: Request) -> Response:
    """Return the claims about the user that the scope of the access token stands for.

    `profile`, `email`, `address` and `phone` stand for those of OIDC Core §5.4; what the
    `claims` parameter asked for by name is there too.
    """
    return await _answer(request, bearer_token(headers.single(request, "authorization")))


@router.post(
    PATH,
    summary="Who is it? By form",
    operation_id="read_userinfo_by_form",
    response_class=Response,
    responses={**_RESPONSES, **refusals(ContentTooLarge)},
    dependencies=[_BEARER],
    openapi_extra=form(
        {"access_token": text("Instead of the header (RFC 6750 §2.2).")}, {}, required=False
    ),
)
async def userinfo_by_form(request: Request) -> Response:
    """Do the same for an access token in the header or in the form (OIDC Core §5.3.1)."""
    authorization = headers.single(request, "authorization")
    body = await bodies.read(request)
    is_form = headers.media_type(request) == MEDIA_TYPE
    in_form = Parameters.parse(body) if is_form else Parameters()
    token = in_form.get("access_token")
    if "access_token" in in_form.repeated or (token is not None and authorization is not None):
        raise InvalidRequest("the access token must come once (RFC 6750)")
    return await _answer(request, token or bearer_token(authorization))


async def _answer(request: Request, token: str) -> Response:
    server = server_of(request)
    access_token = await server.own_tokens.verify(token)
    if OPENID not in access_token.scope:
        raise InsufficientScope(frozenset({OPENID}))
    family = await _family(server, token)
    known = await users.claims(server.db, family.sub)
    by_name = frozenset(family.claims.get("userinfo", ()))
    document = {
        **claims.released(known, access_token.scope, by_name),
        "sub": str(family.sub),
    }
    return Response(_encode(document), 200, {"cache-control": "no-store"}, "application/json")


async def _family(server: AuthorizationServer, token: str) -> Family:
    """Return the log-in that a verified token is from; `InvalidToken` if it has ended."""
    status = _decode(jws.decode(token.split(".")[1].encode("ascii"))).status
    idx = (
        None
        if status is None
        else status_lists.status_idx(server.settings.issuer, status.status_list)
    )
    family = None if idx is None else await refresh_token_families.find_by_status(server.db, idx)
    if family is None:
        raise InvalidToken("the token was revoked, or is no user's")
    return family
