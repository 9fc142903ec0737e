"""Fixtures: clients that have keys, and the site where they publish them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from auth_service.settings import Settings
from auth_service.store import clients
from auth_service.store.clients import Client
from shared.jws import SigningKey
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.clients.assertion import Signer
from tests.resource_service.issuer import JwksServer


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The usual settings, with sites on this machine."""
    return settings.model_copy(update={"fetch_from_loopback": True})


@pytest.fixture
async def site() -> AsyncIterator[JwksServer]:
    """A client's own web server."""
    site = JwksServer()
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
def signer(signing_key: SigningKey, clock: Any) -> Signer:
    """Signs assertions of the client `keyed`."""
    return Signer(signing_key, clock)


@pytest.fixture
async def app(issuer: Any, signing_key: SigningKey, site: JwksServer) -> Any:
    """The issuer with a client that has its keys inline, and one that has them at its site."""
    site.serve(signing_key)
    jwks = json.dumps({"keys": [signing_key.public_jwk]})
    published: dict[str, dict[str, Any]] = {
        "keyed": {"jwks": jwks},
        "hosted": {"jwks_uri": site.url},
    }
    for client_id, keys in published.items():
        client = Client(
            client_id=client_id,
            name=client_id,
            secret_sha256=None,
            grant_types=frozenset({"client_credentials"}),
            scope=frozenset({"notes:read"}),
            first_party=False,
            created_at=issuer.server.time(),
            disabled_at=None,
            token_endpoint_auth_method="private_key_jwt",
            **keys,
        )
        assert await clients.add(issuer.server.db, client)
    return issuer


@pytest.fixture
async def open_issuer(start: Any, register: Any) -> AsyncIterator[Any]:
    async with start(client_registration="open", client_registration_limit=60) as issuer:
        await register(issuer.server)
        yield issuer


@pytest.fixture
async def person(open_issuer: Any) -> Any:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(open_issuer.app, raise_app_exceptions=False),
        base_url=open_issuer.server.settings.issuer,
    ) as http:
        yield Person(http)
