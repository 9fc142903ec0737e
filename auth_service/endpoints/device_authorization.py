"""The device authorization endpoint (RFC 8628 §3.1)."""

from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Request, Response

from auth_service import device_authorization, resources, throttling
from auth_service import scope as scopes
from auth_service.client_authentication import authenticate_client
from auth_service.device_authorization import GRANT_TYPE, INTERVAL, LIFETIME
from auth_service.endpoints import client_form, device, server_of, token_document
from auth_service.endpoints.address import address_of
from auth_service.endpoints.authorize_document import PARAMETERS, text
from auth_service.store import audit_log
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

PATH: Final = "/device_authorization"

router = APIRouter(tags=["authorization"])
_encode = msgspec.json.Encoder().encode
_TEXT: Final = {"type": "string"}
_RESPONSE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["device_code", "user_code", "verification_uri", "expires_in", "interval"],
    "properties": {
        "device_code": {**_TEXT, "description": "For the device alone, to ask with at `/token`."},
        "user_code": {**_TEXT, "description": "To show to the person."},
        "verification_uri": {**_TEXT, "description": "Where the person types it."},
        "verification_uri_complete": {**_TEXT, "description": "The same with the code in it."},
        "expires_in": {"type": "integer", "description": "In seconds."},
        "interval": {"type": "integer", "description": "Seconds to wait between two questions."},
    },
    "examples": [
        {
            "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eSQo",
            "user_code": "WDJB-MJHT",
            "verification_uri": "http://127.0.0.1:8000/device",
            "verification_uri_complete": "http://127.0.0.1:8000/device?user_code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 5,
        }
    ],
}


@router.post(
    PATH,
    summary="Begin on a device without a browser",
    operation_id="authorize_device",
    response_class=Response,
    responses={
        200: {
            "description": "The codes (RFC 8628 §3.2).",
            "headers": NO_STORE,
            "content": {"application/json": {"schema": _RESPONSE}},
        },
        **refusals(
            ContentTooLarge,
            InvalidClient,
            InvalidRequest,
            InvalidScope,
            InvalidTarget,
            TemporarilyUnavailable,
            TooManyRequests,
            UnauthorizedClient,
        ),
    },
    openapi_extra=token_document.client_form(
        {
            "scope": text("What is asked for, separated by spaces.", "notes:read"),
            "resource": PARAMETERS["resource"],
        },
        {"scope": "notes:read"},
    ),
)
async def authorize_device(request: Request) -> Response:
    """Give a device a code to show, and one to ask for tokens with until somebody has agreed.

    The client authenticates as at `/token`. The person goes to `verification_uri` on a phone or
    a computer, logs in, types the code and says yes or no.
    """
    server = server_of(request)
    parameters, authorization = await client_form.read(request)
    client = await authenticate_client(server, authorization, parameters)
    if GRANT_TYPE not in client.grant_types:
        why = "grant type not allowed"
        await audit_log.client_refused(server.db, server.time(), client.client_id, why)
        raise UnauthorizedClient("this client may not use the device authorization grant")
    resource = resources.named(server, parameters)
    scope = scopes.asked_of_user(parameters.get("scope"), client.scope)
    if client.is_public:
        counted = throttling.authorization(server, address_of(request))
        await throttling.admit(server, counted)
    begun = await device_authorization.begin(server, client, scope, resource)
    verification_uri = server.settings.issuer + device.PATH
    answer = {
        "device_code": begun.device_code,
        "user_code": begun.user_code,
        "verification_uri": verification_uri,
        "verification_uri_complete": (
            f"{verification_uri}?{urlencode({'user_code': begun.user_code})}"
        ),
        "expires_in": int(LIFETIME.total_seconds()),
        "interval": INTERVAL,
    }
    return Response(_encode(answer), 200, {"cache-control": "no-store"}, "application/json")
