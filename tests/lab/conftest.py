"""A stack with two replicas of each scheme, for the tests of this folder."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lab import fleet, schemes
from lab.client import Client
from lab.fleet import Fleet
from lab.schemes import Account
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.stack import Stack

SIZES = (1, 2)


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[Stack]:
    """Issuer, database, two production replicas and load balancers, on free ports."""
    folder = Path(tempfile.mkdtemp(prefix="sealgate-test-"))
    async with Stack(
        folder, Ports.free(max(SIZES)), Settings(auth=UNTHROTTLED, restart=False)
    ) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def memory(stack: Stack) -> Fleet:
    """Two replicas with sessions in memory."""
    return await fleet.start(stack, schemes.find("memory"), SIZES)


@pytest.fixture(scope="session")
async def rs256(stack: Stack) -> Fleet:
    """Two production replicas."""
    return await fleet.start(stack, schemes.find("rs256+status"), SIZES)


@pytest.fixture
def account(stack: Stack) -> Account:
    """The demo user."""
    return fleet.account(stack)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """The lab's own HTTP client."""
    async with Client() as open_client:
        yield open_client
