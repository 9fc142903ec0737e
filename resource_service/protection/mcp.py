"""Protecting an MCP server that is made with the official Python SDK (the package `mcp`).

    server = MCPServer("Notes")
    app = protect_mcp(server.streamable_http_app(), issuer="https://auth.example",
                      resource="https://mcp.example/mcp", scope="notes:read")

Why a gate before the SDK's app, and not only its `TokenVerifier`: that can say yes or no, and
knows no "cannot tell now", which would be a 401 that throws the token away, or a 500; nor does
the SDK's own challenge name the scope that a client should ask for.
"""

import json
from http import HTTPStatus
from urllib.parse import urlsplit

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken as McpAccessToken
from mcp.server.auth.provider import TokenVerifier
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from resource_service.authenticator import Authenticator, BearerAuthenticator
from resource_service.protection.remote import CROSS_ORIGIN, RemoteVerification, metadata_url
from shared.access_token import AccessToken, AccessTokenVerifier
from shared.bearer import challenge
from shared.errors import InsufficientScope, InvalidToken, OAuthError, TemporarilyUnavailable
from shared.http.errors import error_response


def protect_mcp(
    app: Starlette,
    *,
    issuer: str,
    resource: str,
    scope: str = "",
    jwks_uri: str = "",
    status_lists_uri: str = "",
) -> ASGIApp:
    """Set a gate before the app of an MCP server; return what is to be served instead of it.

    `resource` is the server's own address, which the tokens' `aud` must contain; `scope` is what
    every request needs. Tools find the token's claims by the SDK's `get_access_token`. The server
    must have no `auth` of its own. `ValueError` for a URL that is neither https nor loopback.
    """
    remote = RemoteVerification(
        issuer, resource, jwks_uri=jwks_uri, status_lists_uri=status_lists_uri
    )
    remote.keep_fresh_in(app)
    authenticator = BearerAuthenticator(remote.verifier)
    return Gate(app, authenticator, issuer, resource, frozenset(scope.split()))


class Gate:
    """ASGI middleware: verified requests pass, others get a challenge (RFC 6750 §3, RFC 9728 §5.1).

    Everything is behind it but the resource's own metadata (RFC 9728 §3).
    """

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        issuer: str,
        resource: str,
        scope: frozenset[str],
    ) -> None:
        self._app = AuthContextMiddleware(app)
        self._authenticator = authenticator
        self._resource = resource
        self._scope = scope
        self._metadata_url = metadata_url(resource)
        self._metadata_path = urlsplit(self._metadata_url).path
        self._metadata = json.dumps(
            {
                "resource": resource,
                "authorization_servers": [issuer],
                "scopes_supported": sorted(scope),
                "bearer_methods_supported": ["header"],
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == self._metadata_path:
            await self._describe(scope["method"])(scope, receive, send)
        else:
            await self._admit(scope, receive, send)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            token = self._authenticator.recall(scope)
            if token is None:
                token = await self._authenticator.authenticate(scope)
            if not self._scope <= token.scope:
                raise InsufficientScope(self._scope)
        except OAuthError as error:
            await error_response(error, self._challenge(error))(scope, receive, send)
            return
        user = AuthenticatedUser(_for_tools(token, self._resource))
        known = {**scope, "user": user, "auth": AuthCredentials(user.scopes)}
        await self._app(known, receive, send)

    def _describe(self, method: str) -> Response:
        if method not in {"GET", "HEAD", "OPTIONS"}:
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers={"allow": "GET"})
        if method == "OPTIONS":
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=CROSS_ORIGIN)
        return Response(self._metadata, 200, CROSS_ORIGIN, "application/json")

    def _challenge(self, error: OAuthError) -> dict[str, str]:
        if isinstance(error, TemporarilyUnavailable):
            return {}
        value = challenge(error, scope=self._scope, resource_metadata=self._metadata_url)
        return {"www-authenticate": value}


class SealgateTokenVerifier(TokenVerifier):
    """The SDK's own protocol, for a server that is set up with the SDK's `AuthSettings`.

    When it cannot know (keys or lists out of reach) it raises, and the SDK answers 500.
    """

    def __init__(self, verifier: AccessTokenVerifier, resource: str) -> None:
        self._verifier = verifier
        self._resource = resource

    async def verify_token(self, token: str) -> McpAccessToken | None:
        """Return what tools may know of a good token, None for a bad one."""
        try:
            return _for_tools(await self._verifier.verify(token), self._resource)
        except InvalidToken:
            return None


def _for_tools(token: AccessToken, resource: str) -> McpAccessToken:
    """Return what a tool may know: not the token itself, which it must not pass on.

    (MCP, Security Best Practices, "Token Passthrough".)
    """
    return McpAccessToken(
        token="",
        client_id=token.client_id,
        scopes=sorted(token.scope),
        expires_at=token.exp,
        resource=resource,
        subject=token.sub,
        claims={"iss": token.iss},
    )
