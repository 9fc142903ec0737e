"""The production app with sessions: an authenticator by cookie, `/login` and `/logout`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any, Final, Protocol

from fastapi import APIRouter, FastAPI, Request, Response

from lab import client
from lab.schemes import Account, LogIn, Site
from lab.schemes.password_check import ClientSettings, check_password, credentials
from resource_service.app import create_app as create_resource_app
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.errors import InvalidToken, MissingToken

COOKIE: Final = "session"
# All in seconds.
IDLE_TIMEOUT: Final = 30 * 60.0  # without a request
LIFETIME: Final = 12 * 3600.0  # since log-in, however busy


class SessionStore(Protocol):
    """Where sessions are. May raise `TemporarilyUnavailable`; an unknown id is no error."""

    async def open(self, user: AccessToken) -> str:
        """Begin a session and return its id, which is new at every log-in."""
        ...

    async def read(self, session_id: str) -> AccessToken | None:
        """Return the session's user; None if there is no such session, or no longer."""
        ...

    async def close(self, session_id: str) -> None:
        """End a session now."""
        ...


class SessionAuthenticator(Authenticator):
    """Knows a request by its session cookie."""

    def __init__(self, sessions: SessionStore) -> None:
        self._read = sessions.read

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the claims of the session's user, or raise `MissingToken` or `InvalidToken`."""
        session_id = Request(scope).cookies.get(COOKIE)
        if session_id is None:
            raise MissingToken(reason="no session cookie")
        user = await self._read(session_id)
        if user is None:
            raise InvalidToken("this server knows no such session")
        return user


def create_app(
    settings: Settings, client_settings: ClientSettings, sessions: SessionStore
) -> FastAPI:
    """Build the production app with this authenticator, and add `/login` and `/logout`."""
    app = create_resource_app(settings, authenticator=SessionAuthenticator(sessions))
    app.include_router(_router(sessions, settings.issuer, client_settings))
    return app


def create_app_with(
    settings: Settings,
    authenticator: Authenticator,
    opened: AbstractAsyncContextManager[object],
) -> FastAPI:
    """Build the production app with an authenticator that needs something opened meanwhile."""
    app = create_resource_app(settings, authenticator=authenticator)
    keep_open(app, opened)
    return app


def keep_open(app: FastAPI, opened: AbstractAsyncContextManager[object]) -> None:
    """Have `opened` entered when the app starts and left when it stops."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Any]:
        async with opened, inner(app) as state:
            yield state

    app.router.lifespan_context = lifespan


def _router(sessions: SessionStore, issuer: str, client_settings: ClientSettings) -> APIRouter:
    router = APIRouter(tags=["session"])

    @router.post("/login", status_code=HTTPStatus.NO_CONTENT)
    async def log_in(request: Request, response: Response) -> None:
        """Begin a session. The cookie lacks `Secure` only because the lab speaks plain http."""
        username, password = credentials(await request.body())
        user = await check_password(issuer, client_settings, username, password)
        session_id = await sessions.open(user)
        response.set_cookie(COOKIE, session_id, path="/", httponly=True, samesite="lax")
        response.headers["cache-control"] = "no-store"

    @router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
    async def log_out(request: Request, response: Response) -> None:
        """End the session, here and in the browser."""
        await sessions.close(request.cookies.get(COOKIE, ""))
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

    return router


async def log_in(http: client.Client, site: Site, account: Account) -> LogIn:
    """Log in as a browser does, and keep every cookie that comes back."""
    request = client.Request.form(
        f"{site.api}/login",
        [("username", account.username), ("password", account.password)],
    )
    response = await http.send(request)
    cookies = [value.partition(";")[0] for name, value in response.headers if name == "set-cookie"]
    succeeded = response.status == HTTPStatus.NO_CONTENT
    return LogIn(request, response, (("cookie", "; ".join(cookies)),) if succeeded else ())


def cookie(session_id: str) -> client.Headers:
    """Return what a client with this session sends."""
    return (("cookie", f"{COOKIE}={session_id}"),)
