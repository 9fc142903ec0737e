"""Protecting endpoints: `Depends(requires("notes:read"))` gives the verified access token.

In somebody else's app:

    app = FastAPI()
    protect(app, issuer="https://auth.example", audience="https://api.example")

    @app.get("/notes")
    async def notes(token: Annotated[AccessToken, Depends(requires("notes:read"))]) -> ...
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from resource_service.authenticator import BearerAuthenticator
from resource_service.protection.document import describe
from resource_service.protection.requirement import Protection, challenge_headers, requires
from resource_service.protection.route import ProtectedRoute
from resource_service.remote_key_set import RemoteKeySet
from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.settings import check_url
from resource_service.status_list import Policy
from shared.access_token import AccessToken, AccessTokenVerifier
from shared.errors import OAuthError
from shared.http.errors import error_response

__all__ = [
    "AccessToken",
    "ProtectedRoute",
    "Protection",
    "challenge_headers",
    "install",
    "issuer_client",
    "protect",
    "requires",
]


def install(app: FastAPI, protection: Protection) -> None:
    """Make `requires` work in `app`, and complete its OpenAPI document."""
    app.state.protection = protection
    inner = app.openapi

    def openapi() -> dict[str, Any]:
        return describe(inner(), protection.issuer, protection.scopes)

    # Overriding the method is FastAPI's documented way to extend the document.
    app.openapi = openapi  # type: ignore[method-assign]


def protect(
    app: FastAPI,
    *,
    issuer: str,
    audience: str,
    jwks_uri: str = "",
    status_lists_uri: str = "",
) -> None:
    """Set up somebody else's app: whose tokens it takes, and refusals as RFC 6750 has them.

    `audience` is what the tokens' `aud` must contain. `status_lists_uri` is where the issuer says
    which status lists there are; one that has none loses nothing. `ValueError` for a URL that is
    neither https nor loopback. Call it on the app that has the endpoints, not on one that mounts
    it.
    """
    jwks_uri = check_url(jwks_uri or f"{check_url(issuer)}/.well-known/jwks.json")
    aggregation_uri = check_url(status_lists_uri or f"{issuer}/status-lists")
    keys = RemoteKeySet(issuer_client(jwks_uri), jwks_uri)
    policy = Policy(issuer_client(issuer), keys, issuer)
    statuses = RemoteStatusLists(policy, aggregation_uri=aggregation_uri)
    verifier = AccessTokenVerifier(keys, issuer, audience, statuses=statuses)
    install(app, Protection(BearerAuthenticator(verifier), issuer))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with keys.kept_fresh(), statuses.kept_fresh(), inner(app) as state:
            yield state

    app.router.lifespan_context = lifespan

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, OAuthError)  # noqa: S101 - what it is registered for
        return error_response(error, challenge_headers(request, error))

    app.add_exception_handler(OAuthError, refuse)


def issuer_client(url: str) -> httpx.AsyncClient:
    """Make the client for fetching what is at `url`: a connection per fetch.

    So it holds nothing open between two fetches, and need not be closed; nor does a poll meet a
    connection that the issuer is just closing. A proxy from the environment is not asked for
    what is on the loopback interface.
    """
    return httpx.AsyncClient(
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=not url.startswith("http://"),
    )
