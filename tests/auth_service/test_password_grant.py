"""Logging in by name and password (RFC 6749 §4.3)."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest
from passlib.hash import argon2

from auth_service import accounts
from auth_service.store import users

PASSWORD = "correct horse battery staple"


async def log_in(issuer: Any, username: str, password: str) -> Any:
    return await issuer.token("web", grant_type="password", username=username, password=password)


async def test_the_token_names_the_user_and_how_he_logged_in(issuer: Any, clock: Any) -> None:
    body = await issuer.log_in()
    claims = json.loads(base64.urlsafe_b64decode(body["access_token"].split(".")[1] + "=="))
    alice = await users.find(issuer.server.db, "alice")
    assert alice is not None
    assert claims["sub"] == str(alice.sub)
    assert (claims["auth_time"], claims["amr"]) == (int(clock.seconds), ["pwd"])
    assert claims["client_id"] == "web"
    assert body["token_type"] == "Bearer"


async def test_nobody_becomes_an_administrator_by_a_password(start: Any, issuer: Any) -> None:
    """Not even where the API's identifier is the issuer's, by a client that may ask for it."""
    db = issuer.server.db
    await db.execute("UPDATE clients SET scope = '{notes:read,admin}' WHERE client_id = 'web'")
    async with start(audience=issuer.server.settings.issuer) as same:
        form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
        for scope in ("admin", "admin notes:read"):
            response = await same.token("web", **form, scope=scope)
            assert (response.status_code, response.json().get("error")) == (400, "invalid_scope")
        assert (await same.token("web", **form)).json()["scope"] == "notes:read"


async def test_a_public_client_names_itself_by_basic_with_an_empty_secret(issuer: Any) -> None:
    form = {"grant_type": "password", "username": "alice", "password": PASSWORD}
    response = await issuer.http.post("/token", data=form, auth=("docs", ""))
    assert response.status_code == 200
    assert "refresh_token" in response.json()


@pytest.mark.parametrize(
    ("username", "password"),
    [
        pytest.param("alice", "wrong", id="wrong password"),
        pytest.param("alice", PASSWORD + " ", id="a space behind"),
        pytest.param("alice", PASSWORD.upper(), id="case of the password"),
        pytest.param("ALICE", PASSWORD, id="case of the name"),
        pytest.param("nobody", PASSWORD, id="unknown user"),
        pytest.param("alice", "x" * 1025, id="over-long password"),
        pytest.param("é" * 5000, PASSWORD, id="over-long name"),
    ],
)
async def test_whatever_is_wrong_is_the_same_invalid_grant(
    issuer: Any, username: str, password: str
) -> None:
    response = await log_in(issuer, username, password)
    assert response.status_code == 400
    assert response.json() == {
        "error": "invalid_grant",
        "error_description": "the grant is invalid, expired or revoked",
    }
    assert response.headers["cache-control"] == "no-store"


async def test_a_disabled_user_is_refused(issuer: Any) -> None:
    await accounts.disable(issuer.server, "alice")
    assert (await log_in(issuer, "alice", PASSWORD)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("pässwörd ünd möre", id="UTF-8"),
        pytest.param("p\u0308".join("abcdefgh"), id="decomposed"),
        pytest.param("🔑" * 256, id="1024 octets"),
        pytest.param("x" * 80 + "1", id="more than bcrypt reads"),
        pytest.param(" \t\r\n tabs & lines ", id="white space"),
        pytest.param("%41+%2B&=;", id="what forms are made of"),
    ],
)
async def test_a_password_counts_octet_for_octet(issuer: Any, password: str) -> None:
    await accounts.register(issuer.server, "bob", password)
    assert (await log_in(issuer, "bob", password)).status_code == 200
    assert (await log_in(issuer, "bob", password[:-1])).json()["error"] == "invalid_grant"


@pytest.mark.usefixtures("issuer")
async def test_an_unknown_user_costs_a_hash_as_a_known_one_does(start: Any) -> None:
    # Costs that can be told from noise: 60 ms a hash.
    async with start(password_memory_kib=65_536) as slow:
        await accounts.register(slow.server, "bob", PASSWORD)

        async def seconds(username: str) -> float:
            began = time.perf_counter()
            assert (await log_in(slow, username, "wrong")).status_code == 400
            return time.perf_counter() - began

        pairs = [(await seconds("bob"), await seconds("nobody")) for _ in range(5)]
        known, unknown = (min(column) for column in zip(*pairs, strict=True))
        assert 0.5 < unknown / known < 2


async def test_a_hash_with_other_parameters_is_replaced_at_log_in(start: Any, issuer: Any) -> None:
    async with start(password_time_cost=2) as stricter:
        assert (await log_in(stricter, "alice", "wrong")).status_code == 400
        before = await users.find(issuer.server.db, "alice")
        assert before is not None
        assert "t=1," in before.password_hash
        token = (await log_in(stricter, "alice", PASSWORD)).json()["refresh_token"]
        after = await users.find(issuer.server.db, "alice")
        assert after is not None
        assert "t=2," in after.password_hash
        assert after.password_version == before.password_version
        assert (await stricter.refresh(token)).status_code == 200


@pytest.mark.usefixtures("issuer")
async def test_concurrent_log_ins_survive_that_each_of_them_rehashes(start: Any) -> None:
    async with start(password_time_cost=2) as stricter:
        responses = await asyncio.gather(*(log_in(stricter, "alice", PASSWORD) for _ in range(20)))
        assert {response.status_code for response in responses} == {200}


@pytest.mark.usefixtures("issuer")
async def test_too_many_log_ins_at_once_are_sent_away_and_the_rest_goes_on(start: Any) -> None:
    settings = {"password_memory_kib": 65_536, "password_time_cost": 6}  # a third of a second
    async with start(**settings, password_workers=1, password_queue=2) as busy:
        storm = asyncio.gather(*(log_in(busy, "nobody", "wrong") for _ in range(30)))
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        assert (await busy.http.get("/.well-known/jwks.json")).status_code == 200
        assert (await busy.token(grant_type="client_credentials")).status_code == 200
        assert time.perf_counter() - began < 0.5
        refused = [response for response in await storm if response.status_code == 503]
        assert len(refused) == 27
        for response in refused:
            assert response.json()["error"] == "temporarily_unavailable"
            assert int(response.headers["retry-after"]) >= 1
        assert (await log_in(busy, "alice", PASSWORD)).status_code == 200


@pytest.mark.usefixtures("issuer")
async def test_the_hash_is_argon2id_with_the_settings(start: Any) -> None:
    async with start(password_memory_kib=19_456, password_time_cost=2) as usual:
        user = await accounts.register(usual.server, "bob", PASSWORD)
        assert user.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert argon2.verify(PASSWORD, user.password_hash)
