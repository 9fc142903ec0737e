"""A running stack with parts of it killed, frozen or stopped: what goes on, and what says no."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from stack.layout import Ports, Settings
from stack.postgres import EmbeddedPostgres
from stack.processes import Process
from stack.stack import Stack

LogIn = Callable[[dict[str, str]], str]


@pytest.fixture(scope="module")
async def stack(state_folder: Path) -> AsyncIterator[Stack]:
    """A stack of our own, where nothing is started again unless a test does it."""
    settings = Settings(restart=False, postgres={"fsync": "off"})
    async with Stack(state_folder / "faults", Ports.free(), settings) as running:
        yield running


@pytest.fixture
async def http(stack: Stack, log_in: LogIn) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the load balancer with the demo user's token."""
    token = await asyncio.to_thread(log_in, stack.demo)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=stack.api_url, headers=headers, trust_env=False, timeout=15
    ) as client:
        yield client


def database(stack: Stack) -> EmbeddedPostgres:
    assert stack.databases.postgres is not None
    return stack.databases.postgres


async def start_again(*processes: Process) -> None:
    for process in processes:
        await process.start()
    for process in processes:
        await process.wait_until_ready()


@asynccontextmanager
async def gets_under_way(http: httpx.AsyncClient) -> AsyncIterator[list[httpx.Response]]:
    """Four callers who GET /whoami again and again while the block runs."""
    answers: list[httpx.Response] = []
    over = asyncio.Event()

    async def call() -> None:
        while not over.is_set():
            answers.append(await http.get("/whoami"))
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as callers:
        for _ in range(4):
            callers.create_task(call())
        await asyncio.sleep(0.3)
        yield answers
        over.set()


async def test_tokens_are_verified_on_both_replicas_without_the_issuer_and_without_postgresql(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    await stack.auth.kill()
    await asyncio.to_thread(database(stack).stop)
    try:
        answers = [await http.get("/whoami") for _ in range(20)]
        notes = await http.get("/notes")
        issuer = await http.post(f"{stack.auth_url}/token", data={"grant_type": "password"})
    finally:
        database(stack).start()
        await start_again(stack.auth)
    assert {answer.status_code for answer in answers} == {200}
    assert Counter(answer.headers["x-replica"] for answer in answers) == {
        "replica-1": 10,
        "replica-2": 10,
    }
    for refused in (notes, issuer):
        assert refused.status_code == 503
        assert refused.json()["error"] == "temporarily_unavailable"
        assert refused.headers["cache-control"] == "no-store"
        assert refused.headers["retry-after"]


async def test_the_issuer_goes_on_showing_its_keys_without_postgresql(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    await asyncio.to_thread(database(stack).stop)
    try:
        await asyncio.sleep(1.5)  # long enough for a health check to see it
        keys = await http.get(f"{stack.auth_url}/.well-known/jwks.json")
    finally:
        database(stack).start()
    assert keys.status_code == 200
    assert keys.json()["keys"]
    for _ in range(100):
        if (await http.get("/notes")).status_code == 200:
            return
        await asyncio.sleep(0.1)
    pytest.fail("notes did not come back")


async def test_a_killed_replica_costs_no_get(stack: Stack, http: httpx.AsyncClient) -> None:
    victim = stack.replicas[0]
    async with gets_under_way(http) as answers:
        victim.signal(signal.SIGKILL)
        await asyncio.sleep(0.7)
        await victim.kill()
        await start_again(victim)
        await asyncio.sleep(1.5)
        before = len(answers)
        await asyncio.sleep(0.5)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-replica"] for answer in answers[before:]} == {
        "replica-1",
        "replica-2",
    }


async def test_a_frozen_replica_costs_no_get_and_comes_back(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    victim = stack.replicas[1]
    async with gets_under_way(http) as answers:
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(3)
        victim.signal(signal.SIGCONT)
    assert {answer.status_code for answer in answers} == {200}
    await asyncio.sleep(1.5)
    assert {(await http.get("/whoami")).headers["x-replica"] for _ in range(4)} == {
        "replica-1",
        "replica-2",
    }


async def test_with_every_replica_gone_the_load_balancer_says_so_in_the_same_json(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    for replica in stack.replicas:
        await replica.kill()
    answer = await http.get("/whoami")
    await start_again(*stack.replicas)
    assert answer.status_code == 503
    assert answer.json() == {"error": "temporarily_unavailable"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "1"


async def test_a_replica_that_starts_while_the_issuer_is_down_knows_the_keys_from_its_file(
    stack: Stack, http: httpx.AsyncClient
) -> None:
    await stack.auth.kill()
    replica = stack.replicas[0]
    await replica.stop()
    try:
        await start_again(replica)
        answer = await http.get(f"http://127.0.0.1:{stack.ports.replicas[0]}/whoami")
    finally:
        await start_again(stack.auth)
    assert answer.status_code == 200
