"""What is in the audit log, what is not, and that nothing secret is."""

import asyncio
import json
import logging
from collections import Counter
from typing import Any

import asyncpg
import pytest

from auth_service import accounts
from auth_service.store import audit_log
from auth_service.store.audit_log import MOST_A_MINUTE, Entry
from shared import jws
from shared.errors import AccessDenied, Conflict
from tests.auth_service.conftest import SOMEWHERE

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse battery"


async def log(issuer: Any) -> list[Entry]:
    """What was recorded, but for the keys and for the clients and users of the fixture."""
    setting_up = {"registered", "client created"}
    return [
        entry
        for entry in await audit_log.find(issuer.server.db)
        if entry.kid is None and entry.event not in setting_up
    ]


async def wrong_password(issuer: Any, username: str = "alice") -> Any:
    return await issuer.token(
        "web", grant_type="password", username=username, password="pa55word in the wrong field"
    )


async def test_a_registration_is_recorded_and_one_that_is_refused_is_not(issuer: Any) -> None:
    user = await accounts.register(issuer.server, "bob", PASSWORD)
    with pytest.raises(Conflict):
        await accounts.register(issuer.server, "bob", PASSWORD)
    registered = [
        entry for entry in await audit_log.find(issuer.server.db) if entry.sub == user.sub
    ]
    assert [entry.event for entry in registered] == ["registered"]


async def test_a_log_in_at_a_client_that_may_not_refresh_is_recorded_too(issuer: Any) -> None:
    await issuer.server.db.execute("UPDATE clients SET grant_types = '{password}'")
    await issuer.log_in()
    [entry] = await log(issuer)
    assert entry.event == "logged in"
    assert entry.jti is not None


async def test_failed_log_ins_of_known_users_are_recorded_and_of_unknown_ones_counted(
    issuer: Any,
) -> None:
    await wrong_password(issuer)
    await wrong_password(issuer, "nobody")
    await accounts.disable(issuer.server, "alice")
    await issuer.token("web", grant_type="password", username="alice", password=PASSWORD)
    wrong, _, disabled = await log(issuer)
    assert (wrong.event, wrong.client_id, wrong.detail) == (
        "log-in failed",
        "web",
        {"reason": "wrong password"},
    )
    assert disabled.detail == {"reason": "user disabled"}
    assert issuer.server.metrics.log_in_failures == {
        "wrong password": 1,
        "unknown user": 1,
        "user disabled": 1,
    }


async def test_a_new_password_ends_each_log_in_by_name_and_a_refused_change_leaves_no_trace(
    issuer: Any,
) -> None:
    for _ in range(2):
        await issuer.log_in()
    with pytest.raises(AccessDenied):
        await accounts.change_password(issuer.server, "alice", "wrong", NEW_PASSWORD, SOMEWHERE)
    await accounts.change_password(issuer.server, "alice", PASSWORD, NEW_PASSWORD, SOMEWHERE)
    first, second, failed, changed, *ended = await log(issuer)
    assert failed.event == "log-in failed"
    assert (changed.event, changed.sub) == ("password changed", first.sub)
    assert {(entry.event, entry.detail["reason"]) for entry in ended} == {
        ("revoked", "password changed")
    }
    assert {entry.family_id for entry in ended} == {first.family_id, second.family_id}


async def test_disabling_and_enabling_a_user_are_recorded(issuer: Any) -> None:
    await accounts.disable(issuer.server, "alice")
    await accounts.enable(issuer.server, "alice")
    assert await accounts.enable(issuer.server, "nobody") is None
    assert [entry.event for entry in await log(issuer)] == ["user disabled", "user enabled"]


async def test_a_known_client_that_is_refused_is_recorded_and_an_unknown_one_is_not(
    issuer: Any,
) -> None:
    form = {"grant_type": "client_credentials"}
    for client_id in ("batch", "stranger"):
        answer = await issuer.http.post("/token", data=form, auth=(client_id, "wrong"))
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    answer = await issuer.token("batch", grant_type="refresh_token", refresh_token="x")
    assert answer.json()["error"] == "unauthorized_client"
    assert [(entry.event, entry.client_id, entry.detail) for entry in await log(issuer)] == [
        ("client refused", "batch", {"reason": "wrong secret"}),
        ("client refused", "batch", {"reason": "grant type not allowed"}),
    ]


