"""What OpenAPI says of protection: two security schemes, and the scopes of each operation."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi.openapi.models import (
    HTTPBearer,
    OAuth2,
    OAuthFlowAuthorizationCode,
    OAuthFlows,
    SecurityBase,
)
from fastapi.security.base import SecurityBase as SecurityScheme


class _Documented(SecurityScheme):
    """A security scheme that is only shown in OpenAPI: `Requirement` does the work."""

    def __init__(self, name: str, model: SecurityBase) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        """Do nothing when FastAPI calls it as a dependency."""


# The addresses are the issuer's, so each app's document gets its own: see `describe`.
OAUTH2: Final = _Documented(
    "oauth2",
    OAuth2(
        flows=OAuthFlows(
            authorizationCode=OAuthFlowAuthorizationCode(
                authorizationUrl="/authorize", tokenUrl="/token"
            )
        )
    ),
)
BEARER: Final = _Documented("bearer", HTTPBearer(bearerFormat="JWT"))

Security = list[dict[str, list[str]]]


def security(scopes: Iterable[str]) -> Security:
    """Return what OpenAPI says of an operation that needs these scopes: either scheme will do."""
    return [{OAUTH2.scheme_name: sorted(scopes)}, {BEARER.scheme_name: []}]


def describe(
    document: dict[str, Any], issuer: str, resource: str, descriptions: Mapping[str, str]
) -> dict[str, Any]:
    """Say in the OpenAPI document where tokens for `resource` come from, and the scopes."""
    used: set[str] = set()
    for path in document.get("paths", {}).values():
        for operation in path.values():
            if _is_protected(declared := operation.get("security", [])):
                scopes = {scope for one in declared for scope in one.get(OAUTH2.scheme_name, [])}
                # Several requirements are all to be met; a list would offer a choice.
                operation["security"] = security(scopes)
                used |= scopes
    components = document.setdefault("components", {})
    ours = _schemes(
        issuer, resource, {scope: descriptions.get(scope, "") for scope in sorted(used)}
    )
    others = components.get("securitySchemes", {})
    components["securitySchemes"] = {
        **{name: scheme for name, scheme in others.items() if name not in ours},
        **ours,
    }
    return document


def _is_protected(declared: Security) -> bool:
    return any(OAUTH2.scheme_name in alternative for alternative in declared)


def _schemes(issuer: str, resource: str, scopes: dict[str, str]) -> dict[str, Any]:
    # In the address, since OpenAPI has no place for it: an issuer may have several resources.
    query = urlencode({"resource": resource})
    return {
        BEARER.scheme_name: {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "With an access token that you have already.",
        },
        # Last, since the docs page puts the cursor into the last of them.
        OAUTH2.scheme_name: {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {
                    "authorizationUrl": f"{issuer}/authorize?{query}",
                    "tokenUrl": f"{issuer}/token",
                    "scopes": scopes,
                }
            },
            "description": "Log in at the issuer, which never shows us the password.",
        },
    }
