"""Fixtures: a relay, and an issuer that sends mails through it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from tests.auth_service.browser_flow.mails.mailing import Relay, relaying


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    """A relay that takes everything in clear."""
    handler = Relay()
    async with relaying(handler) as port:
        handler.url = f"smtp://127.0.0.1:{port}"
        yield handler


@pytest.fixture
async def issuer(start: Any, register: Any, relay: Relay) -> Any:
    """An issuer that sends mails."""
    async with start(smtp_url=SecretStr(relay.url)) as running:
        await register(running.server)
        yield running
