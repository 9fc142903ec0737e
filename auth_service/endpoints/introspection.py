"""The introspection endpoint (RFC 7662)."""

from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from auth_service.endpoints import server_of, token_document, token_parameter
from auth_service.introspection import introspect as introspect_token
from shared.errors import (
    ContentTooLarge,
    InvalidClient,
    InvalidRequest,
    TemporarilyUnavailable,
    TooManyRequests,
)
from shared.http.openapi import NO_STORE, refusals

PATH: Final = "/introspect"

router = APIRouter(tags=["revocation"])
_encode = msgspec.json.Encoder().encode
_NUMBER: Final = {"type": "integer", "description": "In seconds since 1970."}
_TEXT: Final = {"type": "string"}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["active"],
    "properties": {
        "active": {"type": "boolean", "description": "If not, nothing else is said."},
        "scope": _TEXT,
        "client_id": _TEXT,
        "sub": _TEXT,
        "exp": _NUMBER,
        "iat": _NUMBER,
        "iss": _TEXT,
        "aud": {
            "description": "Of access tokens: the resource, which has to see that this is itself.",
            "type": "string",
        },
        "jti": {"description": "Of access tokens.", "type": "string"},
        "token_type": {"description": "Of access tokens.", "type": "string", "const": "Bearer"},
    },
    "additionalProperties": False,
}
_EXAMPLES: Final = {
    "active": {
        "value": {
            "active": True,
            "scope": "notes:read",
            "client_id": "demo",
            "sub": "5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
            "exp": 1700000300,
            "iat": 1700000000,
            "iss": "http://127.0.0.1:8000",
            "aud": "http://127.0.0.1:8080",
            "jti": "q3mJ8sW2m0yX1uQ7d1oZ0g",
            "token_type": "Bearer",
        }
    },
    "inactive": {"value": {"active": False}},
}


@router.post(
    PATH,
    summary="Is a token good?",
    response_class=Response,
    responses={
        200: {
            "description": "What is known of the token (RFC 7662 §2.2).",
            "headers": NO_STORE,
            "content": {"application/json": {"schema": _SCHEMA, "examples": _EXAMPLES}},
        },
        **refusals(
            *(ContentTooLarge, InvalidClient, InvalidRequest, TemporarilyUnavailable),
            TooManyRequests,
        ),
    },
    openapi_extra=token_parameter.BODY,
    dependencies=[token_document.CLIENT_SECRET_BASIC],
)
async def introspect(request: Request) -> Response:
    """Tell a confidential client whether a token is good at this moment, by the database.

    For resource servers that rather ask than follow the status list. Any of them may ask about
    any access token; about a refresh token only the client that has it.
    """
    client, token = await token_parameter.read(request)
    if client.is_public:
        raise InvalidClient(reason=f"public client {client.client_id!r} asks")
    answer = await introspect_token(server_of(request), client, token)
    return Response(_encode(answer), 200, {"cache-control": "no-store"}, "application/json")
