"""The open-loop generator keeps its schedule whatever the server does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from lab.client import Client, NoAnswer, Request
from lab.load import Shot, fire

STALL = 0.6  # seconds


@asynccontextmanager
async def _server(*, running: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Answer 204 to everything, but nothing while `running` is not set."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if running is not None:
                    await running.wait()
                writer.write(b"HTTP/1.1 204 No Content\r\nX-Replica: one\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"


async def test_requests_leave_on_time_while_the_server_stalls() -> None:
    running = asyncio.Event()
    running.set()
    async with _server(running=running) as url, Client() as client:
        loop = asyncio.get_running_loop()
        loop.call_later(0.2, running.clear)
        loop.call_later(0.2 + STALL, running.set)
        shots = await fire(client, Request("GET", url), rate=100, count=100)

    assert [shot.due for shot in shots] == [number / 100 for number in range(100)]
    assert max(shot.lateness for shot in shots) < 0.15
    assert {shot.status for shot in shots} == {204}
    in_the_stall = [shot for shot in shots if 0.25 < shot.due < 0.15 + STALL]
    assert len(in_the_stall) > 40


async def test_latency_counts_from_when_a_request_was_due_so_a_stall_shows_in_full() -> None:
    running = asyncio.Event()
    async with _server(running=running) as url, Client() as client:
        asyncio.get_running_loop().call_later(STALL, running.set)
        shots = await fire(client, Request("GET", url), rate=50, count=25)

    assert shots[0].latency == pytest.approx(STALL, abs=0.2)
    # Each later one waited a fiftieth of a second less, down to the end of the stall.
    falls = [before.latency - after.latency for before, after in pairwise(shots)]
    assert sum(falls) / len(falls) == pytest.approx(1 / 50, abs=0.01)


async def test_every_shot_is_seen_once_as_it_returns_and_names_its_replica() -> None:
    seen: list[Shot] = []
    async with _server() as url, Client() as client:
        shots = await fire(client, Request("GET", url), rate=500, count=50, seen=seen.append)

    assert sorted(seen, key=lambda shot: shot.due) == shots
    assert {shot.replica for shot in shots} == {"one"}


async def test_a_dead_server_gives_shots_without_a_status_and_says_why() -> None:
    async with _server() as url:
        pass
    async with Client() as client:
        shots = await fire(client, Request("GET", url), rate=100, count=3)

    assert [shot.status for shot in shots] == [0, 0, 0]
    assert all("refused" in shot.failure.lower() for shot in shots)


async def test_an_answer_that_does_not_come_in_time_is_given_up() -> None:
    running = asyncio.Event()
    async with _server(running=running) as url, Client(timeout=0.1) as client:
        with pytest.raises(NoAnswer, match=r"no answer within 0\.1 s"):
            await client.send(Request("GET", url))
        running.set()
        assert (await client.send(Request("GET", url))).status == 204
