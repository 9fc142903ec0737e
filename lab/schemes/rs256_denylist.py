"""`rs256+denylist`: a signed token, and a list in Redis of what is revoked, asked every time.

What people build who want a log-out to count at once. Not one of the schemes compared: it stands
beside `rs256+status` in one experiment (C2).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from fastapi import FastAPI

from lab.schemes import Places, rs256, serving, session_app
from lab.schemes.password_check import ClientSettings
from lab.schemes.redis import availability, connect
from resource_service import protection
from resource_service.authenticator import Authenticator, BearerAuthenticator, Scope
from resource_service.remote_key_set import RemoteKeySet
from resource_service.settings import Settings
from shared.access_token import AccessToken, AccessTokenVerifier
from shared.errors import InvalidToken


class DenyListSettings(ClientSettings):
    """Where the list is, from LAB_STORE_URL."""

    store_url: str


class DenyListAuthenticator(Authenticator):
    """Verifies a token as the resource service does, and then asks whether it was revoked."""

    def __init__(self, settings: Settings, store_url: str) -> None:
        http = protection.issuer_client(settings.jwks_uri)
        self._keys = RemoteKeySet(http, settings.jwks_uri)
        verifier = AccessTokenVerifier(self._keys, settings.issuer, settings.audience)
        self._tokens = BearerAuthenticator(verifier)
        self._valkey = connect(store_url)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the keys fresh; close the connections at the end."""
        async with self._keys.kept_fresh():
            try:
                yield
            finally:
                await self._valkey.aclose()

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the token; `InvalidToken` if it is bad or denied, 503 if nobody can say."""
        token = self._tokens.recall(scope) or await self._tokens.authenticate(scope)
        with availability():
            denied = await self._valkey.exists(_key(token))
        if denied:
            raise InvalidToken("the token was revoked")
        return token


async def deny(places: Places, token: AccessToken) -> None:
    """Put a token on the list, for as long as it would live."""
    valkey = connect(places.redis_url)
    try:
        await valkey.set(_key(token), b"", exat=token.exp)
    finally:
        await valkey.aclose()


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator."""
    authenticator = DenyListAuthenticator(settings, DenyListSettings.load().store_url)
    return session_app.create_app_with(settings, authenticator, authenticator.opened())


def _key(token: AccessToken) -> str:
    return f"denied:{token.jti}"


SCHEME: Final = replace(
    rs256.SCHEME,
    name="rs256+denylist",
    title="signed access token (JWT), with a deny-list in Redis",
    module="lab.schemes.rs256_denylist",
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_STORE_URL"),
    store="redis",
)

if __name__ == "__main__":
    serving.main(create_app)
