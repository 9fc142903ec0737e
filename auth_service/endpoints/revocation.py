"""The revocation endpoint (RFC 7009)."""

from typing import Final

from fastapi import APIRouter, Request, Response

from auth_service import revocation
from auth_service.endpoints import server_of, token_document, token_parameter
from shared.errors import (
    ContentTooLarge,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    TemporarilyUnavailable,
    TooManyRequests,
)
from shared.http.openapi import NO_STORE, refusals

PATH: Final = "/revoke"

router = APIRouter(tags=["revocation"])


@router.post(
    PATH,
    summary="Revoke a token",
    response_class=Response,
    responses={
        200: {
            "description": "It is good for nothing now, or never was (RFC 7009 §2.2).",
            "headers": NO_STORE,
        },
        **refusals(
            *(ContentTooLarge, InvalidClient, InvalidGrant, InvalidRequest),
            *(TemporarilyUnavailable, TooManyRequests),
        ),
    },
    openapi_extra=token_parameter.BODY,
    dependencies=[token_document.CLIENT_SECRET_BASIC],
)
async def revoke(request: Request) -> Response:
    """End what a token was issued for: the log-in, or everything the client got for itself.

    Of a log-in, that is the refresh token and every access token. The client authenticates as
    at `/token`. Verifiers that follow the status list refuse access tokens from the next poll
    on; see docs/revocation.md. 400 `invalid_grant`: the token is another client's.
    """
    client, token = await token_parameter.read(request)
    await revocation.revoke_token(server_of(request), client, token)
    return Response(status_code=200, headers={"cache-control": "no-store"})
