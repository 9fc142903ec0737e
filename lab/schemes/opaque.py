"""`opaque`: a token that the replica cannot read, and asks the issuer about (RFC 7662).

On every request, and nothing is cached: a cache would be a revocation delay like the JWT's. The
issuer is asked with the lab's own client (`lab.client`), since httpx would take about 2 ms of CPU
a call. The token is the issuer's usual one; that it could be read is not made use of.
"""

import base64
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import FastAPI, Request

from lab import client
from lab.client import Client, Headers, NoAnswer
from lab.schemes import Person, Places, Scheme, rs256, serving, session_app
from lab.schemes.password_check import ClientSettings
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.bearer import bearer_token
from shared.errors import InvalidToken, TemporarilyUnavailable


class OpaqueSettings(ClientSettings):
    """The client that this application is at the issuer; `store_url` is the issuer's address."""

    store_url: str


class _Inactive(msgspec.Struct, frozen=True):
    active: bool


class IntrospectingAuthenticator(Authenticator):
    """Asks the issuer about the token in the Authorization header, each time anew."""

    def __init__(self, issuer_url: str, client_id: str, client_secret: str, audience: str) -> None:
        basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._url = f"{issuer_url}/introspect"
        self._headers = ("authorization", f"Basic {basic}")
        self._audience = audience
        self._http = Client(timeout=3.0)
        self._is_active = msgspec.json.Decoder(_Inactive).decode
        self._claims = msgspec.json.Decoder(AccessToken).decode

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Close the connections at the end."""
        async with self._http:
            yield

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return what the issuer says of the token, or raise `MissingToken` or `InvalidToken`.

        `TemporarilyUnavailable` when the issuer does not say.
        """
        token = bearer_token(Request(scope).headers.get("authorization"))
        asked = client.Request.form(self._url, [("token", token)], self._headers)
        try:
            answer = await self._http.send(asked)
        except NoAnswer as error:
            raise TemporarilyUnavailable(
                "the issuer cannot be asked", reason=str(error), retry_after=2
            ) from error
        if answer.status != HTTPStatus.OK:
            raise TemporarilyUnavailable("the issuer does not say", reason=str(answer.status))
        if not self._is_active(answer.body).active:
            raise InvalidToken("the issuer does not vouch for this token")
        claims = self._claims(answer.body)
        if claims.aud != self._audience or claims.exp <= time.time():
            raise InvalidToken("the token is not for us, or no longer")
        return claims


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator."""
    own = OpaqueSettings.load()
    secret = own.client_secret.get_secret_value()
    authenticator = IntrospectingAuthenticator(
        own.store_url, own.client_id, secret, settings.audience
    )
    return session_app.create_app_with(settings, authenticator, authenticator.opened())


async def _seed(_places: Places, people: Sequence[Person]) -> list[Headers]:
    """Nobody has to be told: the issuer knows its tokens."""
    return [(("authorization", f"Bearer {person.token}"),) for person in people]


SCHEME: Final = Scheme(
    name="opaque",
    title="opaque token, introspected at the issuer",
    module="lab.schemes.opaque",
    log_in=rs256.SCHEME.log_in,
    seed=_seed,
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_STORE_URL"),
    store="issuer",
)

if __name__ == "__main__":
    serving.main(create_app)
