"""Issuers that boot together on an empty database agree on everything."""

import asyncio
from typing import Any

import pytest

from tests.auth_service.ring import states


async def boot_together(start: Any, owner: Any, number: int) -> None:
    """Start issuers on an empty database: one active key, one JWKS, one of each other key.

    They migrate it themselves, so their role may make tables.
    """
    await owner.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC"
    )
    contexts = [start() for _ in range(number)]
    issuers = await asyncio.gather(*(context.__aenter__() for context in contexts))
    try:
        bodies = [(await issuer.http.get("/.well-known/jwks.json")).content for issuer in issuers]
        assert len(set(bodies)) == 1
        assert await states(issuers[0]) == ["active", "published"]
        assert len({issuer.server.keys.active_kid for issuer in issuers}) == 1
        assert len({issuer.server.refresh_tokens._key.mac(b"") for issuer in issuers}) == 1
        assert len({issuer.server.visitor_key.mac(b"") for issuer in issuers}) == 1
    finally:
        await asyncio.gather(*(context.__aexit__(None, None, None) for context in contexts))


async def test_issuers_that_boot_together_on_an_empty_database_agree(
    start: Any, auth_owner: Any
) -> None:
    await boot_together(start, auth_owner, 5)


@pytest.mark.faults
async def test_two_issuers_that_boot_together_agree_twenty_times_out_of_twenty(
    start: Any, auth_owner: Any
) -> None:
    for _ in range(20):
        await boot_together(start, auth_owner, 2)
