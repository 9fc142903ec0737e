"""A verified request costs no SQL statement and no outgoing call: counted, not believed."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from resource_service.app import create_app
from resource_service.settings import Settings
from stack.postgres import EmbeddedPostgres
from tests.resource_service.issuer import JwksServer, Sign, client, until

REQUESTS = 1000

Count = Callable[[], int]


@pytest.fixture(scope="session")
def connects() -> Count:
    """Count every outgoing connection of this process, whoever makes it."""
    count = 0

    def hook(event: str, _arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "socket.connect":
            count += 1

    sys.addaudithook(hook)
    return lambda: count


class Transactions:
    """How many transactions, so statements, the server has seen in one database."""

    def __init__(self, admin: asyncpg.Connection, name: str) -> None:
        self._admin = admin
        self._name = name

    async def count(self) -> int:
        """Ask once the last connection is closed, since until then some are not counted."""
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"

        async def closed() -> bool:
            return bool(await self._admin.fetchval(open_ones, self._name) == 0)

        await until(closed)
        seen = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"
        return int(await self._admin.fetchval(seen, self._name))


@pytest.fixture
async def transactions(
    postgres: EmbeddedPostgres, resource_database_url: str
) -> AsyncIterator[Transactions]:
    admin = await asyncpg.connect(postgres.url())
    yield Transactions(admin, resource_database_url.rpartition("/")[2].partition("?")[0])
    await admin.close()


@asynccontextmanager
async def running(settings: Settings, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = settings.model_copy(update={"database_url": SecretStr(database_url)})
    async with client(create_app(settings)) as http:

        async def ready() -> bool:
            return bool((await http.get("/health/ready")).json().get("database") == "ready")

        await until(ready)
        yield http


async def test_a_thousand_verified_requests_cause_no_statement_and_no_outgoing_call(
    settings: Settings,
    resource_database_url: str,
    transactions: Transactions,
    connects: Count,
    jwks: JwksServer,
    sign: Sign,
) -> None:
    repeated = [sign(), sign()]
    tokens = [sign() if number % 2 else repeated[number % 4 // 2] for number in range(REQUESTS)]
    headers = [{"authorization": f"Bearer {token}"} for token in tokens]

    async def serve(path: str) -> int:
        """Return how many statements it took, starting and stopping included."""
        before = await transactions.count()
        async with running(settings, resource_database_url) as http:
            fetched, connected = jwks.connections, connects()
            for header in headers if path else []:
                assert (await http.get(path, headers=header)).status_code == 200
            if path != "/notes":
                assert (jwks.connections, connects()) == (fetched, connected)
            else:
                assert connects() > connected  # the counter counts
        return await transactions.count() - before

    starting_and_stopping = await serve("")
    assert await serve("/whoami") == starting_and_stopping
    assert await serve("/notes") >= starting_and_stopping + REQUESTS  # the counter counts
