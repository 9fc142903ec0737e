"""The token endpoint (RFC 6749 §3.2)."""

from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from auth_service import resources
from auth_service.client_authentication import authenticate_client
from auth_service.endpoints import client_form, server_of, token_document
from auth_service.grants import GRANTS
from auth_service.store import audit_log
from shared.errors import UnauthorizedClient, UnsupportedGrantType

PATH: Final = "/token"
_NO_STORE: Final = {"cache-control": "no-store", "pragma": "no-cache"}  # RFC 6749 §5.1

router = APIRouter(tags=["tokens"])
_encode = msgspec.json.Encoder().encode


@router.post(
    PATH,
    summary="Get tokens",
    response_class=Response,
    responses=token_document.RESPONSES,
    openapi_extra=token_document.BODY,
    dependencies=[token_document.CLIENT_SECRET_BASIC],
)
async def token(request: Request) -> Response:
    """Exchange a grant for an access token (RFC 6749 §3.2).

    The client authenticates by HTTP Basic, by `client_id` and `client_secret` in the form, or by
    a JWT that it signs; a public client names itself by `client_id` alone. The access token is a
    JWT (RFC 9068) signed with RS256; the keys to verify it are at `/.well-known/jwks.json`.
    Parameters that are not known here are ignored, repeated ones are refused, and so is a query
    string.
    """
    server = server_of(request)
    parameters, authorization = await client_form.read(request)
    grant_type = parameters.required("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType("this server does not offer the grant type")
    client = await authenticate_client(server, authorization, parameters)
    if grant_type not in client.grant_types:
        await audit_log.client_refused(
            server.db, server.time(), client.client_id, "grant type not allowed"
        )
        raise UnauthorizedClient("this client may not use the grant type")
    resources.named(server, parameters, this_server=grant_type == "client_credentials")
    server.keys.require_signing()  # before the grant is used up, and recorded as used
    response = await grant(server, client, parameters)
    server.metrics.tokens_issued[grant_type] += 1
    return Response(_encode(response), 200, _NO_STORE, "application/json")
