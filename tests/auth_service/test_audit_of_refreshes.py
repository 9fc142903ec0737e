"""Every redemption of a refresh token is classed, and the class is in the audit log."""

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from auth_service import accounts
from auth_service.store import audit_log, redemptions
from auth_service.store.audit_log import Entry
from auth_service.store.redemptions import Presented
from shared import jws

DAY = 86_400


async def rows(issuer: Any) -> list[Entry]:
    """What the audit log has about families, but not that they began."""
    entries = await audit_log.find(issuer.server.db)
    return [entry for entry in entries if entry.family_id and entry.event != "logged in"]


async def last(issuer: Any) -> Entry:
    return (await rows(issuer))[-1]


def claims(access_token: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(jws.decode(access_token.split(".")[1].encode()))
    return decoded


async def test_of_fifty_at_once_one_is_rotated_and_the_others_are_repeats(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    responses = await asyncio.gather(*(issuer.refresh(token) for _ in range(50)))
    recorded = await rows(issuer)
    events = Counter(entry.event for entry in recorded)
    assert events == {"rotated": 1, "repeated within the window": 49}
    assert issuer.server.metrics.refreshes == events
    issued = {claims(response.json()["access_token"])["jti"] for response in responses}
    assert {entry.jti for entry in recorded} == issued
    assert {(entry.detail["presented"], entry.detail["newest"]) for entry in recorded} == {(1, 2)}


@pytest.mark.usefixtures("issuer")
async def test_without_grace_one_is_rotated_one_is_reuse_and_the_rest_comes_after_the_end(
    start: Any,
) -> None:
    async with start(refresh_grace=0) as strict:
        token = (await strict.log_in())["refresh_token"]
        await asyncio.gather(*(strict.refresh(token) for _ in range(50)))
        events = Counter(entry.event for entry in await rows(strict))
        assert events["rotated"] == events["reuse: family revoked"] == 1
        assert strict.server.metrics.refreshes == {
            "rotated": 1,
            "reuse: family revoked": 1,
            "refresh refused": 48,
        }


async def test_a_log_in_and_its_refreshes_are_recorded_with_the_ids_of_their_tokens(
    issuer: Any,
) -> None:
    body = await issuer.log_in()
    refreshed = (await issuer.refresh(body["refresh_token"])).json()
    began, rotated = (await audit_log.find(issuer.server.db))[-2:]
    for entry, issued in ((began, body), (rotated, refreshed)):
        named = claims(issued["access_token"])
        assert str(entry.sub) == named["sub"]
        assert str(entry.family_id) == named["sid"]
        assert (entry.client_id, entry.jti) == (named["client_id"], named["jti"])


async def test_a_replay_ends_the_family_and_is_recorded_before_it_is_refused(
    issuer: Any, clock: Any
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await issuer.refresh(token)
    clock.seconds += 11
    assert (await issuer.refresh(token)).status_code == 400
    reuse = await last(issuer)
    assert reuse.event == "reuse: family revoked"
    assert reuse.at.timestamp() == clock.seconds
    assert reuse.detail == {"presented": 1, "newest": 2}
    assert reuse.jti is None
    assert reuse.family_id == await issuer.server.db.fetchval(
        "SELECT family_id FROM refresh_token_families WHERE revoked_at IS NOT NULL"
    )


@pytest.mark.parametrize(
    ("seconds", "event"),
    [
        pytest.param(14 * DAY - 1, "rotated", id="in time"),
        pytest.param(14 * DAY, "expired (idle)", id="idle"),
        pytest.param(90 * DAY, "expired (idle)", id="idle first"),
    ],
)
async def test_what_was_not_used_for_too_long_is_expired_by_idleness(
    issuer: Any, clock: Any, seconds: int, event: str
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    clock.seconds += seconds
    await issuer.refresh(token)
    assert (await last(issuer)).event == event


async def test_what_lived_too_long_is_expired_absolutely(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    for _ in range(9):
        clock.seconds += 10 * DAY - 1
        token = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += 9
    assert (await issuer.refresh(token)).status_code == 400
    assert (await last(issuer)).event == "expired (absolute)"


async def test_an_old_token_of_an_expired_family_is_expired_and_no_reuse(
    issuer: Any, clock: Any
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await issuer.refresh(token)
    clock.seconds += 14 * DAY
    await issuer.refresh(token)
    assert (await last(issuer)).event == "expired (idle)"


async def test_asking_for_more_a_foreign_client_and_what_came_after_the_end(issuer: Any) -> None:
    token = (await issuer.log_in(scope="notes:read"))["refresh_token"]
    await issuer.refresh(token, scope="notes:write")
    await issuer.refresh(token, "other")
    await accounts.disable(issuer.server, "alice")
    await issuer.refresh(token)
    scope, foreign, ended, after = await rows(issuer)
    assert (scope.event, scope.client_id) == ("scope exceeded", "web")
    assert (foreign.event, foreign.client_id) == ("foreign client", "other")
    assert (ended.event, ended.detail) == ("revoked", {"reason": "user disabled"})
    assert (after.event, after.detail["reason"]) == ("refresh refused", "the log-in had ended")
    assert {entry.jti for entry in (scope, foreign, ended, after)} == {None}


async def test_a_token_that_the_database_does_not_know_is_recorded_all_the_same(
    issuer: Any,
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    newest = (await issuer.refresh(token)).json()["refresh_token"]
    await issuer.server.db.execute("UPDATE refresh_token_families SET generation = 1")
    await issuer.refresh(newest)
    assert (await last(issuer)).detail["reason"] == "ahead of the database"
    await issuer.server.db.execute("DELETE FROM refresh_token_families")
    await issuer.refresh(newest)
    entry = await last(issuer)
    assert (entry.event, entry.sub, entry.detail["reason"]) == (
        "refresh refused",
        None,
        "no such family",
    )


@pytest.mark.parametrize("table", ["clients", "users"])
async def test_who_is_disabled_between_authentication_and_redemption_gets_nothing(
    issuer: Any, table: str
) -> None:
    refresh_token = (await issuer.log_in())["refresh_token"]
    family_id, generation = issuer.server.refresh_tokens.read(refresh_token)
    now = issuer.server.time()
    yesterday = now - timedelta(days=1)
    token = Presented(family_id, generation, "web", now, now, yesterday, yesterday, [""])
    await issuer.server.db.execute(f"UPDATE {table} SET disabled_at = now()")  # noqa: S608
    db = issuer.server.db
    assert await redemptions.redeem(db, token, frozenset(), "unused") is None
    event, verdict = await redemptions.refuse(db, token, frozenset())
    assert (event, verdict) == ("refresh refused", "client or user disabled")
    assert (await last(issuer)).detail["reason"] == verdict


async def test_refusals_fill_no_disk_but_the_end_of_a_family_is_always_recorded(
    issuer: Any, clock: Any
) -> None:
    token = (await issuer.log_in(scope="notes:read"))["refresh_token"]
    for _ in range(15):
        await issuer.refresh(token, scope="notes:write")
    clock.seconds += 61
    await issuer.refresh(token, scope="notes:write")
    assert Counter(entry.event for entry in await rows(issuer)) == {"scope exceeded": 11}
    assert issuer.server.metrics.refreshes == {"scope exceeded": 16}
