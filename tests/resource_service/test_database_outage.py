"""PostgreSQL frozen, killed and absent: notes are unavailable in bounded time, all else goes on."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from resource_service.app import create_app
from resource_service.settings import Settings
from stack.postgres import EmbeddedPostgres
from tests.resource_service.issuer import Sign, client, refused, until


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A server that may be hurt, since no other test uses it."""
    folder = Path(tempfile.mkdtemp(prefix="sealgate-outage-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "database")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def alice(
    own_postgres: EmbeddedPostgres, settings: Settings, sign: Sign
) -> AsyncIterator[httpx.AsyncClient]:
    url = await own_postgres.create_database("notes", owner="notes", password="notes")
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    async with client(create_app(settings)) as http:
        http.headers["authorization"] = f"Bearer {sign()}"
        await until(lambda: answers(http))
        yield http


async def answers(http: httpx.AsyncClient) -> bool:
    return (await http.get("/notes")).status_code == 200


def signal_all(server: EmbeddedPostgres, number: signal.Signals) -> None:
    """Signal the postmaster and all its children."""
    assert server.pid is not None
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    for pid in [server.pid, *map(int, children)]:
        os.kill(pid, number)


async def test_while_it_is_frozen_notes_are_unavailable_in_bounded_time(
    alice: httpx.AsyncClient, own_postgres: EmbeddedPostgres
) -> None:
    signal_all(own_postgres, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        notes = asyncio.gather(*(alice.get("/notes") for _ in range(30)))
        for _ in range(20):
            assert (await alice.get("/whoami")).status_code == 200
            assert (await alice.get("/health/ready")).status_code == 200
        assert time.monotonic() - begun < 3
        for answer in await notes:
            assert refused(answer) == (503, "temporarily_unavailable")
        assert time.monotonic() - begun < 15
        assert (await alice.get("/health/ready")).json()["database"] == "unreachable"
    finally:
        signal_all(own_postgres, signal.SIGCONT)
    await until(lambda: answers(alice))
    assert (await alice.get("/health/ready")).json()["database"] == "ready"


async def test_after_it_was_killed_notes_come_back_by_themselves(
    alice: httpx.AsyncClient, own_postgres: EmbeddedPostgres
) -> None:
    written = (await alice.post("/notes", json={"title": "kept"})).json()
    signal_all(own_postgres, signal.SIGKILL)
    await until(lambda: gone(own_postgres))
    for _ in range(3):
        assert refused(await alice.get("/notes")) == (503, "temporarily_unavailable")
        assert (await alice.get("/whoami")).status_code == 200
    own_postgres.start()
    await until(lambda: answers(alice))
    assert (await alice.get(f"/notes/{written['id']}")).json() == written


async def gone(server: EmbeddedPostgres) -> bool:
    return server.pid is None
