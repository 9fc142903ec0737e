"""Log-ins that are over are removed, a week after their end, and nothing is forgotten with them."""

import asyncio
import uuid
from typing import Any

import pytest

from auth_service import accounts, authorization, ended_log_ins, registration
from auth_service.commands.audit import _explain
from auth_service.store import refresh_token_families
from tests.auth_service.browser_flow.person import Person, claims_of

DAY = 86_400
WEEK = 7 * DAY


async def left(app: Any) -> int:
    count: int = await app.server.db.fetchval("SELECT count(*) FROM refresh_token_families")
    return count


async def is_removed_at(app: Any, clock: Any, end: float) -> None:
    """Nothing happens before a week after the end, in seconds of the clock, and then it does."""
    clock.seconds = end + WEEK - 1
    await ended_log_ins.forget(app.server)
    assert await left(app) == 1
    clock.seconds += 1
    await ended_log_ins.forget(app.server)
    assert await left(app) == 0


async def test_one_that_was_not_refreshed(app: Any, clock: Any) -> None:
    await app.log_in()
    await is_removed_at(app, clock, clock.seconds + 14 * DAY)


async def test_one_that_was_refreshed_to_its_end(app: Any, clock: Any) -> None:
    began, token = clock.seconds, (await app.log_in())["refresh_token"]
    for _ in range(8):
        clock.seconds += 11 * DAY
        token = (await app.refresh(token)).json()["refresh_token"]
        await ended_log_ins.forget(app.server)
    await is_removed_at(app, clock, began + 90 * DAY)


async def test_one_that_was_revoked(app: Any, clock: Any) -> None:
    token = (await app.log_in())["refresh_token"]
    clock.seconds += DAY
    form = {"client_id": "web", "client_secret": "s3cret-of-the-batch-client", "token": token}
    assert (await app.http.post("/revoke", data=form)).status_code == 200
    await is_removed_at(app, clock, clock.seconds)
    refused = await app.refresh(token)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_no_access_token_outlives_the_row_by_which_it_is_revoked(
    start: Any, register: Any, clock: Any
) -> None:
    """However short log-ins are, and however long the tokens of them."""
    short = {"refresh_token_idle_lifetime": 1, "refresh_token_lifetime": 1}
    async with start(access_token_lifetime=3600, **short) as issuer:
        await register(issuer.server)
        token = (await issuer.log_in())["access_token"]
        clock.seconds += 3600 - 1
        await ended_log_ins.forget(issuer.server)
        form = {"client_id": "batch", "client_secret": "s3cret-of-the-batch-client", "token": token}
        assert (await issuer.http.post("/introspect", data=form)).json()["active"] is True
        await accounts.disable(issuer.server, "alice")
        assert (await issuer.http.post("/introspect", data=form)).json()["active"] is False


async def test_it_is_explained_as_before(app: Any, person: Person, clock: Any) -> None:
    tokens = (await app.token("app", **person.exchange(await person.code()))).json()
    sid = claims_of(tokens["access_token"])["sid"]
    (family_id,) = await refresh_token_families.begun_in(app.server.db, uuid.UUID(sid))
    clock.seconds += 100 * DAY
    before = [await _explain(app.server, name) for name in (sid, str(family_id), "alice")]
    await authorization.forget(app.server)
    await ended_log_ins.forget(app.server)
    assert await left(app) == 0
    assert str(family_id) in before[0][0]
    assert "It ended by itself" in before[0][-2]
    after = [await _explain(app.server, name) for name in (sid, str(family_id), "alice")]
    assert after == before


async def test_an_index_in_the_status_lists_is_not_given_out_again(app: Any, clock: Any) -> None:
    given = []
    for _ in range(3):
        token = (await app.log_in())["access_token"]
        given.append(claims_of(token)["status"]["status_list"]["idx"])
        clock.seconds += 30 * DAY
        await ended_log_ins.forget(app.server)
        assert await left(app) == 0
    assert len(set(given)) == 3


async def test_the_clients_of_a_session_that_lives_are_told_when_it_ends(
    start: Any, app: Any, person: Person, clock: Any
) -> None:
    """A session may be set to live longer than what began in it."""
    await app.token("app", **person.exchange(await person.code()))
    uri = "UPDATE clients SET backchannel_logout_uri = 'https://app.example/told'"
    await app.server.db.execute(uri)
    clock.seconds += 30 * DAY
    long = {"session_idle_lifetime": 60 * DAY, "session_lifetime": 60 * DAY}
    async with start(**long) as patient:
        await authorization.forget(patient.server)
        await ended_log_ins.forget(patient.server)
        assert await left(app) == 1
        await accounts.disable(patient.server, "alice")
    assert await app.server.db.fetchval("SELECT count(*) FROM logout_deliveries") == 1
    await authorization.forget(app.server)  # which removes the session
    await ended_log_ins.forget(app.server)
    assert await left(app) == 0


async def test_it_goes_through_all_of_them_and_removes_no_other(
    app: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_log_ins, "_AT_A_TIME", 3)
    old = [(await app.log_in())["refresh_token"] for _ in range(10)]
    kept = [(await app.log_in())["refresh_token"] for _ in range(10)]
    clock.seconds += 13 * DAY
    kept = [(await app.refresh(token)).json()["refresh_token"] for token in kept]
    clock.seconds += 8 * DAY
    await ended_log_ins.forget(app.server)
    assert await left(app) == 10
    assert {(await app.refresh(token)).status_code for token in kept} == {200}
    assert {(await app.refresh(token)).status_code for token in old} == {400}


async def test_it_waits_for_nobody(app: Any, clock: Any, auth_owner: Any) -> None:
    await app.log_in()
    clock.seconds += 30 * DAY
    async with auth_owner.transaction():
        await auth_owner.execute("SELECT FROM refresh_token_families FOR UPDATE")
        async with asyncio.timeout(3):
            await ended_log_ins.forget(app.server)
        assert await left(app) == 1
    await ended_log_ins.forget(app.server)
    assert await left(app) == 0


async def test_the_account_page_does_not_miss_it(app: Any, person: Person, clock: Any) -> None:
    await app.token("app", **person.exchange(await person.code(scope="notes:read")))
    clock.seconds += 100 * DAY
    page = await person.log_in(await person.get("/account"))
    assert "The app" in page.text  # she has agreed to it, and has not taken that back
    await ended_log_ins.forget(app.server)
    assert (await person.get("/account")).text == page.text
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    await accounts.withdraw_consent(app.server, sub, "app")
    assert "The app" not in (await person.get("/account")).text


async def test_a_client_that_registered_openly_goes_when_nothing_of_it_is_left(
    app: Any, person: Person, clock: Any
) -> None:
    await app.server.db.execute(
        "UPDATE clients SET registered_openly = true WHERE client_id = 'app'"
    )
    await app.token("app", **person.exchange(await person.code(scope="notes:read")))
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    await accounts.withdraw_consent(app.server, sub, "app")
    count = "SELECT count(*) FROM clients WHERE client_id = 'app'"
    clock.seconds += 7 * DAY
    await registration.forget(app.server)
    assert await app.server.db.fetchval(count) == 1
    clock.seconds += 1
    await authorization.forget(app.server)
    await ended_log_ins.forget(app.server)
    await registration.forget(app.server)
    assert await app.server.db.fetchval(count) == 0
