"""Revocation (RFC 7009): what ends a token, what it ends with it, and what survives a race."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from auth_service import accounts, revocation
from auth_service.store import clients, users
from shared.jws import SigningKey
from tests.auth_service.status import claims, is_revoked, place, revoked

PASSWORD = "correct horse battery staple"
NEW_PASSWORD = "another horse battery"
SECRET = "s3cret-of-the-batch-client"


async def revoke(issuer: Any, token: str, client_id: str = "web", **also: str) -> httpx.Response:
    if client_id in ("docs", "mobile"):
        data, auth = {"client_id": client_id}, None
    else:
        data, auth = {}, (client_id, SECRET)
    response: httpx.Response = await issuer.http.post(
        "/revoke", data={"token": token, **data, **also}, auth=auth
    )
    return response


async def client_token(issuer: Any, client_id: str = "batch") -> str:
    response = await issuer.token(client_id, grant_type="client_credentials")
    token: str = response.json()["access_token"]
    return token


def assert_done(response: httpx.Response) -> None:
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"


async def assert_ended(issuer: Any, log_in: dict[str, Any]) -> None:
    """The access token's bit is set, and the refresh token is good for nothing."""
    assert await is_revoked(issuer, log_in["access_token"])
    client_id = claims(log_in["access_token"])["client_id"]
    refused = await issuer.refresh(log_in["refresh_token"], client_id)
    assert_refused(refused, 400, "invalid_grant")


async def assert_untouched(issuer: Any, log_in: dict[str, Any]) -> None:
    assert not await is_revoked(issuer, log_in["access_token"])
    client_id = claims(log_in["access_token"])["client_id"]
    assert (await issuer.refresh(log_in["refresh_token"], client_id)).status_code == 200


@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "access_token"}])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_either_token_ends_the_log_in_whatever_the_hint(
    issuer: Any, kind: str, hint: dict[str, str]
) -> None:
    log_in, another = await issuer.log_in(), await issuer.log_in()
    assert_done(await revoke(issuer, log_in[kind], **hint))
    await assert_ended(issuer, log_in)
    await assert_untouched(issuer, another)


async def test_a_superseded_refresh_token_ends_the_log_in_too(issuer: Any) -> None:
    first = await issuer.log_in()
    second = (await issuer.refresh(first["refresh_token"])).json()
    assert_done(await revoke(issuer, first["refresh_token"]))
    await assert_ended(issuer, second)


async def test_a_public_client_ends_its_own_log_in(issuer: Any) -> None:
    log_in = await issuer.log_in("docs", scope="notes:read")
    assert_done(await revoke(issuer, log_in["refresh_token"], "docs"))
    await assert_ended(issuer, log_in)


async def test_a_log_in_without_refresh_token_is_ended_by_its_access_token(issuer: Any) -> None:
    await issuer.server.db.execute(
        "UPDATE clients SET grant_types = '{password}' WHERE client_id = 'web'"
    )
    log_in, another = await issuer.log_in(), await issuer.log_in()
    assert "refresh_token" not in log_in
    assert_done(await revoke(issuer, log_in["access_token"]))
    assert await is_revoked(issuer, log_in["access_token"])
    assert not await is_revoked(issuer, another["access_token"])


async def test_a_clients_own_token_ends_all_that_it_got_for_itself_but_not_what_it_gets_next(
    issuer: Any,
) -> None:
    before = [await client_token(issuer, "web") for _ in range(2)]
    log_in = await issuer.log_in("web")
    others = await client_token(issuer, "other")
    assert_done(await revoke(issuer, before[0]))
    assert [await is_revoked(issuer, token) for token in before] == [True, True]
    after = await client_token(issuer, "web")
    assert_done(await revoke(issuer, before[1]))  # again: nothing more to end
    assert not await is_revoked(issuer, after)
    assert not await is_revoked(issuer, others)
    await assert_untouched(issuer, log_in)


async def test_twice_is_once(issuer: Any) -> None:
    log_in = await issuer.log_in()
    for _ in range(3):
        assert_done(await revoke(issuer, log_in["refresh_token"]))
    assert await issuer.server.db.fetchval("SELECT count(*) FROM revoked_statuses") == 1
    rows = "SELECT count(*) FROM audit_log WHERE event = 'revoked'"
    assert await issuer.server.db.fetchval(rows) == 1


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_another_clients_token_is_refused_and_stays_good(issuer: Any, kind: str) -> None:
    log_in = await issuer.log_in("web")
    assert_refused(await revoke(issuer, log_in[kind], "other"), 400, "invalid_grant")
    await assert_untouched(issuer, log_in)


async def test_another_clients_own_token_is_refused_and_stays_good(issuer: Any) -> None:
    token = await client_token(issuer, "batch")
    assert_refused(await revoke(issuer, token, "other"), 400, "invalid_grant")
    assert not await is_revoked(issuer, token)


