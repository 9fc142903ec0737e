"""The issuer's metadata (RFC 8414, OpenID Connect Discovery §3)."""

from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from auth_service import scope
from auth_service.client_authentication import METHODS
from auth_service.endpoints import jwks, server_of, token
from auth_service.grants import GRANTS

PATHS: Final = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
_MAX_AGE: Final = 300  # seconds

router = APIRouter(tags=["discovery"])


class Metadata(BaseModel):
    """The members of RFC 8414 §2 that are true of this issuer."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "issuer": "http://127.0.0.1:8000",
                    "token_endpoint": "http://127.0.0.1:8000/token",
                    "jwks_uri": "http://127.0.0.1:8000/.well-known/jwks.json",
                    "scopes_supported": list(scope.ADVERTISED),
                    "response_types_supported": [],
                    "grant_types_supported": list(GRANTS),
                    "token_endpoint_auth_methods_supported": list(METHODS),
                    "service_documentation": "http://127.0.0.1:8000/docs",
                }
            ]
        }
    )

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    service_documentation: str


@router.get(
    PATHS[0],
    summary="Metadata (RFC 8414)",
    response_description="The metadata.",
    operation_id="read_oauth_metadata",
)
@router.get(
    PATHS[1],
    summary="Metadata (OpenID)",
    response_description="The metadata.",
    operation_id="read_openid_configuration",
)
async def metadata(request: Request, response: Response) -> Metadata:
    """Return what this issuer offers, and where; both addresses have the same document.

    What is not offered is left out, even members that OpenID Connect Discovery §3 requires of
    an OpenID Provider, such as `authorization_endpoint`.
    """
    response.headers["cache-control"] = f"public, max-age={_MAX_AGE}"
    issuer = server_of(request).settings.issuer
    return Metadata(
        issuer=issuer,
        token_endpoint=issuer + token.PATH,
        jwks_uri=issuer + jwks.PATH,
        scopes_supported=list(scope.ADVERTISED),
        response_types_supported=[],
        grant_types_supported=list(GRANTS),
        token_endpoint_auth_methods_supported=list(METHODS),
        service_documentation=f"{issuer}/docs",
    )
