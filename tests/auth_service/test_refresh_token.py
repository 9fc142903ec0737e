"""Refresh tokens: rotation, repeats, replays and what ends them (RFC 6749 §6, RFC 9700 §4.14)."""

import asyncio
import base64
import json
from collections import Counter
from typing import Any

import httpx
import pytest

from auth_service import accounts
from auth_service.store import clients, users
from tests.auth_service.conftest import SOMEWHERE

DAY = 86_400
NEW_PASSWORD = "another horse battery"


def claims(access_token: str) -> dict[str, Any]:
    segment = access_token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=="))
    return decoded


def assert_invalid_grant(response: httpx.Response) -> None:
    assert (response.status_code, response.json()) == (
        400,
        {
            "error": "invalid_grant",
            "error_description": "the grant is invalid, expired or revoked",
        },
    )
    assert response.headers["cache-control"] == "no-store"


async def generation(issuer: Any) -> int:
    """The newest generation of the only family there is."""
    value: int = await issuer.server.db.fetchval("SELECT generation FROM refresh_token_families")
    return value


async def test_a_refresh_gives_both_tokens_and_keeps_the_log_in(issuer: Any, clock: Any) -> None:
    first = await issuer.log_in()
    clock.seconds += 100
    response = await issuer.refresh(first["refresh_token"])
    second = response.json()
    before, after = claims(first["access_token"]), claims(second["access_token"])
    assert response.status_code == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert after["jti"] != before["jti"]
    assert after["iat"] == before["iat"] + 100
    for name in ("sub", "auth_time", "amr", "sid", "client_id", "scope", "aud"):
        assert after[name] == before[name]