def _altered(token: str) -> str:
    return token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda _log_in: "x", id="nothing like a token"),
        pytest.param(lambda _log_in: "x" * 60_000, id="something long"),
        pytest.param(lambda _log_in: "a.b.c", id="something with dots"),
        pytest.param(lambda _log_in: "é💥", id="not ASCII"),
        pytest.param(lambda log_in: _altered(log_in["access_token"]), id="a forged access token"),
        pytest.param(lambda log_in: _altered(log_in["refresh_token"]), id="a forged refresh token"),
    ],
)
async def test_what_is_no_token_of_ours_is_200_without_effect(
    issuer: Any, forge: Callable[[dict[str, str]], str]
) -> None:
    log_in = await issuer.log_in()
    assert_done(await revoke(issuer, forge(log_in)))
    await assert_untouched(issuer, log_in)
    assert await revoked(issuer) == set()


async def test_a_token_of_another_issuer_is_200_without_effect(issuer: Any) -> None:
    log_in = await issuer.log_in()
    foreign = SigningKey.generate().sign(
        msgspec.json.encode(claims(log_in["access_token"])), typ="at+jwt"
    )
    assert_done(await revoke(issuer, foreign))
    await assert_untouched(issuer, log_in)


async def test_a_token_that_verifiers_may_still_take_is_revoked_and_one_later_is_not(
    issuer: Any, clock: Any
) -> None:
    late, too_late = await issuer.log_in(), await issuer.log_in()
    clock.seconds += 329  # expired 29 s ago: within the leeway of verifiers
    await issuer.server.keys.reload(issuer.server.db)
    assert_done(await revoke(issuer, late["access_token"]))
    assert await is_revoked(issuer, late["access_token"])
    clock.seconds += 1
    assert_done(await revoke(issuer, too_late["access_token"]))
    assert not await is_revoked(issuer, too_late["access_token"])


@pytest.mark.parametrize(
    ("data", "auth", "status", "error"),
    [
        pytest.param({}, ("web", SECRET), 400, "invalid_request", id="no token"),
        pytest.param({"token": ""}, ("web", SECRET), 400, "invalid_request", id="empty token"),
        pytest.param({"token": ["a", "b"]}, ("web", SECRET), 400, "invalid_request", id="twice"),
        pytest.param({"token": "x"}, ("web", "wrong"), 401, "invalid_client", id="wrong secret"),
        pytest.param({"token": "x"}, ("nobody", "x"), 401, "invalid_client", id="unknown client"),
        pytest.param({"token": "x"}, None, 401, "invalid_client", id="no client"),
        pytest.param({"token": "x" * 70_000}, ("web", SECRET), 413, "content_too_large", id="long"),
    ],
)
async def test_a_bad_request_is_refused(
    issuer: Any, data: dict[str, Any], auth: Any, status: int, error: str
) -> None:
    response = await issuer.http.post("/revoke", data=data, auth=auth)
    assert_refused(response, status, error)
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_json_is_no_form(issuer: Any) -> None:
    response = await issuer.http.post("/revoke", json={"token": "x"}, auth=("web", SECRET))
    assert_refused(response, 400, "invalid_request")


async def test_pages_of_the_configured_origins_may_revoke(issuer: Any) -> None:
    headers = {"origin": "http://127.0.0.1:8080", "access-control-request-method": "POST"}
    response = await issuer.http.options("/revoke", headers=headers)
    assert response.headers["access-control-allow-origin"] == "http://127.0.0.1:8080"
    elsewhere = await issuer.http.options(
        "/revoke", headers=headers | {"origin": "https://evil.example"}
    )
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_it_is_committed_when_the_answer_comes(issuer: Any, start: Any) -> None:
    async with start() as other:
        for _ in range(10):
            log_in = await issuer.log_in()
            assert_done(await revoke(issuer, log_in["refresh_token"]))
            assert await is_revoked(other, log_in["access_token"])


