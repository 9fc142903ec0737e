"""Fixtures: clients with redirect URIs, and a person in a browser."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from auth_service.store import clients, users
from auth_service.store.clients import Client
from tests.auth_service.browser_flow.person import CALLBACK, Person
from tests.auth_service.conftest import SECRET

EVERYTHING = "openid profile email address phone offline_access notes:read notes:write"
CLAIMS = {
    "name": "Alice Liddell",
    "given_name": "Alice",
    "family_name": "Liddell",
    "updated_at": 1_700_000_000,
    "email": "alice@example.org",
    "email_verified": True,
    "address": {"locality": "Oxford", "country": "UK"},
    "phone_number": "+44 1865 000000",
    "phone_number_verified": False,
}


@pytest.fixture
async def app(issuer: Any) -> Any:
    """The issuer with alice's claims and a client of each kind."""
    db = issuer.server.db
    await users.set_claims(db, "alice", CLAIMS)

    async def add(client_id: str, *redirect_uris: str, **changes: Any) -> None:
        values: dict[str, Any] = {
            "client_id": client_id,
            "name": f"The {client_id}",
            "secret_sha256": hashlib.sha256(SECRET.encode()).digest(),
            "grant_types": frozenset({"authorization_code", "refresh_token"}),
            "scope": frozenset(EVERYTHING.split()),
            "first_party": False,
            "created_at": issuer.server.time(),
            "disabled_at": None,
            "redirect_uris": redirect_uris,
            "post_logout_redirect_uris": ("https://app.example/bye",),
            **changes,
        }
        assert await clients.add(db, Client(**values))

    await add("app", CALLBACK)
    await add("lax", CALLBACK, require_pkce=False)
    await add("two", CALLBACK, "https://app.example/other?a=b")
    await add("spa", CALLBACK, secret_sha256=None, require_pkce=False)
    await add("native", "http://127.0.0.1/cb", "com.example.app:/cb", secret_sha256=None)
    await add("codeless", CALLBACK, grant_types=frozenset({"client_credentials"}))
    await add("gone", CALLBACK)
    await clients.disable(db, "gone", issuer.server.time())
    return issuer


@pytest.fixture
async def person(app: Any) -> AsyncIterator[Person]:
    """A person whose browser has no cookie yet."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app.app, raise_app_exceptions=False),
        base_url=app.server.settings.issuer,
    ) as http:
        yield Person(http)
