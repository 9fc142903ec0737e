"""Caddy with the configuration that we write for it: who answers, what is repeated, what is cut."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from stack import caddy
from stack.caddy import Front
from stack.ports import free_ports
from stack.processes import Process, Program

StartUpstream = Callable[..., Awaitable[Process]]


@asynccontextmanager
async def balancer(
    tmp_path: Path, front: Front, *, slowest_sender: float = 10
) -> AsyncIterator[httpx.AsyncClient]:
    """Caddy in front of `front.upstreams`, and a client of it."""
    file = tmp_path / "Caddyfile"
    file.write_text(caddy.caddyfile([front], tmp_path / "caddy", slowest_sender=slowest_sender))
    program = Program(
        "caddy",
        [caddy.executable(), "run", "--adapter", "caddyfile", "--config", str(file)],
        f"http://127.0.0.1:{front.port}/health/ready",
        {"PATH": os.defpath, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "caddy")},
    )
    process = Process(program, tmp_path, restart=False, tell=lambda _line: None)
    await process.start()
    url = f"http://127.0.0.1:{front.port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=15) as http:
        await until_it_listens(front.port)
        yield http
    await process.stop()


async def until_it_listens(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError("Caddy does not listen")


@pytest.fixture
async def pair(start_upstream: StartUpstream) -> tuple[int, int]:
    """The ports of two upstreams, named a and b."""
    a, b = free_ports(2)
    await asyncio.gather(start_upstream(a, "a"), start_upstream(b, "b"))
    return a, b


def front_of(*upstreams: int, **settings: object) -> Front:
    return Front(free_ports(1)[0], upstreams, **settings)  # type: ignore[arg-type]


def requests_seen(tmp_path: Path) -> list[str]:
    file = tmp_path / "requests"
    return file.read_text().splitlines() if file.exists() else []


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def assert_unavailable(answer: httpx.Response) -> None:
    assert answer.status_code == 503
    assert answer.json() == {"error": "temporarily_unavailable"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "1"
    assert "server" not in answer.headers


async def test_requests_go_round_robin(tmp_path: Path, pair: tuple[int, int]) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        names = [(await http.get("/echo")).json()["name"] for _ in range(10)]
    assert Counter(names) == {"a": 5, "b": 5}


async def test_a_cookie_keeps_a_browser_on_its_replica(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair, policy="cookie")) as http:
        names = {(await http.get("/echo")).json()["name"] for _ in range(10)}
        assert len(names) == 1
        assert list(http.cookies) == [caddy.AFFINITY_COOKIE]


async def test_a_get_that_a_dying_replica_took_is_answered_by_another(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        answer = await http.get("/die-once")
    assert answer.status_code == 200
    requests = requests_seen(tmp_path)
    assert len(requests) == 2
    assert requests[-1] == f"GET {answer.json()['name']}"


async def test_a_post_that_may_have_arrived_is_never_repeated(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        answer = await http.post("/die-once", content=b"redeem me")
    assert_unavailable(answer)
    assert len(requests_seen(tmp_path)) == 1


async def test_a_post_that_reached_nobody_goes_to_another_replica_whole(
    tmp_path: Path, start_upstream: StartUpstream
) -> None:
    a, b = free_ports(2)  # nobody listens on b
    await start_upstream(a, "a")
    async with balancer(tmp_path, front_of(a, b)) as http:
        answers = [await http.post("/echo", content=b"12345") for _ in range(4)]
    assert [answer.json()["length"] for answer in answers] == [5] * 4


async def test_nobody_there_is_503_in_our_own_json_and_the_log_has_no_query_string(
    tmp_path: Path,
) -> None:
    async with balancer(tmp_path, front_of(*free_ports(2), try_for=0.3)) as http:
        started = time.monotonic()
        answer = await http.get(
            "/callback?code=hush-hush", headers={"authorization": "Bearer hush-hush"}
        )
        assert time.monotonic() - started < 3
        assert_unavailable(answer)
    assert "hush-hush" not in (tmp_path / "caddy.log").read_text()


async def test_a_body_over_one_megabyte_is_refused(tmp_path: Path, pair: tuple[int, int]) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        assert (await http.post("/echo", content=bytes(1_000_000))).json()["length"] == 1_000_000
        answer = await http.post("/echo", content=bytes(1_000_001))
    assert answer.status_code == 413
    assert answer.json() == {"error": "content_too_large"}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_head_far_over_sixteen_kilobytes_is_refused(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        assert (await http.get("/echo", headers={"x": "x" * 15_000})).status_code == 200
        try:
            refused = (await http.get("/echo", headers={"x": "x" * 40_000})).status_code == 431
        except httpx.TransportError:  # hung up on while we were still sending
            refused = True
    assert refused


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"GET /die-once HTTP/1.1\r\nHost: x\r\nX-Slow: ", id="head"),
        pytest.param(
            b"POST /die-once HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1", id="body"
        ),
    ],
)
async def test_a_sender_that_never_finishes_gets_no_success_and_no_replica_hears_of_it(
    tmp_path: Path, pair: tuple[int, int], beginning: bytes
) -> None:
    front = front_of(*pair)
    async with balancer(tmp_path, front, slowest_sender=0.5) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
        writer.write(beginning)
        answer = await asyncio.wait_for(reader.read(1000), 3)
        assert b" 200 " not in answer
        writer.close()
        await writer.wait_closed()
        names = {(await http.get("/echo")).json()["name"] for _ in range(4)}
    assert names == {"a", "b"}  # and none is thought ill because of it
    assert not requests_seen(tmp_path)


async def test_the_callers_own_x_forwarded_for_is_not_believed(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair)) as http:
        answer = await http.get("/echo", headers={"x-forwarded-for": "203.0.113.9"})
    assert answer.json()["forwarded"] == "127.0.0.1"


async def test_caddy_writes_nothing_outside_its_own_folder(
    tmp_path: Path, pair: tuple[int, int]
) -> None:
    async with balancer(tmp_path, front_of(*pair)):
        pass
    assert files_in(tmp_path) <= {"Caddyfile", "caddy", "caddy.log", "a.log", "b.log"}
