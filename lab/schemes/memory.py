"""`memory`: a session in the replica's own memory, and its id in a cookie.

The replica takes user and password, checks them at the issuer (so every scheme has the same
users) and remembers who it was. No other process can recognise the cookie, and this one forgets
it when it ends.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

import httpx
import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lab import client
from lab.schemes import SCOPE, Account, LogIn, Scheme, Site, serving
from lab.schemes.sessions import Sessions
from resource_service.app import create_app as create_resource_app
from resource_service.authenticator import Scope
from resource_service.settings import Settings
from shared import jws
from shared.access_token import AccessToken
from shared.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    MissingToken,
    TemporarilyUnavailable,
)
from shared.settings import ServiceSettings

COOKIE: Final = "session"


class ClientSettings(ServiceSettings):
    """The client that this application is at the issuer, from LAB_* variables."""

    model_config = SettingsConfigDict(env_prefix="LAB_", frozen=True, extra="forbid")

    client_id: str
    client_secret: SecretStr


class SessionAuthenticator:
    """Knows a request by its session cookie."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the claims of the session's user, or raise `MissingToken` or `InvalidToken`."""
        session_id = Request(scope).cookies.get(COOKIE)
        if session_id is None:
            raise MissingToken(reason="no session cookie")
        user = self._sessions.read(session_id)
        if user is None:
            raise InvalidToken("this server knows no such session")
        return user


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator, and add `/login` and `/logout`."""
    client_settings = ClientSettings.load()
    sessions = Sessions()
    app = create_resource_app(settings, authenticator=SessionAuthenticator(sessions))
    app.include_router(_router(sessions, settings.issuer, client_settings))
    return app


def _router(sessions: Sessions, issuer: str, client_settings: ClientSettings) -> APIRouter:
    router = APIRouter(tags=["session"])

    @router.post("/login", status_code=HTTPStatus.NO_CONTENT)
    async def log_in(request: Request, response: Response) -> None:
        """Begin a session. The cookie lacks `Secure` only because the lab speaks plain http."""
        username, password = _credentials(await request.body())
        user = await _check_password(issuer, client_settings, username, password)
        response.set_cookie(COOKIE, sessions.open(user), path="/", httponly=True, samesite="lax")
        response.headers["cache-control"] = "no-store"

    @router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
    async def log_out(request: Request, response: Response) -> None:
        """End the session, here and in the browser."""
        sessions.close(request.cookies.get(COOKIE, ""))
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")

    return router


def _credentials(form: bytes) -> tuple[str, str]:
    """Read username and password from a form body, or raise `InvalidRequest`."""
    try:
        parameters = parse_qs(form.decode("ascii"), strict_parsing=True, max_num_fields=2)
        [username], [password] = parameters["username"], parameters["password"]
    except (KeyError, ValueError) as error:
        raise InvalidRequest("send username and password, as a form") from error
    return username, password


async def _check_password(
    issuer: str, client_settings: ClientSettings, username: str, password: str
) -> AccessToken:
    """Return who the user is, by the issuer's password grant (RFC 6749 §4.3).

    The token is read without a check of its signature: it comes from the issuer itself, over
    our own connection (as OpenID Connect Core §3.1.3.7 allows for an ID token).
    """
    secret = client_settings.client_secret.get_secret_value()
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
            answer = await http.post(
                f"{issuer}/token",
                data={
                    "grant_type": "password",
                    "username": username,
                    "password": password,
                    "scope": SCOPE,
                },
                auth=(client_settings.client_id, secret),
            )
    except httpx.TransportError as error:
        raise TemporarilyUnavailable("the issuer does not answer", reason=str(error)) from error
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TemporarilyUnavailable("the issuer cannot check passwords now")
    if answer.status_code != HTTPStatus.OK:
        raise InvalidGrant(reason=answer.text)
    payload = answer.json()["access_token"].split(".")[1]
    return msgspec.json.decode(jws.decode(payload.encode("ascii")), type=AccessToken)


async def _log_in(http: client.Client, site: Site, account: Account) -> LogIn:
    request = client.Request.form(
        f"{site.api}/login",
        [("username", account.username), ("password", account.password)],
    )
    response = await http.send(request)
    cookie = (response.header("set-cookie") or "").partition(";")[0]
    credential = (("cookie", cookie),) if response.status == HTTPStatus.NO_CONTENT else ()
    return LogIn(request, response, credential)


SCHEME: Final = Scheme(
    name="memory",
    title="session in the server's memory",
    module="lab.schemes.memory",
    log_in=_log_in,
)

if __name__ == "__main__":
    serving.main(create_app)
