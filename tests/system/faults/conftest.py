"""Fixtures: a stack with two issuers to be broken and mended, and a client that sees all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab.client import Client
from tests.system.faults import pair as pairs
from tests.system.faults.pair import Pair


@pytest.fixture(scope="session")
async def pair(state_folder: Path) -> AsyncIterator[Pair]:
    """Two issuers and the rest of a stack; who breaks it, mends it."""
    async with pairs.pair(state_folder / "pair") as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """The lab's client: no retries, no limit of connections."""
    async with Client(timeout=20) as open_client:
        yield open_client
