"""The issuer's metadata (RFC 8414, OpenID Connect Discovery §3)."""

import json

from fastapi import APIRouter, Request, Response

from auth_service import scope
from auth_service.client_authentication import METHODS
from auth_service.endpoints import server_of
from auth_service.grants import GRANTS
from auth_service.settings import Settings

router = APIRouter(tags=["Discovery"])

_MAX_AGE = 300  # seconds


@router.get("/.well-known/openid-configuration")
@router.get("/.well-known/oauth-authorization-server")
async def metadata(request: Request) -> Response:
    """Say what this issuer offers and where; the same document at both addresses.

    Members that would speak of what is not there are left out, even those that OpenID Connect
    Discovery requires of an OpenID Provider, such as `authorization_endpoint`.
    """
    document = describe(server_of(request).settings)
    headers = {"cache-control": f"public, max-age={_MAX_AGE}"}
    return Response(json.dumps(document), 200, headers, "application/json")


def describe(settings: Settings) -> dict[str, object]:
    """Return the members of RFC 8414 §2."""
    issuer = settings.issuer
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": list(scope.ADVERTISED),
        "response_types_supported": [],
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "service_documentation": f"{issuer}/docs",
    }
