"""`basic`: name and password with every request (RFC 7617), against hashes in PostgreSQL.

The hashes are Argon2id as the issuer makes them by default (19 MiB, t = 2, p = 1): a password
that people choose is never stored under a fast hash, so every request pays for a slow one.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import FastAPI, Request
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from lab import client
from lab.client import Headers
from lab.schemes import Account, LogIn, Person, Places, Scheme, Site, serving, session_app
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.database import UNAVAILABLE, Pool, create_pool
from shared.errors import InvalidToken, MissingToken, TemporarilyUnavailable
from shared.settings import ServiceSettings

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS users (
    name text PRIMARY KEY,
    password_hash text NOT NULL,
    claims bytea NOT NULL
)
"""
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class BasicSettings(ServiceSettings):
    """Where the users are, from LAB_* variables."""

    model_config = SettingsConfigDict(env_prefix="LAB_", frozen=True, extra="forbid")

    store_url: SecretStr


class BasicAuthenticator(Authenticator):
    """Knows a request by name and password, each time anew."""

    def __init__(self, url: str, *, size: int) -> None:
        self._url = url
        self._size = size
        self._pool: Pool | None = None
        self._decode = msgspec.json.Decoder(AccessToken).decode
        self._nobody = _HASHER.hash("nobody")  # an unknown name costs as much as a known one

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Lend connections until the end."""
        async with create_pool(self._url, size=self._size, command_timeout=3) as self._pool:
            yield

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the user's claims, or raise `MissingToken` or `InvalidToken`."""
        name, password = _credentials(Request(scope).headers.get("authorization"))
        row = await self._find(name)
        stored = self._nobody if row is None else row["password_hash"]
        matches = await asyncio.to_thread(_matches, stored, password)
        if row is None or not matches:
            raise InvalidToken("the name or the password is wrong")
        return self._decode(row["claims"])

    async def _find(self, name: str) -> asyncpg.Record | None:
        assert self._pool is not None  # noqa: S101 - entered before the first request
        try:
            async with self._pool.acquire() as connection:
                return await connection.fetchrow(
                    "SELECT password_hash, claims FROM users WHERE name = $1", name
                )
        except UNAVAILABLE as error:
            raise TemporarilyUnavailable(
                "the users are out of reach", reason=repr(error), retry_after=2
            ) from error


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator."""
    url = BasicSettings.load().store_url.get_secret_value()
    authenticator = BasicAuthenticator(url, size=settings.database_pool_size)
    return session_app.create_app_with(settings, authenticator, authenticator.opened())


def _credentials(header: str | None) -> tuple[str, str]:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise MissingToken(reason="no Basic credentials")
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidToken("the credentials are malformed") from error
    if not colon or "\0" in name:
        raise InvalidToken("the credentials are malformed")
    return name, password


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except VerifyMismatchError:
        return False


def _header(name: str, password: str) -> Headers:
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return (("authorization", f"Basic {encoded}"),)


async def _log_in(http: client.Client, site: Site, account: Account) -> LogIn:
    """Ask once; there is no log-in, so each request is one."""
    credential = _header(account.username, account.password)
    request = client.Request("GET", f"{site.api}/whoami", credential)
    response = await http.send(request)
    return LogIn(request, response, credential if response.status == 200 else ())


async def _seed(places: Places, people: Sequence[Person]) -> list[Headers]:
    """Hash each different password once: people who share one share a hash here."""
    hashes: dict[str, str] = {}
    for password in {person.password for person in people}:
        hashes[password] = await asyncio.to_thread(_HASHER.hash, password)
    connection = await asyncpg.connect(places.database_url)
    try:
        await connection.execute(_TABLE)
        await connection.executemany(
            "INSERT INTO users VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE"
            " SET password_hash = excluded.password_hash",
            [(p.name, hashes[p.password], msgspec.json.encode(p.claims)) for p in people],
        )
    finally:
        await connection.close()
    return [_header(person.name, person.password) for person in people]


SCHEME: Final = Scheme(
    name="basic",
    title="HTTP Basic, hashes in PostgreSQL",
    module="lab.schemes.basic",
    log_in=_log_in,
    seed=_seed,
    variables=("LAB_STORE_URL",),
    store="postgres",
)

if __name__ == "__main__":
    serving.main(create_app)
