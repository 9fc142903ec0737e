"""Refresh tokens at two issuer processes: races, lost answers, and what must not survive."""

import asyncio
import json
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from auth_service import accounts, revocation
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.server import AuthorizationServer, open_server
from auth_service.settings import Settings as AuthSettings
from shared import jws
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.ports import free_ports
from stack.stack import Stack

# Enough time for a slow machine: what is tested here is never the end of the window.
AUTH = {
    **UNTHROTTLED,
    "AUTH_REFRESH_GRACE": "60",
    "AUTH_PASSWORD_MEMORY_KIB": "64",
    "AUTH_PASSWORD_TIME_COST": "1",
    "AUTH_PASSWORD_QUEUE": "1000",
}
POSTGRES = {"fsync": "off", "max_connections": "100"}
QUICK, SLOW = 3, 200


def rounds(slow: int) -> list[object]:
    """A few rounds in every run of the tests, and `slow` ones with the faults."""
    return [
        pytest.param(QUICK, id="quick"),
        pytest.param(slow, id="slow", marks=pytest.mark.faults),
    ]


@dataclass(frozen=True)
class Issuers:
    """Two issuer processes on one database, and what a client does with them."""

    demo: dict[str, str]
    both: tuple[httpx.AsyncClient, httpx.AsyncClient]
    database: asyncpg.Connection
    third: AuthorizationServer  # in this process, for what is done by command

    async def register(self) -> str:
        username = f"user-{secrets.token_hex(6)}"
        answer = await self.both[0].post(
            "/users", json={"username": username, "password": self.demo["DEMO_PASSWORD"]}
        )
        assert answer.status_code == 201, answer.text
        return username

    async def log_in(self, username: str | None = None, at: int = 0) -> httpx.Response:
        return await self._token(
            at,
            grant_type="password",
            username=username or self.demo["DEMO_USERNAME"],
            password=self.demo["DEMO_PASSWORD"],
        )

    async def refresh(self, token: str, at: int = 0) -> httpx.Response:
        return await self._token(at, grant_type="refresh_token", refresh_token=token)

    async def _token(self, at: int, **form: str) -> httpx.Response:
        answer = await self.both[at % 2].post("/token", data=form)
        assert answer.status_code < 500, answer.text
        return answer

    async def events(self, access_token: str) -> Counter[str]:
        """What the audit log has about the log-in that this token is of."""
        claims = json.loads(jws.decode(access_token.split(".")[1].encode()))
        rows = await self.database.fetch(
            "SELECT event FROM audit_log WHERE family_id = $1::text::uuid", claims["sid"]
        )
        return Counter(row["event"] for row in rows)


@pytest.fixture(scope="module")
async def issuers(state_folder: Path) -> AsyncIterator[Issuers]:
    settings = Settings(auth=AUTH, restart=False, postgres=POSTGRES)
    async with AsyncExitStack() as exits:
        ports = Ports.free(replicas=1)
        running = Stack(state_folder / "refresh-faults", ports, settings)
        stack = await exits.enter_async_context(running)
        [port] = free_ports(1)
        variables = stack.state.read_variables("auth.env")
        del variables["AUTH_MIGRATION_DATABASE_URL"]
        other = await stack.start_process(
            "auth-2", "auth_service", port, variables | {"AUTH_PORT": str(port)}
        )
        await other.wait_until_ready()
        demo = stack.demo
        clients = [
            await exits.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{number}",
                    auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
                    trust_env=False,
                    timeout=30,
                )
            )
            for number in (ports.auth_process, port)
        ]
        third = await exits.enter_async_context(_third(variables))
        database = await asyncpg.connect(stack.databases.auth_url)
        exits.push_async_callback(database.close)
        yield Issuers(demo, (clients[0], clients[1]), database, third)


def _third(variables: dict[str, str]) -> AbstractAsyncContextManager[AuthorizationServer]:
    settings = AuthSettings(
        issuer=variables["AUTH_ISSUER"],
        database_url=SecretStr(variables["AUTH_DATABASE_URL"]),
        key_encryption_key_file=Path(variables["AUTH_KEY_ENCRYPTION_KEY_FILE"]),
    )
    return open_server(settings, KeyEncryptionKey.load(settings.key_encryption_key_file))


