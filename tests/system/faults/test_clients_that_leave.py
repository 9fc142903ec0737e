"""Clients that go away before they have their answer (fault 23): nothing of them is left."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from lab.client import Client, Request
from stack.processes import Process
from tests.system.faults import database
from tests.system.faults.pair import Pair, Tokens, as_json
from tests.system.faults.waiting import until

POOL: Final = 10  # connections of each service process
AT_ONCE: Final = 50
SETTLED_WITHIN: Final = 10.0  # seconds
DATABASES: Final = ("sealgate_auth", "sealgate_resource")


@dataclass(frozen=True)
class Requests:
    """What the clients ask for before they leave, at every process and both load balancers."""

    token: Sequence[Request]
    notes: Sequence[Request]

    @classmethod
    def at(cls, pair: Pair, tokens: Tokens, username: str) -> "Requests":
        bearer = ("authorization", f"Bearer {tokens.access_token}")
        note = as_json("POST", "", {"title": "Milk"})
        replicas = [f"http://127.0.0.1:{port}" for port in pair.stack.ports.replicas]
        at = [f"{url}/notes" for url in (*replicas, pair.stack.api_url)]
        read = [Request("GET", url, (bearer,)) for url in at]
        write = [Request("POST", url, (bearer, *note.headers), note.body) for url in at]
        urls = (*pair.urls, pair.front)
        refresh = [pair.refresh(url, tokens.refresh_token) for url in urls]
        log_in = [pair.log_in(url, username) for url in urls]
        return cls([*refresh, *log_in], [*read, *write])


async def ask_and_leave(client: Client, request: Request, stay: float) -> bool:
    """Send a request and drop the connection after `stay` seconds; whether there was no answer."""
    try:
        async with asyncio.timeout(stay):
            await client.send(request)
    except TimeoutError:
        return True
    return False


async def leave(count: int, client: Client, requests: Sequence[Request]) -> None:
    """Let `AT_ONCE` clients ask and leave after 0 to 20 ms, until so many have left."""
    chance, left = random.Random(23), 0

    async def go_on() -> None:
        nonlocal left
        while left < count:
            stay = chance.uniform(0, 0.02)
            if await ask_and_leave(client, chance.choice(requests), stay):
                left += 1

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


@asynccontextmanager
async def locked(pair: Pair) -> AsyncIterator[None]:
    """Nobody gets at log-ins and notes while the block runs: whoever asks waits in his query."""
    auth = await asyncpg.connect(pair.postgres.url("sealgate_auth"))
    resource = await asyncpg.connect(pair.postgres.url("sealgate_resource"))
    try:
        async with auth.transaction(), resource.transaction():
            await auth.execute("LOCK TABLE refresh_token_families")
            await resource.execute("LOCK TABLE notes")
            yield
    finally:
        await auth.close()
        await resource.close()


async def leave_in_mid_query(
    count: int, pair: Pair, client: Client, requests: Sequence[Request]
) -> int:
    """Let clients leave while their queries run, until there were `count`; how many there were."""
    left = 0
    while left < count:
        async with locked(pair):
            async with asyncio.TaskGroup() as clients:
                for request in [*requests] * 6:
                    clients.create_task(ask_and_leave(client, request, 0.4))
                await asyncio.sleep(0.35)
                left += (await sessions(pair))["Lock"]
            await asyncio.sleep(0.05)
    return left


async def sessions(pair: Pair) -> Counter[str]:
    """Count the services' sessions: what each waits for if it waits for a lock, else its state."""
    rows = await database.rows(
        pair.postgres,
        """
        SELECT CASE wait_event_type WHEN 'Lock' THEN 'Lock' ELSE state END AS what
        FROM pg_stat_activity
        WHERE datname = ANY($1) AND backend_type = 'client backend' AND usename <> 'postgres'
        """,
        DATABASES,
    )
    return Counter(row["what"] for row in rows)


def open_files(processes: Sequence[Process]) -> int:
    return sum(len(list(Path(f"/proc/{process.pid}/fd").iterdir())) for process in processes)


async def assert_nothing_is_left(pair: Pair, client: Client, files_before: int) -> None:
    services = [*pair.issuers, *pair.stack.replicas]
    most, found = POOL * len(services), Counter[str]()

    async def settled() -> bool:  # at times an issuer reads its key ring
        nonlocal found
        found = await sessions(pair)
        return found.keys() == {"idle"} and found["idle"] <= most

    await until(settled, SETTLED_WITHIN)
    print(
        f"sessions left {dict(found)}, at most {most};"
        f" open files {files_before} before, {open_files(services)} now"
    )

    async def closed() -> bool:  # the front keeps what it has open to them for some seconds
        return open_files(services) <= files_before + most

    await until(closed, SETTLED_WITHIN)
    await assert_pools_are_whole(pair, client)
    await database.assert_whole(pair.postgres)


async def assert_pools_are_whole(pair: Pair, client: Client) -> None:
    """Three times as many requests as a pool has connections, at once at each process."""
    username = await pair.register(client)
    requests = Requests.at(pair, await pair.tokens(client, username), username)
    read = [request for request in requests.notes if request.method == "GET"]
    wanted = [*requests.token, *read] * (3 * POOL)
    responses = await asyncio.gather(*(client.send(request) for request in wanted))
    assert Counter(response.status for response in responses) == {200: len(wanted)}


async def outlast(count: int, in_mid_query: int, pair: Pair, client: Client) -> None:
    files = open_files([*pair.issuers, *pair.stack.replicas])
    username = await pair.register(client)
    requests = Requests.at(pair, await pair.tokens(client, username), username)
    await leave(count // 2, client, requests.token)
    await leave(count // 2, client, requests.notes)
    left = await leave_in_mid_query(in_mid_query, pair, client, [*requests.token, *requests.notes])
    print(f"{count} clients left early, and {left} in mid query")
    await assert_nothing_is_left(pair, client, files)


async def test_clients_that_leave_take_nothing_with_them(pair: Pair, client: Client) -> None:
    await outlast(600, 30, pair, client)


@pytest.mark.faults
async def test_eleven_thousand_clients_that_leave_take_nothing_with_them(
    pair: Pair, client: Client
) -> None:
    await outlast(10_000, 1_000, pair, client)
