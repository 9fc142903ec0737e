"""Back-channel log-out: every client of a session is told, once, however often that takes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest
from jose import jwt

from auth_service import accounts, backchannel_logout
from auth_service.backchannel_logout import EVENT
from auth_service.store import audit_log, logout_deliveries
from shared.errors import OAuthError
from tests.auth_service.browser_flow.person import HTML, Person, claims_of
from tests.auth_service.browser_flow.test_account import change, open_account
from tests.auth_service.conftest import PASSWORD, SOMEWHERE

NEW = "another horse battery"


class Receiver:
    """A client's server on loopback: what it is told, and what it answers."""

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        self.tokens: list[str] = []
        self.heads: list[str] = []
        self.uri = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (length,) = re.findall(r"(?i)content-length: (\d+)", head)
        form = parse_qs((await reader.readexactly(int(length))).decode(), strict_parsing=True)
        self.heads.append(head)
        assert form.keys() == {"logout_token"}
        self.tokens += form["logout_token"]
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told?a=b"
    async with server:
        yield receiver


@pytest.fixture
async def receiver(app: Any) -> AsyncIterator[Receiver]:
    """What the client `app` is told."""
    app.server.fetch._loopback = True
    async with receiving() as one:
        await wants(app, "app", one.uri)
        yield one


async def wants(app: Any, client_id: str, uri: str | None) -> None:
    await app.server.db.execute(
        "UPDATE clients SET backchannel_logout_uri = $2 WHERE client_id = $1", client_id, uri
    )


async def tokens_of(app: Any, person: Person, client_id: str = "app", **also: str) -> Any:
    code = await person.code(client_id, **also)
    return (await app.token(client_id, **person.exchange(code))).json()


async def log_out(person: Person) -> None:
    await person.submit(await person.get("/logout"), decision="log_out")


async def queued(app: Any) -> int:
    count: int = await app.server.db.fetchval("SELECT count(*) FROM logout_deliveries")
    return count


async def test_a_client_of_the_session_is_told_by_a_signed_token(
    app: Any, person: Person, receiver: Receiver, clock: Any
) -> None:
    id_token = claims_of((await tokens_of(app, person))["id_token"])
    await tokens_of(app, person)  # a second time, and told once all the same
    await log_out(person)
    assert await backchannel_logout.deliver(app.server) == 1
    (token,) = receiver.tokens
    assert "POST /told?a=b HTTP/1.1" in receiver.heads[0]
    assert "application/x-www-form-urlencoded" in receiver.heads[0]
    assert jwt.get_unverified_header(token)["typ"] == "logout+jwt"
    keys = (await app.http.get("/.well-known/jwks.json")).json()
    claims = claims_of(token)
    unchecked = {"verify_aud": False, "verify_exp": False, "verify_iat": False}
    jwt.decode(token, keys, "RS256", options=unchecked)
    assert claims.pop("jti")
    assert claims == {
        "iss": "http://127.0.0.1:8000",
        "aud": "app",
        "sub": id_token["sub"],
        "sid": id_token["sid"],
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 120,
        "events": {EVENT: {}},
    }
    assert await backchannel_logout.deliver(app.server) == 0
    assert await queued(app) == 0
    assert app.server.metrics.logout_deliveries == {"told": 1}
    *_, last = await audit_log.find(app.server.db)
    assert (last.event, last.client_id, last.detail) == ("client told", "app", {"attempts": 1})


async def test_a_logout_token_is_good_for_nothing_else(
    app: Any, person: Person, receiver: Receiver
) -> None:
    await tokens_of(app, person)
    await log_out(person)
    await backchannel_logout.deliver(app.server)
    (token,) = receiver.tokens
    bearer = {"authorization": f"Bearer {token}"}
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 401
    with pytest.raises(OAuthError):
        await app.server.own_tokens.verify(token)
    query = {"id_token_hint": token}
    assert (await app.http.get("/logout", params=query, headers=HTML)).status_code == 400


async def test_every_client_of_the_session_is_told_and_no_other(
    app: Any, person: Person, receiver: Receiver
) -> None:
    async with receiving() as second, receiving() as third:
        await wants(app, "two", second.uri)
        await wants(app, "lax", third.uri)
        first = claims_of((await tokens_of(app, person))["access_token"])["sid"]
        await tokens_of(app, person, "two")
        await log_out(person)
        person.http.cookies.clear()
        await tokens_of(app, person, "lax")
        await backchannel_logout.deliver(app.server)
        assert [claims_of(token)["aud"] for token in receiver.tokens] == ["app"]
        assert [claims_of(token)["aud"] for token in second.tokens] == ["two"]
        assert {claims_of(token)["sid"] for token in second.tokens} == {first}
        assert third.tokens == []


