"""The public keys that verify our tokens (RFC 7517 §5)."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from auth_service.endpoints import server_of
from auth_service.endpoints.conditional import matches
from shared.errors import TemporarilyUnavailable
from shared.http.openapi import refusals

PATH: Final = "/.well-known/jwks.json"

router = APIRouter(tags=["discovery"])

_HEADERS: Final = {
    "Cache-Control": {
        "description": "How long the keys may be kept.",
        "schema": {"type": "string"},
        "required": True,
    },
    "ETag": {
        "description": "For `If-None-Match`.",
        "schema": {"type": "string"},
        "required": True,
    },
}
_KEY: Final = {
    "type": "object",
    "required": ["kty", "kid", "use", "alg", "n", "e"],
    "properties": {
        "kty": {"type": "string", "const": "RSA"},
        "kid": {"type": "string", "description": "The key's thumbprint (RFC 7638)."},
        "use": {"type": "string", "const": "sig"},
        "alg": {"type": "string", "const": "RS256"},
        "n": {"type": "string", "description": "The modulus, base64url."},
        "e": {"type": "string", "description": "The exponent, base64url."},
    },
}
_EXAMPLE: Final[dict[str, Any]] = {
    "keys": [
        {
            "kty": "RSA",
            "kid": "QR5Mo01T0G6HoHtI_xiQpcK90Vvsk19PbuePWwlphBM",
            "use": "sig",
            "alg": "RS256",
            "n": "4RD4LY-JuBbkYwM2WSqpyAMe",
            "e": "AQAB",
        }
    ]
}


@router.get(
    PATH,
    summary="Public keys",
    response_class=Response,
    responses={
        200: {
            "description": "The JWK Set (RFC 7517 §5).",
            "headers": _HEADERS,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["keys"],
                        "properties": {"keys": {"type": "array", "items": _KEY}},
                    },
                    "example": _EXAMPLE,
                }
            },
        },
        304: {"description": "The keys are the ones you have.", "headers": _HEADERS},
        **refusals(TemporarilyUnavailable),
    },
)
async def jwks(request: Request) -> Response:
    """Return the keys to verify tokens with: the active one, the next, and those retired lately.

    The next key is here long before it signs, and a retired one until the last token under it
    has expired, so keys that are kept for as long as `Cache-Control` allows are always enough.
    An issuer that has lost its database goes on answering, with a `max-age` that shrinks to 0.
    """
    server = server_of(request)
    document = server.keys.jwks
    headers = {
        "cache-control": f"public, max-age={server.keys.jwks_max_age}",
        "etag": document.etag,
    }
    if matches(request.headers.get("if-none-match"), document.etag):
        return Response(status_code=304, headers=headers)
    return Response(document.body, 200, headers, "application/json")
