"""From the link to the tokens: log-in, consent, code, and what a code is bound to."""

import asyncio
import hashlib
from typing import Any

import httpx
import pytest

from auth_service.store import clients, sessions
from tests.auth_service.browser_flow.person import CALLBACK, Person, Pkce, answer, claims_of

ISSUER = "http://127.0.0.1:8000"


def assert_refused(response: httpx.Response, error: str = "invalid_grant") -> None:
    assert (response.status_code, response.json()["error"]) == (400, error), response.text
    assert response.headers["cache-control"] == "no-store"


async def test_the_whole_way(app: Any, person: Person) -> None:
    page = await person.authorize(scope="openid notes:read", nonce="n0nce")
    assert page.status_code == 200
    assert "to continue to <strong>The app</strong>" in page.text
    page = await person.log_in(page)
    assert "<strong>The app</strong> wants to use your account" in page.text
    assert "read your notes" in page.text
    back = await person.allow(page)
    assert back.headers["location"].startswith(f"{CALLBACK}?")
    assert answer(back).keys() == {"code", "state", "iss"}
    assert (answer(back)["state"], answer(back)["iss"]) == ("st4te", ISSUER)
    response = await app.token("app", **person.exchange(answer(back)["code"]))
    assert response.status_code == 200, response.text
    tokens = response.json()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "notes:read openid")
    assert claims_of(tokens["id_token"])["nonce"] == "n0nce"
    assert claims_of(tokens["access_token"])["client_id"] == "app"


async def test_the_second_time_nothing_is_asked(person: Person) -> None:
    await person.code()
    assert answer(await person.authorize()).keys() == {"code", "state", "iss"}


async def test_a_code_is_redeemed_once_however_many_ask_at_the_same_time(
    app: Any, person: Person
) -> None:
    exchange = person.exchange(await person.code(scope="notes:read"))
    responses = await asyncio.gather(*(app.token("app", **exchange) for _ in range(50)))
    winners = [response for response in responses if response.status_code == 200]
    assert len(winners) == 1
    for response in responses:
        if response is not winners[0]:
            assert_refused(response)
    # To the others it was a replay, so what the winner got is gone.
    assert_refused(await app.refresh(winners[0].json()["refresh_token"], "app"))


async def test_a_replay_ends_what_the_code_gave(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code(scope="openid offline_access"))
    tokens = (await app.token("app", **exchange)).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 200
    assert_refused(await app.token("app", **exchange))
    assert (await app.http.get("/userinfo", headers=bearer)).status_code == 401
    assert_refused(await app.refresh(tokens["refresh_token"], "app"))


async def test_a_replay_by_another_client_ends_nothing(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code(scope="notes:read"))
    tokens = (await app.token("app", **exchange)).json()
    assert_refused(await app.token("two", **exchange))
    assert (await app.refresh(tokens["refresh_token"], "app")).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"code_verifier": Pkce().verifier}, id="another verifier"),
        pytest.param({"code_verifier": ""}, id="no verifier"),
        pytest.param({"code_verifier": "too short"}, id="malformed verifier"),
        pytest.param({"redirect_uri": f"{CALLBACK}/"}, id="another redirect_uri"),
        pytest.param({"redirect_uri": ""}, id="no redirect_uri"),
        pytest.param({"code": "nonsense"}, id="another code"),
    ],
)
async def test_what_does_not_fit_the_code_is_refused_and_spends_nothing(
    app: Any, person: Person, change: dict[str, str]
) -> None:
    exchange = person.exchange(await person.code())
    assert_refused(await app.token("app", **{**exchange, **change}))
    assert (await app.token("app", **exchange)).status_code == 200


async def test_a_code_is_its_clients_own(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code())
    assert_refused(await app.token("two", **exchange))
    assert (await app.token("app", **exchange)).status_code == 200


async def test_a_code_lives_for_a_minute(app: Any, person: Person, clock: Any) -> None:
    early, late = await person.code(), await person.code()
    clock.seconds += 59
    assert (await app.token("app", **person.exchange(early))).status_code == 200
    clock.seconds += 1
    assert_refused(await app.token("app", **person.exchange(late)))


async def test_a_verifier_without_a_challenge_is_refused(app: Any, person: Person) -> None:
    code = await person.code("lax", code_challenge=None, code_challenge_method=None)
    assert_refused(await app.token("lax", **person.exchange(code)))
    assert (await app.token("lax", **person.exchange(code, code_verifier=""))).status_code == 200


async def test_without_a_redirect_uri_the_only_one_is_meant(app: Any, person: Person) -> None:
    code = await person.code(redirect_uri=None, scope="notes:read")
    exchange = person.exchange(code)
    del exchange["redirect_uri"]
    assert (await app.token("app", **exchange)).status_code == 200


async def test_a_code_dies_with_the_session(app: Any, person: Person) -> None:
    code = await person.code()
    (session_id,) = await app.server.db.fetchrow("SELECT session_id FROM sessions")
    await sessions.end(app.server.db, session_id, app.server.time())
    assert_refused(await app.token("app", **person.exchange(code)))


async def test_a_code_dies_with_its_client(app: Any, person: Person) -> None:
    code = await person.code()
    await clients.disable(app.server.db, "app", app.server.time())
    response = await app.token("app", **person.exchange(code))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_a_new_password_ends_session_and_code(app: Any, person: Person) -> None:
    code = await person.code()
    change = {"old_password": "correct horse battery staple", "new_password": "another long one"}
    assert (await app.http.put("/users/alice/password", json=change)).status_code == 204
    assert_refused(await app.token("app", **person.exchange(code)))
    assert "Log in ·" in (await person.authorize()).text


async def test_no_code_is_stored(app: Any, person: Person) -> None:
    code = await person.code()
    stored = await app.server.db.fetchval("SELECT code_sha256 FROM authorization_codes")
    assert stored == hashlib.sha256(code.encode()).digest()


@pytest.mark.parametrize(
    ("scope", "refreshable"),
    [("notes:read", True), ("openid", False), ("openid offline_access", True)],
)
async def test_who_gets_a_refresh_token(
    app: Any, person: Person, scope: str, refreshable: bool
) -> None:
    response = await app.token("app", **person.exchange(await person.code(scope=scope)))
    assert ("refresh_token" in response.json()) is refreshable


async def test_a_public_client_redeems_with_its_verifier_alone(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code("spa"), client_id="spa")
    response = await app.http.post("/token", data=exchange)
    assert response.status_code == 200
