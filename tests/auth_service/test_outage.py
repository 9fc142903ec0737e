"""What goes on, and what says 503, when the database is down, frozen or lost."""

import asyncio
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from stack.postgres import EmbeddedPostgres

PASSWORD = "correct horse battery staple"
OPTIONS = {"fsync": "off"}


@pytest.fixture
def database() -> Iterator[EmbeddedPostgres]:
    """A server of our own on a port that stays, to be stopped at will."""
    with tempfile.TemporaryDirectory(prefix="sealgate-outage-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = EmbeddedPostgres(path / "state", port=port, options=OPTIONS)
        server.start()
        yield server
        server.stop()


@pytest.fixture
async def url(database: EmbeddedPostgres) -> SecretStr:
    return SecretStr(await database.create_database("auth", owner="auth", password="auth"))


@pytest.fixture
async def running(start: Any, url: SecretStr, register: Any) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(start(database_url=url))
        await register(issuer.server)
        assert (await issuer.token(grant_type="client_credentials")).status_code == 200
        yield issuer


def assert_unavailable(response: httpx.Response) -> None:
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["cache-control"] == "no-store"


async def assert_published(issuer: Any) -> None:
    for path in (
        "/.well-known/jwks.json",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/health/live",
        "/health/ready",
        "/metrics",
    ):
        assert (await issuer.http.get(path)).status_code == 200, path


async def ask_for_everything(issuer: Any) -> list[httpx.Response]:
    return [
        await issuer.token(grant_type="client_credentials"),
        await issuer.token("web", grant_type="password", username="alice", password=PASSWORD),
        await issuer.http.post("/users", json={"username": "bob", "password": PASSWORD}),
    ]


async def wait_until(ask: Callable[[], Awaitable[httpx.Response]]) -> None:
    """Ask until it is 200."""
    async with asyncio.timeout(10):
        while (await ask()).status_code != 200:  # noqa: ASYNC110 - as clients see it
            await asyncio.sleep(0.1)


async def asked_in_vain(caplog: pytest.LogCaptureFixture, issuers: int = 1) -> None:
    """Wait until all have looked at the ring, and for log-outs to tell of, and found nothing."""
    async with asyncio.timeout(10):
        while caplog.text.count("the database does not answer") < 2 * issuers:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_without_the_database_keys_are_published_and_the_rest_is_503(
    running: Any, database: EmbeddedPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    token = (await running.log_in())["refresh_token"]
    database.stop()
    for response in [*await ask_for_everything(running), await running.refresh(token)]:
        assert_unavailable(response)
    await asked_in_vain(caplog)
    await assert_published(running)
    database.start()
    await wait_until(lambda: running.token(grant_type="client_credentials"))
    assert (await running.refresh(token)).status_code == 200


async def test_it_starts_without_the_database_and_is_ready_when_that_is_there(
    start: Any, url: SecretStr, database: EmbeddedPostgres, register: Any
) -> None:
    database.stop()
    async with start(database_url=url) as issuer:
        for response in await ask_for_everything(issuer):
            assert_unavailable(response)
        for path in ("/health/ready", "/.well-known/jwks.json"):
            assert_unavailable(await issuer.http.get(path))
        for path in ("/health/live", "/.well-known/openid-configuration", "/metrics"):
            assert (await issuer.http.get(path)).status_code == 200, path
        database.start()
        await wait_until(lambda: issuer.http.get("/health/ready"))
        await register(issuer.server)
        assert (await issuer.token(grant_type="client_credentials")).status_code == 200


async def test_a_restarted_database_costs_no_log_in(
    running: Any, database: EmbeddedPostgres
) -> None:
    token = (await running.log_in())["refresh_token"]
    await asyncio.gather(*(running.token(grant_type="client_credentials") for _ in range(30)))
    database.stop()
    database.start()
    await asyncio.sleep(0.2)  # so that the loop hears of the connections that are closed
    responses = await asyncio.gather(
        *(running.token(grant_type="client_credentials") for _ in range(30))
    )
    assert {response.status_code for response in responses} == {200}
    assert (await running.refresh(token)).status_code == 200


async def test_after_a_restart_every_issuer_follows_a_rotation_within_seconds(
    running: Any,
    start: Any,
    url: SecretStr,
    database: EmbeddedPostgres,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with start(database_url=url) as other:
        database.stop()
        await asked_in_vain(caplog, issuers=2)
        database.start()
        clock.seconds += 600
        following = await running.server.rotation.rotate(running.server.db)
        async with asyncio.timeout(5):
            while other.server.keys.active_kid != following:  # noqa: ASYNC110 - as it is seen
                await asyncio.sleep(0.05)
        await wait_until(lambda: other.token(grant_type="client_credentials"))


async def test_a_frozen_database_means_503_within_bounds_and_then_all_is_well(
    running: Any, database: EmbeddedPostgres
) -> None:
    began = time.monotonic()
    with frozen(database):
        asked = asyncio.gather(*(running.token(grant_type="client_credentials") for _ in range(40)))
        await asyncio.sleep(0.5)
        await assert_published(running)
        for response in await asked:
            assert_unavailable(response)
        assert time.monotonic() - began < 15
    await wait_until(lambda: running.token(grant_type="client_credentials"))


async def test_requests_that_are_cancelled_leave_no_connection_behind(running: Any) -> None:
    async def begin_and_leave(number: int) -> None:
        task = asyncio.create_task(running.log_in())
        await asyncio.sleep(0.0005 * (number % 20))
        task.cancel()
        await asyncio.wait([task])

    await asyncio.gather(*(begin_and_leave(number) for number in range(200)))
    async with asyncio.timeout(10):
        responses = await asyncio.gather(*(running.log_in() for _ in range(40)))
    assert len(responses) == 40
    pool = running.server.db
    assert pool.get_idle_size() + len(running.server.statements._kept) == pool.get_size()


@contextmanager
def frozen(database: EmbeddedPostgres) -> Iterator[None]:
    """Stop every process of the server in its tracks."""
    assert database.pid is not None
    processes = [database.pid, *_children(database.pid)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def _children(parent: int) -> list[int]:
    stats = (path.read_text() for path in Path("/proc").glob("[0-9]*/stat"))
    fields = ((stat.split()[0], stat.rpartition(")")[2].split()[1]) for stat in stats)
    return [int(pid) for pid, ppid in fields if int(ppid) == parent]
