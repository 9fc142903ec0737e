"""Both schemes, with real replicas behind a real load balancer."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from lab.client import Client, Request
from lab.fleet import Fleet, Visitor
from lab.load import fire
from lab.schemes import Account
from stack.stack import Stack


async def test_half_of_the_requests_miss_the_session_and_none_misses_the_token(
    memory: Fleet, rs256: Fleet, client: Client, account: Account
) -> None:
    shares = {}
    for fleet in (memory, rs256):
        visitor = Visitor("", fleet, account, await fleet.log_in(client, account, size=1))
        for size in (1, 2):
            shots = await fire(client, visitor.request(size), rate=200, count=20)
            statuses = Counter(shot.status for shot in shots)
            shares[fleet.scheme.name, size] = statuses[401] / len(shots)
            assert set(statuses) <= {200, 401}
            assert len({shot.replica for shot in shots}) == size
    assert shares == {
        ("memory", 1): 0.0,
        ("memory", 2): 0.5,
        ("rs256+status", 1): 0.0,
        ("rs256+status", 2): 0.0,
    }


async def test_both_schemes_know_the_same_user_by_the_same_claims(
    memory: Fleet, rs256: Fleet, client: Client, account: Account
) -> None:
    answers = []
    for fleet in (memory, rs256):
        visitor = Visitor("", fleet, account, await fleet.log_in(client, account, size=1))
        answers.append((await client.send(visitor.request(1))).json())
    for claim in ("iss", "sub", "aud", "scope"):
        assert answers[0][claim] == answers[1][claim]


async def test_the_session_cookie_is_256_random_bits_out_of_reach_of_scripts(
    memory: Fleet, client: Client, account: Account
) -> None:
    cookies = [
        (await memory.log_in(client, account, size=1)).response.header("set-cookie") or ""
        for _ in range(2)
    ]
    for cookie in cookies:
        assert re.fullmatch(r"session=[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
    assert cookies[0] != cookies[1]


async def test_log_out_ends_the_session(memory: Fleet, client: Client, account: Account) -> None:
    visitor = Visitor("", memory, account, await memory.log_in(client, account, size=1))
    url = f"{memory.fronts[1]}/logout"
    response = await client.send(Request("POST", url, visitor.log_in.credential))
    assert response.status == 204
    assert (response.header("set-cookie") or "").startswith('session=""; expires=')
    refused = await client.send(visitor.request(1))
    assert (refused.status, refused.error) == (401, "invalid_token")


@pytest.mark.parametrize("name", ["memory", "rs256"])
async def test_a_wrong_password_is_refused_and_gives_no_credential(
    name: str, memory: Fleet, rs256: Fleet, client: Client, account: Account
) -> None:
    fleet = {"memory": memory, "rs256": rs256}[name]
    log_in = await fleet.log_in(client, replace(account, password="not the password"), size=1)
    assert (log_in.response.status, log_in.response.error) == (400, "invalid_grant")
    assert log_in.response.header("cache-control") == "no-store"
    assert log_in.response.header("set-cookie") is None
    assert log_in.credential == ()


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        pytest.param((), "unauthorized", id="no cookie"),
        pytest.param((("cookie", "session=" + "A" * 43),), "invalid_token", id="unknown session"),
        pytest.param((("cookie", "session="),), "invalid_token", id="empty cookie"),
    ],
)
async def test_a_request_without_a_session_is_refused(
    headers: tuple[tuple[str, str], ...], error: str, memory: Fleet, client: Client
) -> None:
    response = await client.send(Request("GET", f"{memory.fronts[1]}/whoami", headers))
    assert (response.status, response.error) == (401, error)
    assert response.header("cache-control") == "no-store"
    assert response.header("www-authenticate") is not None


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param([], id="empty"),
        pytest.param([("username", "demo")], id="no password"),
        pytest.param([("username", "a"), ("username", "b")], id="repeated"),
        pytest.param([("username", "a"), ("password", "b"), ("more", "c")], id="unknown"),
    ],
)
async def test_a_malformed_log_in_form_is_refused(
    parameters: list[tuple[str, str]], memory: Fleet, client: Client
) -> None:
    response = await client.send(Request.form(f"{memory.fronts[1]}/login", parameters))
    assert (response.status, response.error) == (400, "invalid_request")


async def test_no_secret_is_in_a_replica_s_log(
    stack: Stack, memory: Fleet, client: Client, account: Account
) -> None:
    visitor = Visitor("", memory, account, await memory.log_in(client, account, size=1))
    await client.send(visitor.request(2))
    session_id = visitor.log_in.credential[0][1].partition("=")[2]
    logs = "".join(file.read_text() for file in stack.state.logs.iterdir())
    for secret in (account.password, session_id, stack.demo["DEMO_CLIENT_SECRET"]):
        assert secret not in logs