async def test_a_new_password_sets_the_bit_of_every_log_in_of_the_user(issuer: Any) -> None:
    await issuer.http.post("/users", json={"username": "bob", "password": PASSWORD})
    bobs = await issuer.token("web", grant_type="password", username="bob", password=PASSWORD)
    log_ins = [await issuer.log_in(), await issuer.log_in("docs", scope="notes:read")]
    response = await issuer.http.put(
        "/users/alice/password", json={"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    )
    assert response.status_code == 204
    assert [await is_revoked(issuer, body["access_token"]) for body in log_ins] == [True, True]
    assert not await is_revoked(issuer, bobs.json()["access_token"])


async def test_disabling_a_user_sets_the_bits_and_enabling_clears_none(issuer: Any) -> None:
    log_in = await issuer.log_in()
    await accounts.disable(issuer.server, "alice")
    assert await is_revoked(issuer, log_in["access_token"])
    await users.enable(issuer.server.db, "alice")
    again = await issuer.log_in()
    assert await is_revoked(issuer, log_in["access_token"])
    await assert_untouched(issuer, again)


async def test_disabling_a_client_sets_the_bits_of_its_own_tokens_and_of_the_log_ins_at_it(
    issuer: Any,
) -> None:
    own, log_in = await client_token(issuer, "web"), await issuer.log_in("web")
    others, elsewhere = await client_token(issuer, "other"), await issuer.log_in("other")
    assert await revocation.disable_client(issuer.server, "web") is not None
    assert await is_revoked(issuer, own)
    assert await is_revoked(issuer, log_in["access_token"])
    assert not await is_revoked(issuer, others)
    await assert_untouched(issuer, elsewhere)
    await clients.enable(issuer.server.db, "web")
    await assert_ended(issuer, log_in)
    assert not await is_revoked(issuer, await client_token(issuer, "web"))
    await assert_untouched(issuer, await issuer.log_in("web"))


async def test_there_is_no_client_to_disable(issuer: Any) -> None:
    assert await revocation.disable_client(issuer.server, "nobody") is None


async def test_a_replayed_refresh_token_sets_the_bit(issuer: Any, clock: Any) -> None:
    first = await issuer.log_in()
    second = (await issuer.refresh(first["refresh_token"])).json()
    clock.seconds += 11
    assert_refused(await issuer.refresh(first["refresh_token"]), 400, "invalid_grant")
    assert await is_revoked(issuer, second["access_token"])


async def new_password(issuer: Any) -> None:
    response = await issuer.http.put(
        "/users/alice/password", json={"old_password": PASSWORD, "new_password": NEW_PASSWORD}
    )
    assert response.status_code == 204


async def user_disabled(issuer: Any) -> None:
    await accounts.disable(issuer.server, "alice")


async def client_disabled(issuer: Any) -> None:
    await revocation.disable_client(issuer.server, "web")


@pytest.mark.parametrize("end", [new_password, user_disabled, client_disabled])
async def test_of_fifty_log_ins_refreshes_and_one_end_at_once_nothing_survives(
    issuer: Any, end: Callable[[Any], Awaitable[None]]
) -> None:
    """Whoever got an answer before it ended has a token whose bit is set, or no token at all."""
    token = (await issuer.log_in())["refresh_token"]
    for delay in (0, 0.01, 0.03):

        async def later(delay: float = delay) -> None:
            await asyncio.sleep(delay)
            await end(issuer)

        asked = [
            issuer.refresh(token)
            if n % 2
            else issuer.token("web", grant_type="password", username="alice", password=PASSWORD)
            for n in range(50)
        ]
        _, *answers = await asyncio.gather(later(), *asked)
        issued = [answer.json() for answer in answers if answer.status_code == 200]
        bits = await revoked(issuer)
        assert [body for body in issued if place(body["access_token"]) not in bits] == []
        for body in issued:
            assert_refused(await issuer.refresh(body["refresh_token"]), *REFUSED_BY[end])
        await undo(issuer)
        token = (await issuer.log_in())["refresh_token"]


REFUSED_BY: dict[Any, tuple[int, str]] = {
    new_password: (400, "invalid_grant"),
    user_disabled: (400, "invalid_grant"),
    client_disabled: (401, "invalid_client"),
}


async def undo(issuer: Any) -> None:
    await users.enable(issuer.server.db, "alice")
    await clients.enable(issuer.server.db, "web")
    change = {"old_password": NEW_PASSWORD, "new_password": PASSWORD}
    assert (await issuer.http.put("/users/alice/password", json=change)).status_code in (204, 403)


async def test_of_fifty_refreshes_and_one_revocation_at_once_nothing_survives(issuer: Any) -> None:
    for _ in range(5):
        log_in = await issuer.log_in()
        token = log_in["refresh_token"]
        answers = await asyncio.gather(
            *(issuer.refresh(token) for _ in range(25)),
            revoke(issuer, secrets.choice([token, log_in["access_token"]])),
            *(issuer.refresh(token) for _ in range(25)),
        )
        assert_done(answers[25])
        bits = await revoked(issuer)
        for answer in answers[:25] + answers[26:]:
            if answer.status_code == 200:
                assert place(answer.json()["access_token"]) in bits
                await assert_ended(issuer, answer.json())
            else:
                assert_refused(answer, 400, "invalid_grant")


async def test_fifty_revocations_at_once_are_one(issuer: Any) -> None:
    log_in, own = await issuer.log_in(), await client_token(issuer, "web")
    answers = await asyncio.gather(
        *(revoke(issuer, token) for token in [log_in["access_token"], own] * 25)
    )
    for answer in answers:
        assert_done(answer)
    assert await revoked(issuer) == {place(log_in["access_token"]), place(own)}
    assert not await is_revoked(issuer, await client_token(issuer, "web"))


async def test_of_fifty_tokens_for_a_client_that_is_disabled_meanwhile_none_survives(
    issuer: Any,
) -> None:
    answers = await asyncio.gather(
        *(issuer.token("web", grant_type="client_credentials") for _ in range(25)),
        revocation.disable_client(issuer.server, "web"),
        *(issuer.token("web", grant_type="client_credentials") for _ in range(25)),
    )
    bits = await revoked(issuer)
    for answer in answers[:25] + answers[26:]:
        if answer.status_code == 200:
            assert place(answer.json()["access_token"]) in bits
        else:
            assert_refused(answer, 401, "invalid_client")
