"""Who may register a client (RFC 7591 §3), and how many there may be (§5)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from auth_service import registration
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.clients.registering import (
    assert_refused,
    manage,
    post,
    registered,
)


@pytest.fixture
async def by_token(start: Any) -> AsyncIterator[Any]:
    async with start(client_registration="token") as issuer:
        yield issuer


async def initial_token(issuer: Any, uses: int = 1) -> str:
    return await registration.create_initial_token(
        issuer.server, "for a test", timedelta(hours=1), uses
    )


async def test_an_initial_access_token_lets_one_register(by_token: Any) -> None:
    token = await initial_token(by_token)
    assert (await post(by_token, token)).status_code == 201
    assert_refused(await post(by_token, token), 401, "invalid_token")


async def test_whoever_has_none_may_not(by_token: Any, clock: Any) -> None:
    assert_refused(await post(by_token), 401, "unauthorized")
    assert_refused(await post(by_token, "made-up"), 401, "invalid_token")
    token = await initial_token(by_token)
    clock.seconds += 3600
    assert_refused(await post(by_token, token), 401, "invalid_token")


async def test_what_is_refused_does_not_use_the_token_up(by_token: Any) -> None:
    token = await initial_token(by_token)
    assert_refused(await post(by_token, token, redirect_uris=[]), 400, "invalid_redirect_uri")
    assert (await post(by_token, token)).status_code == 201


async def test_an_initial_access_token_works_as_often_as_it_may_however_many_come(
    by_token: Any,
) -> None:
    token = await initial_token(by_token, uses=3)
    responses = await asyncio.gather(*(post(by_token, token) for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [201] * 3 + [401] * 47
    assert await by_token.server.db.fetchval("SELECT count(*) FROM clients") == 3


async def test_initial_access_tokens_are_hashed_and_forgotten(by_token: Any, clock: Any) -> None:
    db = by_token.server.db
    token = await initial_token(by_token)
    assert token not in await db.fetchval("SELECT t::text FROM initial_access_tokens t")
    await registration.forget(by_token.server)
    assert await db.fetchval("SELECT count(*) FROM initial_access_tokens") == 1
    clock.seconds += 3600
    await registration.forget(by_token.server)
    assert await db.fetchval("SELECT count(*) FROM initial_access_tokens") == 0


async def test_the_command_makes_one(run: Any, start: Any) -> None:
    words = ("clients", "initial-token", "--note", "a partner", "--uses", "2", "--json")
    code, output, _ = await run(*words)
    assert code == 0
    token = json.loads(output)["initial_access_token"]
    async with start(client_registration="token") as issuer:
        # The command's clock is the real one, which is behind that of the test.
        await issuer.server.db.execute("UPDATE initial_access_tokens SET expires_at = 'infinity'")
        assert [(await post(issuer, token)).status_code for _ in range(3)] == [201, 201, 401]
        event = "SELECT detail->>'note' FROM audit_log WHERE event = 'initial access token created'"
        assert await issuer.server.db.fetchval(event) == "a partner"


async def test_there_is_room_for_so_many_and_no_more_however_many_come(start: Any) -> None:
    async with start(client_registration="open", client_registration_limit=5) as issuer:
        responses = await asyncio.gather(*(post(issuer) for _ in range(50)))
        assert sorted(response.status_code for response in responses) == [201] * 5 + [503] * 45
        full = await post(issuer)
        assert_refused(full, 503, "temporarily_unavailable")
        assert int(full.headers["retry-after"]) == 3600


async def test_a_registration_that_nobody_used_is_forgotten_after_a_week(
    open_issuer: Any, person: Person, clock: Any
) -> None:
    used, unused, ended = [await registered(open_issuer) for _ in range(3)]
    response = await person.log_in(await person.authorize(used["client_id"]))
    await person.allow(response)
    assert (await manage(open_issuer, "DELETE", ended)).status_code == 204
    clock.seconds += 7 * 86400
    await registration.forget(open_issuer.server)
    left = {
        row[0]
        for row in await open_issuer.server.db.fetch(
            "SELECT client_id FROM clients WHERE registered_openly"
        )
    }
    assert left == {used["client_id"], unused["client_id"], ended["client_id"]}
    clock.seconds += 1
    await registration.forget(open_issuer.server)
    left = {
        row[0]
        for row in await open_issuer.server.db.fetch(
            "SELECT client_id FROM clients WHERE registered_openly"
        )
    }
    assert left == {used["client_id"]}


async def test_open_registration_slows_down_whoever_fills_it(start: Any, clock: Any) -> None:
    async with start(client_registration="open", address_attempts=3) as issuer:
        responses = [await post(issuer) for _ in range(6)]
        statuses = [response.status_code for response in responses]
        assert statuses[:3] == [201] * 3
        refused = responses[-1]
        assert_refused(refused, 429, "too_many_requests")
        clock.seconds += int(refused.headers["retry-after"])
        assert (await post(issuer)).status_code == 201
