"""The auth service, wired: the only module that knows every other one."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from auth_service import pages, status_lists
from auth_service.endpoints import (
    account,
    admin_clients,
    admin_users,
    authorize,
    consent,
    device,
    device_authorization,
    email_address,
    health,
    introspection,
    jwks,
    login,
    logout,
    metadata,
    metrics,
    par,
    password_reset,
    registration,
    revocation,
    second_step,
    status_list,
    token,
    two_step,
    userinfo,
    users,
)
from auth_service.endpoints.address import UntrustedProxies
from auth_service.endpoints.cross_origin import CrossOrigin, Policy
from auth_service.endpoints.direct import Direct
from auth_service.endpoints.under_path import UnderPath
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.server import open_server
from auth_service.settings import Settings
from auth_service.upkeep import kept_up
from shared.bearer import challenge
from shared.database import UNAVAILABLE
from shared.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidToken,
    MissingToken,
    OAuthError,
    TemporarilyUnavailable,
)
from shared.http import documentation, errors, methods, openapi

_LOG = logging.getLogger(__name__)
_DESCRIPTION: Final = """
Access tokens are JWTs (RFC 9068), signed with RS256; whoever has the public keys can verify them
alone.

To try it here: press **Authorize** and give a client's id and secret, open *Get tokens* and press
**Try it out**. Every refusal has one shape: `error`, for programs, and mostly
`error_description`, for people.
"""
_TAGS: Final = [
    {"name": "tokens", "description": "Where log-ins become tokens."},
    {"name": "authorization", "description": "Where people log in, agree, and log out."},
    {"name": "revocation", "description": "Whether a token is still good, and ending it."},
    {"name": "discovery", "description": "What clients and verifiers find out by themselves."},
    {"name": "clients", "description": "Programs that register themselves."},
    {"name": "users", "description": "Registering, and changing one's password."},
    {
        "name": "administration",
        "description": "Users and clients, with a token for this server and the scope `admin`.",
    },
    {"name": "operations", "description": "For load balancers and Prometheus."},
]


class AuthService(FastAPI):
    """The application; its outermost layer sees every answer, even to what nobody foresaw."""

    def build_middleware_stack(self) -> ASGIApp:
        """Build the framework's layers, with ours around them."""
        inner = CrossOrigin(
            super().build_middleware_stack(), self.state.policies, https=self.state.https
        )
        path: str = self.state.path
        return UnderPath(inner, path, metadata.PATHS) if path else inner


def create_app(settings: Settings, *, now: Callable[[], float] = time.time) -> FastAPI:
    """Build the application; nothing is opened before its lifespan starts.

    It starts with the database down too, and answers 503 until that is there. Raises
    `KeyEncryptionKeyRefused` when there is no usable key-encryption key.
    """
    key_encryption_key = KeyEncryptionKey.load(settings.key_encryption_key_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_server(settings, key_encryption_key, now) as server, kept_up(server):
            app.state.server = server
            yield

    app = AuthService(
        title="Sealgate auth service",
        summary="An OAuth 2.1 authorization server: log in, get a signed token.",
        description=_DESCRIPTION,
        version="0.1.0",
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": settings.path}] if settings.path else None,
        lifespan=lifespan,
    )
    app.state.path = settings.path
    app.state.https = settings.issuer.startswith("https:")
    app.state.policies = _policies(settings.cors_origins)
    app.state.untrusted_proxies = UntrustedProxies(now)
    for endpoint in (
        *(token, revocation, introspection, par, authorize, userinfo, logout),
        device_authorization,
        *(
            registration,
            admin_users,
            admin_clients,
            jwks,
            status_list,
            metadata,
            users,
            health,
            metrics,
        ),
    ):
        app.include_router(endpoint.router)
    for page in (
        login,
        consent,
        device,
        account,
        second_step,
        two_step,
        email_address,
        password_reset,
        pages,
    ):
        app.include_router(page.router)
    errors.install(app, _refused)
    for unavailable in UNAVAILABLE:
        app.add_exception_handler(unavailable, _database_unavailable)
    methods.install(app)
    openapi.install(app)
    documentation.install(app, path=settings.path)
    app.add_middleware(Direct, service=app, method="POST", path=token.PATH, endpoint=token.token)
    return app


def _policies(origins: tuple[str, ...]) -> dict[str, Policy]:
    """Open what clients call to `origins`, and what is public anyway to all."""
    public, ours = Policy("GET"), Policy("POST", frozenset(origins))
    return {
        token.PATH: ours,
        revocation.PATH: ours,
        par.PATH: ours,
        registration.PATH: ours,
        userinfo.PATH: Policy("GET, POST"),
        jwks.PATH: public,
        status_lists.PATH: public,
        f"{status_lists.PATH}/": public,
        **dict.fromkeys(metadata.PATHS, public),
    }


def _refused(request: Request, error: OAuthError) -> dict[str, str]:
    """Count it; a 401 names a way to authenticate, whichever was tried (RFC 9110 §15.5.2)."""
    request.app.state.server.metrics.refusals[error.error] += 1
    if isinstance(error, InvalidClient):
        return {"www-authenticate": 'Basic realm="sealgate", charset="UTF-8"'}
    if isinstance(error, MissingToken | InvalidToken | InsufficientScope):
        return {"www-authenticate": challenge(error)}
    return {}


async def _database_unavailable(request: Request, error: Exception) -> JSONResponse:
    refusal = TemporarilyUnavailable("the database is out of reach", retry_after=2)
    _LOG.warning("refused %s %s: %r", request.method, request.url.path, error)
    return errors.error_response(refusal, _refused(request, refusal))