async def test_whoever_goes_on_failing_fills_no_disk_and_is_heard_again_a_minute_later(
    issuer: Any, clock: Any
) -> None:
    async def attempt() -> None:
        form = {"grant_type": "client_credentials"}
        await issuer.http.post("/token", data=form, auth=("batch", "wrong"))
        await wrong_password(issuer)

    for _ in range(MOST_A_MINUTE + 5):
        await attempt()
    bound = {"client refused": MOST_A_MINUTE, "log-in failed": MOST_A_MINUTE}
    assert Counter(entry.event for entry in await log(issuer)) == bound
    clock.seconds += 61
    await attempt()
    assert Counter(entry.event for entry in await log(issuer)) == {
        event: count + 1 for event, count in bound.items()
    }
    assert issuer.server.metrics.log_in_failures["wrong password"] == MOST_A_MINUTE + 6


async def test_the_bound_holds_roughly_for_many_at_once(issuer: Any) -> None:
    await asyncio.gather(*(wrong_password(issuer) for _ in range(100)))
    # Calls under way at the same time do not see each other's rows: one for each connection.
    most = MOST_A_MINUTE + issuer.server.settings.database_pool_size
    assert MOST_A_MINUTE <= len(await log(issuer)) <= most


async def test_a_token_for_a_client_leaves_no_row_but_its_id_in_the_log_at_debug(
    issuer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "auth_service.tokens"):
        answer = await issuer.token(grant_type="client_credentials")
    payload = json.loads(jws.decode(answer.json()["access_token"].split(".")[1].encode()))
    assert await log(issuer) == []
    [line] = [record.getMessage() for record in caplog.records if "issued" in record.getMessage()]
    assert line == f"token {payload['jti']} issued to the client batch for itself"


async def test_without_a_signing_key_at_hand_nothing_is_used_up_and_nothing_recorded(
    issuer: Any, start: Any
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    before = await log(issuer)
    async with start() as other:
        other.server.keys._view = type(other.server.keys._view)()
        for answer in (
            await other.refresh(token),
            await other.token("web", grant_type="password", username="alice", password=PASSWORD),
        ):
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert await log(issuer) == before


async def test_nothing_secret_is_in_it(issuer: Any, clock: Any) -> None:
    body = await issuer.log_in()
    refreshed = (await issuer.refresh(body["refresh_token"])).json()
    clock.seconds += 11
    await issuer.refresh(body["refresh_token"])
    await wrong_password(issuer)
    await wrong_password(issuer, "pa55word as user name")
    await accounts.change_password(issuer.server, "alice", PASSWORD, NEW_PASSWORD, SOMEWHERE)
    rows = await issuer.server.db.fetch("SELECT * FROM audit_log")
    dump = repr([tuple(row) for row in rows])
    assert len(rows) > 5
    for secret in (
        *(body["access_token"], body["refresh_token"], refreshed["refresh_token"]),
        *(PASSWORD, NEW_PASSWORD, "pa55word", "argon2", "s3cret"),
    ):
        assert secret not in dump
        assert secret.rpartition(".")[2] not in dump


async def test_what_cannot_be_recorded_does_not_happen(issuer: Any, auth_owner: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await auth_owner.execute("ALTER TABLE audit_log ADD CHECK (event = 'registered') NOT VALID")
    for attempt in (
        issuer.refresh(token),
        issuer.token("web", grant_type="password", username="alice", password=PASSWORD),
    ):
        assert (await attempt).status_code == 500
    with pytest.raises(asyncpg.CheckViolationError):
        await accounts.disable(issuer.server, "alice")
    families = await issuer.server.db.fetch(
        "SELECT generation, revoked_at FROM refresh_token_families"
    )
    assert [tuple(row) for row in families] == [(1, None)]