async def test_fifty_at_once_make_one_lineage_and_get_the_same_successor(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    responses = await asyncio.gather(*(issuer.refresh(token) for _ in range(50)))
    assert Counter(response.status_code for response in responses) == {200: 50}
    assert len({response.json()["refresh_token"] for response in responses}) == 1
    assert await generation(issuer) == 2
    assert (await issuer.refresh(responses[0].json()["refresh_token"])).status_code == 200


@pytest.mark.usefixtures("issuer")
async def test_without_grace_one_of_fifty_succeeds_and_the_family_is_dead(start: Any) -> None:
    async with start(refresh_grace=0) as strict:
        token = (await strict.log_in())["refresh_token"]
        responses = await asyncio.gather(*(strict.refresh(token) for _ in range(50)))
        assert Counter(response.status_code for response in responses) == {200: 1, 400: 49}
        [winner] = [response for response in responses if response.status_code == 200]
        for loser in responses:
            if loser is not winner:
                assert_invalid_grant(loser)
        assert_invalid_grant(await strict.refresh(winner.json()["refresh_token"]))


async def test_fifty_at_two_issuers_make_one_lineage(start: Any, issuer: Any) -> None:
    async with start() as other:
        token = (await issuer.log_in())["refresh_token"]
        responses = await asyncio.gather(
            *((issuer, other)[number % 2].refresh(token) for number in range(50))
        )
        assert len({response.json()["refresh_token"] for response in responses}) == 1
        assert await generation(issuer) == 2


async def test_a_repeat_within_the_window_gets_the_same_successor(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    clock.seconds += 60
    first = (await issuer.refresh(token)).json()
    clock.seconds += 10
    again = (await issuer.refresh(token)).json()
    assert again["refresh_token"] == first["refresh_token"]
    assert again["access_token"] != first["access_token"]


async def test_repeats_do_not_make_the_window_longer(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    assert (await issuer.refresh(token)).status_code == 200
    clock.seconds += 8
    assert (await issuer.refresh(token)).status_code == 200
    clock.seconds += 8
    assert_invalid_grant(await issuer.refresh(token))


async def test_a_replay_after_the_window_revokes_the_family(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    winner = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += 11
    assert_invalid_grant(await issuer.refresh(token))
    assert_invalid_grant(await issuer.refresh(winner))
    assert issuer.server.metrics.refreshes == {
        "rotated": 1,
        "reuse: family revoked": 1,
        "refresh refused": 1,
    }


async def test_a_token_older_than_the_previous_one_revokes_the_family_at_once(issuer: Any) -> None:
    first = (await issuer.log_in())["refresh_token"]
    second = (await issuer.refresh(first)).json()["refresh_token"]
    third = (await issuer.refresh(second)).json()["refresh_token"]
    assert_invalid_grant(await issuer.refresh(first))
    assert_invalid_grant(await issuer.refresh(third))


async def test_a_replay_ends_no_other_log_in(issuer: Any, clock: Any) -> None:
    replayed, other = [(await issuer.log_in())["refresh_token"] for _ in range(2)]
    await issuer.refresh(replayed)
    clock.seconds += 11
    assert_invalid_grant(await issuer.refresh(replayed))
    assert (await issuer.refresh(other)).status_code == 200


async def test_a_token_is_of_use_to_its_client_only_and_survives_the_attempt(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    assert_invalid_grant(await issuer.refresh(token, "other"))
    assert_invalid_grant(await issuer.refresh(token, "mobile"))
    assert (await issuer.refresh(token)).status_code == 200


async def test_a_stranger_cannot_revoke_a_family_with_an_old_token(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    newest = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += 11
    assert_invalid_grant(await issuer.refresh(token, "other"))
    assert (await issuer.refresh(newest)).status_code == 200


async def test_the_scope_may_narrow_for_one_access_token_and_is_back_with_the_next(
    issuer: Any,
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    narrow = (await issuer.refresh(token, scope="notes:read")).json()
    assert (narrow["scope"], claims(narrow["access_token"])["scope"]) == ("notes:read",) * 2
    assert (await issuer.refresh(narrow["refresh_token"])).json()["scope"] == (
        "notes:read notes:write"
    )


async def test_the_scope_never_widens_and_the_attempt_does_not_spend_the_token(
    issuer: Any,
) -> None:
    token = (await issuer.log_in(scope="notes:read"))["refresh_token"]
    for scope in ("notes:read notes:write", "admin"):
        response = await issuer.refresh(token, scope=scope)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")
    assert (await issuer.refresh(token)).json()["scope"] == "notes:read"


async def test_asking_too_much_in_a_repeat_is_no_replay(issuer: Any) -> None:
    token = (await issuer.log_in(scope="notes:read"))["refresh_token"]
    newest = (await issuer.refresh(token)).json()["refresh_token"]
    response = await issuer.refresh(token, scope="notes:write")
    assert response.json()["error"] == "invalid_scope"
    assert (await issuer.refresh(newest)).status_code == 200


async def test_a_scope_that_the_client_has_lost_is_not_granted_any_more(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await issuer.server.db.execute("UPDATE clients SET scope = '{notes:read}'")
    assert (await issuer.refresh(token)).json()["scope"] == "notes:read"


async def test_a_token_expires_when_it_is_not_used(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    clock.seconds += 14 * DAY - 1
    token = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += 14 * DAY
    assert_invalid_grant(await issuer.refresh(token))


async def test_a_family_expires_however_often_it_is_used(issuer: Any, clock: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    for _ in range(8):
        clock.seconds += 10 * DAY
        token = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += 10 * DAY
    assert_invalid_grant(await issuer.refresh(token))


async def test_disabling_the_user_ends_it_for_good(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await accounts.disable(issuer.server, "alice")
    assert_invalid_grant(await issuer.refresh(token))
    await users.enable(issuer.server.db, "alice")
    assert_invalid_grant(await issuer.refresh(token))


async def test_a_disabled_client_has_its_tokens_back_when_it_is_enabled(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await clients.disable(issuer.server.db, "web", issuer.server.time())
    response = await issuer.refresh(token)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    await clients.enable(issuer.server.db, "web")
    assert (await issuer.refresh(token)).status_code == 200


async def test_a_new_password_ends_it(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await accounts.change_password(
        issuer.server, "alice", "correct horse battery staple", NEW_PASSWORD, SOMEWHERE
    )
    assert_invalid_grant(await issuer.refresh(token))


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.004, 0.006, 0.008])
async def test_nothing_survives_a_new_password_that_races_with_refreshes_and_log_ins(
    issuer: Any, delay: float
) -> None:
    token = (await issuer.log_in())["refresh_token"]

    async def change() -> None:
        await asyncio.sleep(delay)
        await accounts.change_password(
            issuer.server, "alice", "correct horse battery staple", NEW_PASSWORD, SOMEWHERE
        )

    async def log_in() -> httpx.Response:
        return await issuer.token(  # type: ignore[no-any-return]
            "web",
            grant_type="password",
            username="alice",
            password="correct horse battery staple",
        )

    racing = [issuer.refresh(token) for _ in range(20)] + [log_in() for _ in range(20)]
    results = await asyncio.gather(change(), *racing)
    for response in results[1:]:
        if response.status_code == 200:
            assert_invalid_grant(await issuer.refresh(response.json()["refresh_token"]))
        else:
            assert_invalid_grant(response)
    live = await issuer.server.db.fetchval(
        "SELECT count(*) FROM refresh_token_families WHERE revoked_at IS NULL"
    )
    assert live == 0


def changed(token: str, at: int) -> str:
    """Put another character there."""
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda token: token[:-1], id="cut"),
        pytest.param(lambda token: token + "A", id="longer"),
        pytest.param(lambda token: token + "=", id="padded"),
        pytest.param(lambda token: "A" * len(token), id="all zeros"),
        pytest.param(lambda token: changed(token, len(token) - 2), id="MAC"),
        pytest.param(lambda token: changed(token, 0), id="family"),
        pytest.param(lambda token: changed(token, 25), id="generation"),
        pytest.param(lambda _token: "é", id="not ASCII"),
        pytest.param(lambda _token: "x" * 10_000, id="long"),
    ],
)
async def test_a_forged_token_is_refused_without_a_query_and_harms_nothing(
    issuer: Any, spoil: Any
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    assert_invalid_grant(await issuer.refresh(spoil(token)))
    assert (await issuer.refresh(token)).status_code == 200


async def test_a_family_that_went_back_to_a_backup_does_not_accept_later_tokens(
    issuer: Any,
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    newest = (await issuer.refresh(token)).json()["refresh_token"]
    await issuer.server.db.execute("UPDATE refresh_token_families SET generation = 1")
    assert_invalid_grant(await issuer.refresh(newest))


async def test_the_database_holds_nothing_to_make_a_token_from(issuer: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    octets = base64.urlsafe_b64decode(token + "==")
    db = issuer.server.db
    families = await db.fetch("SELECT * FROM refresh_token_families")
    stored = await db.fetch("SELECT * FROM secrets")
    dump = repr([tuple(row) for row in (*families, *stored)]).encode()
    assert token.encode() not in dump
    assert octets[20:].hex().encode() not in dump
    key = issuer.server.refresh_tokens._key._key
    assert all(key not in row["encrypted"] for row in stored)


async def test_a_client_that_is_not_registered_for_it_gets_no_refresh_token(issuer: Any) -> None:
    await issuer.server.db.execute(
        "UPDATE clients SET grant_types = '{password}' WHERE client_id = 'web'"
    )
    body = await issuer.log_in(scope="notes:read offline_access")
    assert "refresh_token" not in body
    assert body["scope"] == "notes:read"
    assert claims(body["access_token"])["sid"]  # it can be revoked all the same
