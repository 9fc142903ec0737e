"""The pushed authorization request endpoint (RFC 9126 §2)."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from auth_service import pushed_requests, throttling
from auth_service.authorization_errors import (
    RegistrationNotSupported,
    RequestNotSupported,
    UnmetAuthenticationRequirements,
    UnsupportedResponseType,
)
from auth_service.client_authentication import authenticate_client
from auth_service.endpoints import authorize_document, client_form, server_of, token_document
from auth_service.endpoints.address import address_of
from shared.errors import (
    ContentTooLarge,
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    TemporarilyUnavailable,
    TooManyRequests,
    UnauthorizedClient,
)
from shared.http.openapi import NO_STORE, refusals

PATH: Final = "/par"

router = APIRouter(tags=["authorization"])
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["request_uri", "expires_in"],
    "properties": {
        "request_uri": {"type": "string", "description": "For `/authorize`, once."},
        "expires_in": {"type": "integer", "minimum": 1, "description": "In seconds."},
    },
    "additionalProperties": False,
}
_EXAMPLE: Final = {
    "request_uri": "urn:ietf:params:oauth:request_uri:bwc4JK-ESC0w8acc191e-Y1LTC2",
    "expires_in": pushed_requests.LIFETIME,
}


@router.post(
    PATH,
    summary="Push an authorization request",
    operation_id="push_authorization_request",
    status_code=HTTPStatus.CREATED,
    response_class=JSONResponse,
    responses={
        201: {
            "description": "It is kept (RFC 9126 §2.2).",
            "headers": NO_STORE,
            "content": {"application/json": {"schema": _SCHEMA, "example": _EXAMPLE}},
        },
        **refusals(
            *(ContentTooLarge, InvalidClient, InvalidRequest, InvalidScope, InvalidTarget),
            *(RegistrationNotSupported, RequestNotSupported, TemporarilyUnavailable),
            *(
                TooManyRequests,
                UnauthorizedClient,
                UnmetAuthenticationRequirements,
                UnsupportedResponseType,
            ),
        ),
    },
    openapi_extra=token_document.client_form(
        authorize_document.PARAMETERS, authorize_document.EXAMPLE
    ),
)
async def push(request: Request) -> JSONResponse:
    """Take the parameters of an authorization request from the client itself.

    The client authenticates as at `/token`, and sends the browser to `/authorize` with its
    `client_id` and the `request_uri` from here. That works once, within a minute, and whatever
    else the browser brings does not count. What is wrong with the request is told at once.
    """
    server = server_of(request)
    parameters, authorization = await client_form.read(request)
    client = await authenticate_client(server, authorization, parameters)
    if client.is_public:
        await throttling.admit(server, throttling.authorization(server, address_of(request)))
    request_uri = await pushed_requests.push(server, client, parameters)
    kept = {"request_uri": request_uri, "expires_in": pushed_requests.LIFETIME}
    return JSONResponse(kept, HTTPStatus.CREATED, {"cache-control": "no-store"})