@pytest.mark.parametrize("count", rounds(SLOW))
async def test_one_token_used_fifty_times_at_once_makes_one_lineage(
    issuers: Issuers, count: int
) -> None:
    for _ in range(count):
        log_in = (await issuers.log_in()).json()
        token = log_in["refresh_token"]
        answers = await asyncio.gather(*(issuers.refresh(token, at) for at in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        [successor] = {answer.json()["refresh_token"] for answer in answers}
        assert await issuers.events(log_in["access_token"]) == {
            "logged in": 1,
            "rotated": 1,
            "repeated within the window": 49,
        }
        assert (await issuers.refresh(successor)).status_code == 200


@pytest.mark.parametrize("count", rounds(30))
async def test_when_the_answer_is_lost_after_the_commit_the_retry_gets_the_same_successor(
    issuers: Issuers, count: int
) -> None:
    log_in = (await issuers.log_in()).json()
    token = log_in["refresh_token"]
    for number in range(count):
        await _refresh_and_hang_up(issuers, token, number)
        retried = [await issuers.refresh(token, at) for at in (0, 1)]
        assert [answer.status_code for answer in retried] == [200, 200]
        [token] = {answer.json()["refresh_token"] for answer in retried}
    events = await issuers.events(log_in["access_token"])
    assert events["rotated"] == count
    assert events["repeated within the window"] == 2 * count
    assert events["reuse: family revoked"] == 0


async def _refresh_and_hang_up(issuers: Issuers, token: str, at: int) -> None:
    """Send the request, wait until it is committed, and leave without reading the answer."""
    request = issuers.both[at % 2].build_request(
        "POST",
        "/token",
        content=urlencode({"grant_type": "refresh_token", "refresh_token": token}),
        headers={"content-type": "application/x-www-form-urlencoded", "connection": "close"},
    )
    auth = next(issuers.both[at % 2].auth.sync_auth_flow(request))  # type: ignore[union-attr]
    head = "".join(f"{name}: {value}\r\n" for name, value in auth.headers.items())
    url = urlsplit(str(request.url))
    committed = "SELECT count(*) FROM audit_log WHERE event = 'rotated'"
    before = await issuers.database.fetchval(committed)
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"POST /token HTTP/1.1\r\n{head}\r\n".encode() + request.content)
    await writer.drain()
    async with asyncio.timeout(20):
        while await issuers.database.fetchval(committed) == before:
            continue
    writer.transport.abort()


@pytest.mark.parametrize("count", rounds(40))
async def test_tabs_and_workers_that_refresh_together_are_not_logged_out(
    issuers: Issuers, count: int
) -> None:
    log_in = (await issuers.log_in()).json()
    shared = log_in["refresh_token"]
    workers = 8

    async def worker(number: int, token: str) -> str:
        # They find the access token expired at about the same time.
        await asyncio.sleep(random.random() * 0.1)  # noqa: S311
        answer = await issuers.refresh(token, number)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["refresh_token"])

    for _ in range(count):
        # Each stores what it got; whose is stored last does not matter.
        got = await asyncio.gather(*(worker(number, shared) for number in range(workers)))
        [shared] = set(got)
    assert await issuers.events(log_in["access_token"]) == {
        "logged in": 1,
        "rotated": count,
        "repeated within the window": count * (workers - 1),
    }


async def _revoke(issuers: Issuers, _username: str, token: str) -> None:
    assert (await issuers.both[1].post("/revoke", data={"token": token})).status_code == 200


async def _change_password(issuers: Issuers, username: str, _token: str) -> None:
    change = {"old_password": issuers.demo["DEMO_PASSWORD"], "new_password": "seven green apples"}
    answer = await issuers.both[1].put(f"/users/{username}/password", json=change)
    assert answer.status_code == 204, answer.text


async def _disable_user(issuers: Issuers, username: str, _token: str) -> None:
    assert await accounts.disable(issuers.third, username) is not None


async def _disable_client(issuers: Issuers, _username: str, _token: str) -> None:
    client_id = issuers.demo["DEMO_CLIENT_ID"]
    assert await revocation.disable_client(issuers.third, client_id) is not None


End = Callable[[Issuers, str, str], Awaitable[None]]


@pytest.mark.parametrize("count", rounds(30))
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(_revoke, id="log-out"),
        pytest.param(_change_password, id="new password"),
        pytest.param(_disable_user, id="user disabled"),
        pytest.param(_disable_client, id="client disabled"),
    ],
)
async def test_nothing_that_was_issued_survives_the_end_it_races_with(
    issuers: Issuers, count: int, end: End
) -> None:
    for number in range(count):
        username = await issuers.register()
        log_in = (await issuers.log_in(username)).json()
        token = log_in["refresh_token"]

        async def at_some_time(
            username: str = username, token: str = token, delay: float = number % 10 / 200
        ) -> None:
            await asyncio.sleep(delay)
            await end(issuers, username, token)

        racing = [issuers.refresh(token, at) for at in range(20)]
        if end is not _revoke:  # which ends one log-in, and the others are others
            racing += [issuers.log_in(username, at) for at in range(6)]
        answers, _ = await asyncio.gather(asyncio.gather(*racing), at_some_time())
        issued = {a.json()["refresh_token"] for a in answers if a.status_code == 200}
        await issuers.database.execute("UPDATE clients SET disabled_at = NULL")
        for survivor in {token} | issued:
            answer = await issuers.refresh(survivor)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        events = await issuers.events(log_in["access_token"])
        assert events["revoked"] == 1
        assert events["reuse: family revoked"] == 0