async def test_a_client_that_does_not_want_to_know_is_not_told(app: Any, person: Person) -> None:
    await tokens_of(app, person)
    await log_out(person)
    assert await queued(app) == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", id="500"),
        pytest.param(b"HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n", id="400"),
        pytest.param(b"HTTP/1.1 302 Go\r\nlocation: http://127.0.0.1:1/\r\n\r\n", id="redirect"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_it_is_tried_again_and_waits_twice_as_long_each_time(
    app: Any, person: Person, receiver: Receiver, clock: Any, answer: bytes
) -> None:
    good, receiver.answer = receiver.answer, answer
    await tokens_of(app, person)
    await log_out(person)
    for wait in (10, 20, 40):
        assert await backchannel_logout.deliver(app.server) == 1
        clock.seconds += wait - 1
        assert await backchannel_logout.deliver(app.server) == 0
        clock.seconds += 1
        await app.server.keys.reload(app.server.db)
    receiver.answer = good
    assert await backchannel_logout.deliver(app.server) == 1
    assert await queued(app) == 0
    assert len({claims_of(token)["jti"] for token in receiver.tokens}) == 4
    assert claims_of(receiver.tokens[-1])["exp"] == int(clock.seconds) + 120
    assert app.server.metrics.logout_deliveries == {"failed": 3, "told": 1}


async def test_after_a_day_it_is_given_up(
    app: Any, person: Person, receiver: Receiver, clock: Any
) -> None:
    receiver.answer = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
    await tokens_of(app, person)
    await log_out(person)
    await backchannel_logout.deliver(app.server)
    clock.seconds += 86_400
    await backchannel_logout.deliver(app.server)
    assert await queued(app) == 0
    *_, last = await audit_log.find(app.server.db)
    assert (last.event, last.client_id) == ("client not told", "app")


async def test_of_many_processes_one_tells_it(
    app: Any, person: Person, receiver: Receiver, start: Any
) -> None:
    await tokens_of(app, person)
    await log_out(person)
    async with start() as twin:
        twin.server.fetch._loopback = True
        servers = [app.server, twin.server] * 10
        told = await asyncio.gather(*(backchannel_logout.deliver(server) for server in servers))
    assert sum(told) == 1
    assert len(receiver.tokens) == 1


async def test_what_another_process_is_just_taking_is_left_to_it(
    app: Any, person: Person, receiver: Receiver, auth_owner: Any
) -> None:
    await tokens_of(app, person)
    await log_out(person)
    async with auth_owner.transaction():
        await auth_owner.execute("SELECT FROM logout_deliveries FOR UPDATE")
        async with asyncio.timeout(3):
            assert await backchannel_logout.deliver(app.server) == 0
    assert await backchannel_logout.deliver(app.server) == 1
    assert len(receiver.tokens) == 1


async def test_a_slow_client_holds_up_no_other(
    app: Any, person: Person, receiver: Receiver
) -> None:
    async def forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    app.server.fetch._timeout = 0.5
    silent = await asyncio.start_server(forever, "127.0.0.1", 0)
    async with silent:
        await wants(app, "two", f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/")
        await tokens_of(app, person)
        await tokens_of(app, person, "two")
        await log_out(person)
        async with asyncio.timeout(5):
            await backchannel_logout.deliver(app.server)
        assert (len(receiver.tokens), await queued(app)) == (1, 1)


async def test_nothing_is_sent_into_our_own_network(app: Any, person: Person) -> None:
    async with receiving() as inside:
        await wants(app, "app", inside.uri)
        await tokens_of(app, person)
        await log_out(person)
        await backchannel_logout.deliver(app.server)
        assert inside.tokens == []
    assert await queued(app) == 1


async def test_nothing_is_queued_for_a_log_out_that_was_undone(app: Any, person: Person) -> None:
    await wants(app, "app", "https://app.example/told")
    tokens = await tokens_of(app, person)
    session_id = claims_of(tokens["access_token"])["sid"]
    async with app.server.db.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await logout_deliveries.add(connection, session_id, app.server.time())
        await transaction.rollback()
    assert await queued(app) == 0


@pytest.mark.parametrize("how", ["new password", "disabled", "account page"])
async def test_whatever_ends_a_session_is_told(
    app: Any, person: Person, receiver: Receiver, how: str
) -> None:
    await tokens_of(app, person)
    if how == "new password":
        await accounts.change_password(app.server, "alice", PASSWORD, NEW, SOMEWHERE)
    elif how == "disabled":
        await accounts.disable(app.server, "alice")
    else:
        await open_account(person)
        await change(person, PASSWORD, NEW)
    await backchannel_logout.deliver(app.server)
    assert len(receiver.tokens) == 1


async def test_a_client_that_was_disabled_or_changed_its_mind_does_not_block_the_others(
    app: Any, person: Person, receiver: Receiver, clock: Any
) -> None:
    await wants(app, "two", receiver.uri)
    await tokens_of(app, person)
    await tokens_of(app, person, "two")
    await log_out(person)
    await wants(app, "two", None)
    await backchannel_logout.deliver(app.server)
    assert [claims_of(token)["aud"] for token in receiver.tokens] == ["app"]
    clock.seconds += 2 * 86_400
    await backchannel_logout.forget(app.server)
    assert await queued(app) == 0


async def test_the_metadata_say_so(app: Any) -> None:
    metadata = (await app.http.get("/.well-known/openid-configuration")).json()
    assert metadata["backchannel_logout_supported"] is True
    assert metadata["backchannel_logout_session_supported"] is True


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("https://app.example/told", 0),
        ("http://app.example/told", 1),
        ("https://app.example/told#x", 1),
        ("https://user@app.example/told", 1),
    ],
)
async def test_it_is_registered_by_command(run: Any, uri: str, code: int) -> None:
    words = ("--name", "A", "--grant", "client_credentials", "--scope", "notes:read")
    exit_code, _, _ = await run("clients", "create", "a", *words, "--backchannel-logout-uri", uri)
    assert exit_code == code
