"""Revocation through real processes: an issuer, and two replicas that poll its status list."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from stack.layout import UNTHROTTLED, Ports, Settings
from stack.processes import REPOSITORY
from stack.stack import Stack

POLL = 0.5
STALE = 4.0
# A poll and a fetch, where the machine may be busy with other tests: the time-out of a fetch.
BOUND = POLL + 3.0
AUTH = {
    **UNTHROTTLED,
    "AUTH_REFRESH_GRACE": "1",
    "AUTH_PASSWORD_MEMORY_KIB": "64",
    "AUTH_PASSWORD_TIME_COST": "1",
}
RESOURCE = {"RESOURCE_STATUS_POLL": str(POLL), "RESOURCE_STATUS_STALE": str(STALE)}
PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse battery"


@dataclass(frozen=True)
class Site:
    """A running stack, and what people do with it."""

    stack: Stack
    http: httpx.AsyncClient

    async def register(self, username: str) -> None:
        form = {"username": username, "password": PASSWORD}
        answer = await self.http.post(f"{self.stack.auth_url}/users", json=form)
        assert answer.status_code == 201, answer.text

    async def log_in(self, username: str = "", password: str = PASSWORD) -> dict[str, str]:
        demo = self.stack.demo
        form = {"grant_type": "password", "username": username, "password": password}
        if not username:
            form |= {"username": demo["DEMO_USERNAME"], "password": demo["DEMO_PASSWORD"]}
        answer = await self.post("/token", form)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    async def post(self, path: str, form: dict[str, str]) -> httpx.Response:
        """Call the issuer as the confidential demo client."""
        demo = self.stack.demo
        client = (demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"])
        return await self.http.post(self.stack.auth_url + path, data=form, auth=client)

    async def call(self, token: str, replica: int) -> httpx.Response:
        return await self.http.get(
            f"http://127.0.0.1:{self.stack.ports.replicas[replica]}/whoami",
            headers={"authorization": f"Bearer {token}"},
        )

    async def statuses(self, token: str) -> list[int]:
        """What each replica answers."""
        return [(await self.call(token, replica)).status_code for replica in range(2)]

    async def until(self, token: str, status: int, within: float = BOUND) -> float:
        """Call both replicas until both answer so; how long that took, in seconds."""
        began = time.monotonic()
        while await self.statuses(token) != [status, status]:
            assert time.monotonic() - began < within
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def admin(self, *words: str) -> None:
        variables = self.stack.state.read_variables("auth.env")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth_service", *words),
            stdout=PIPE,
            stderr=PIPE,
            env=variables,
            cwd=REPOSITORY,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()


@pytest.fixture(scope="module")
async def site(state_folder: Path) -> AsyncIterator[Site]:
    settings = Settings(auth=AUTH, resource=RESOURCE, restart=False, postgres={"fsync": "off"})
    async with (
        Stack(state_folder / "revocation", Ports.free(), settings) as stack,
        httpx.AsyncClient(trust_env=False, timeout=15) as http,
    ):
        yield Site(stack, http)


async def test_a_revoked_log_in_is_refused_by_both_replicas_within_a_poll_and_a_fetch(
    site: Site,
) -> None:
    for kind in ("refresh_token", "access_token"):
        tokens, others = await site.log_in(), await site.log_in()
        assert await site.statuses(tokens["access_token"]) == [200, 200]
        assert (await site.post("/revoke", {"token": tokens[kind]})).status_code == 200
        await site.until(tokens["access_token"], 401)
        refused = await site.call(tokens["access_token"], 0)
        assert refused.json()["error"] == "invalid_token"
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        assert await site.statuses(others["access_token"]) == [200, 200]
        body = (await site.post("/introspect", {"token": tokens["access_token"]})).json()
        assert body == {"active": False}


async def test_a_clients_own_tokens_are_refused_and_its_next_one_is_not(site: Site) -> None:
    form = {"grant_type": "client_credentials"}
    token = (await site.post("/token", form)).json()["access_token"]
    assert await site.statuses(token) == [200, 200]
    assert (await site.post("/revoke", {"token": token})).status_code == 200
    await site.until(token, 401)
    after = (await site.post("/token", form)).json()["access_token"]
    assert await site.statuses(after) == [200, 200]


async def test_a_new_password_ends_every_log_in(site: Site) -> None:
    await site.register("mary")
    log_ins = [(await site.log_in("mary"))["access_token"] for _ in range(3)]
    for token in log_ins:
        assert await site.statuses(token) == [200, 200]
    change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    answer = await site.http.put(f"{site.stack.auth_url}/users/mary/password", json=change)
    assert answer.status_code == 204
    await asyncio.gather(*(site.until(token, 401) for token in log_ins))
    again = await site.log_in("mary", NEW_PASSWORD)
    assert await site.statuses(again["access_token"]) == [200, 200]


async def test_a_disabled_user_is_out_and_stays_out_of_old_log_ins_when_enabled(
    site: Site,
) -> None:
    await site.register("john")
    token = (await site.log_in("john"))["access_token"]
    assert await site.statuses(token) == [200, 200]
    await site.admin("users", "disable", "john")
    await site.until(token, 401)
    await site.admin("users", "enable", "john")
    again = (await site.log_in("john"))["access_token"]
    assert await site.statuses(again) == [200, 200]
    assert await site.statuses(token) == [401, 401]


async def test_a_disabled_client_loses_its_own_tokens_and_the_log_ins_at_it(site: Site) -> None:
    client = site.stack.demo["DEMO_CLIENT_ID"]
    own = (await site.post("/token", {"grant_type": "client_credentials"})).json()["access_token"]
    log_in = (await site.log_in())["access_token"]
    assert await site.statuses(own) == await site.statuses(log_in) == [200, 200]
    await site.admin("clients", "disable", client)
    try:
        await asyncio.gather(*(site.until(token, 401) for token in (own, log_in)))
    finally:
        await site.admin("clients", "enable", client)
    again = (await site.log_in())["access_token"]
    assert await site.statuses(again) == [200, 200]
    assert await site.statuses(own) == [401, 401]


async def test_a_replayed_refresh_token_ends_the_access_tokens_too(site: Site) -> None:
    first = await site.log_in()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await site.post("/token", form)).json()["access_token"]
    assert await site.statuses(second) == [200, 200]
    await asyncio.sleep(2.1)  # past the time for repeats
    assert (await site.post("/token", form)).json()["error"] == "invalid_grant"
    await site.until(second, 401)


async def test_of_fifty_refreshes_and_a_revocation_at_once_no_token_survives(site: Site) -> None:
    log_in = await site.log_in()
    form = {"grant_type": "refresh_token", "refresh_token": log_in["refresh_token"]}

    async def revoke() -> httpx.Response:
        await asyncio.sleep(0.05)
        return await site.post("/revoke", {"token": log_in["refresh_token"]})

    revoked, *answers = await asyncio.gather(
        revoke(), *(site.post("/token", form) for _ in range(50))
    )
    assert revoked.status_code == 200
    issued = [answer.json() for answer in answers if answer.status_code == 200]
    await asyncio.gather(*(site.until(body["access_token"], 401) for body in [log_in, *issued]))
    for body in issued:
        form["refresh_token"] = body["refresh_token"]
        assert (await site.post("/token", form)).json()["error"] == "invalid_grant"


async def test_without_the_issuer_tokens_pass_until_the_bound_then_503_and_it_mends_itself(
    site: Site,
) -> None:
    tokens, revoked = await site.log_in(), (await site.log_in())["access_token"]
    await site.post("/revoke", {"token": revoked})
    await site.until(revoked, 401)
    good = tokens["access_token"]
    assert await site.statuses(good) == [200, 200]
    await site.stack.auth.kill()
    try:
        assert await site.statuses(good) == [200, 200]
        assert await site.statuses(revoked) == [401, 401]
        await site.until(good, 503, within=STALE + BOUND)
        for replica, token in ((0, good), (1, revoked)):
            refused = await site.call(token, replica)
            assert refused.status_code == 503
            assert refused.json()["error"] == "temporarily_unavailable"
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["cache-control"] == "no-store"
            assert "www-authenticate" not in refused.headers
        for port in site.stack.ports.replicas:
            ready = await site.http.get(f"http://127.0.0.1:{port}/health/ready")
            assert ready.status_code == 200
            [age] = ready.json()["status_lists"].values()
            assert age >= STALE
    finally:
        await site.stack.auth.start()
        await site.stack.auth.wait_until_ready()
    await site.until(good, 200)
    assert await site.statuses(revoked) == [401, 401]


async def test_a_replica_that_restarts_during_an_outage_knows_what_is_revoked(site: Site) -> None:
    good, revoked = [(await site.log_in())["access_token"] for _ in range(2)]
    await site.post("/revoke", {"token": revoked})
    await site.until(revoked, 401)
    await asyncio.sleep(0.3)  # for the file
    await site.stack.auth.kill()
    replica = site.stack.replicas[0]
    try:
        await replica.kill()
        await replica.start()
        await replica.wait_until_ready()
        answers = [(await site.call(token, 0)).status_code for token in (good, revoked)]
    finally:
        await site.stack.auth.start()
        await site.stack.auth.wait_until_ready()
    # It takes a while to start, on a busy machine longer than a list may be old here.
    assert answers in ([200, 401], [503, 503])
    await site.until(good, 200)
    assert await site.statuses(revoked) == [401, 401]
