"""The auth service, wired: the only module that knows every other one."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from auth_service.endpoints import cors, health, jwks, metadata, metrics, token, users
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.server import open_server
from auth_service.settings import Settings
from auth_service.upkeep import kept_up
from shared.database import UNAVAILABLE
from shared.errors import InvalidClient, OAuthError, TemporarilyUnavailable
from shared.http import documentation, errors, openapi

_LOG = logging.getLogger(__name__)
_DESCRIPTION = """
Tokens are JWTs (RFC 9068), signed with RS256. Every refusal has one shape: `error`, for
programs, and mostly `error_description`, for people.
"""


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

    app = FastAPI(
        title="Sealgate auth service",
        summary="An OAuth 2.1 authorization server: log in, get a signed token.",
        description=_DESCRIPTION,
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    for endpoint in (token, jwks, metadata, users, health, metrics):
        app.include_router(endpoint.router)
    app.add_middleware(cors.CrossOrigin, policies=cors.policies(settings.cors_origins))
    errors.install(app, _headers)
    for unavailable in UNAVAILABLE:
        app.add_exception_handler(unavailable, _database_unavailable)
    openapi.install(app)
    documentation.install(app)
    return app


def _headers(_request: Request, error: OAuthError) -> dict[str, str]:
    """A 401 names a way to authenticate, whichever was tried (RFC 9110 §15.5.2, RFC 6749 §5.2)."""
    if isinstance(error, InvalidClient):
        return {"www-authenticate": 'Basic realm="sealgate", charset="UTF-8"'}
    return {}


async def _database_unavailable(request: Request, error: Exception) -> JSONResponse:
    _LOG.warning(
        "database unavailable %s %s: %s", request.method, request.url.path, type(error).__name__
    )
    return errors.error_response(TemporarilyUnavailable("the database does not answer"), {})
