"""Fixtures: keys, tokens, the issuer's key server, and the service without a database."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from resource_service.app import create_app
from resource_service.key_set_file import KeySetFile
from resource_service.remote_key_set import RemoteKeySet
from resource_service.settings import Settings
from shared.jws import SigningKey
from tests.resource_service.clock import Clock, MakeKeySet, fetched
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign, client


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def sign(signing_key: SigningKey) -> Sign:
    """Make a token that is good unless the claims given say otherwise; None leaves one out."""

    def sign(*, typ: str = "at+jwt", key: SigningKey = signing_key, **claims: Any) -> str:
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "demo",
            "jti": secrets.token_urlsafe(),
            "iat": now,
            "exp": now + 300,
            "scope": "notes:read notes:write",
        }
        members = {name: value for name, value in (good | claims).items() if value is not None}
        return key.sign(json.dumps(members).encode(), typ=typ)

    return sign


@pytest.fixture
async def jwks(signing_key: SigningKey) -> AsyncIterator[JwksServer]:
    server = JwksServer()
    server.serve(signing_key)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def make(clock: Clock, jwks: JwksServer) -> AsyncIterator[MakeKeySet]:
    """Make key sets on the fake clock; jitter 0 unless told."""
    async with httpx.AsyncClient() as http:

        def make(
            timeout: float = 1.0,
            jitter: Callable[[], float] = float,
            file: KeySetFile | None = None,
            shortest_life: float = 60.0,
        ) -> RemoteKeySet:
            return RemoteKeySet(
                http,
                jwks.url,
                file=file,
                shortest_life=shortest_life,
                timeout=timeout,
                now=lambda: clock.now,
                call_later=clock.call_later,
                jitter=jitter,
            )

        yield make
        await fetched()


@pytest.fixture
async def keys(make: MakeKeySet, signing_key: SigningKey) -> AsyncIterator[RemoteKeySet]:
    """A key set that has fetched once."""
    keys = make()
    async with keys.kept_fresh():
        await fetched()
        assert keys.trusted(signing_key.kid) is not None
        yield keys


@pytest.fixture
def settings(jwks: JwksServer) -> Settings:
    """Settings for an app whose database nobody has started."""
    return Settings(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_uri=jwks.url,
        database_url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"),
        replica="replica-1",
    )


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The service without a database."""
    async with client(create_app(settings)) as http:
        yield http
