"""Introspection (RFC 7662): what a resource server is told, and what nobody else is."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from auth_service import accounts, revocation
from auth_service.store import clients
from shared.jws import SigningKey
from tests.auth_service.status import claims

SECRET = "s3cret-of-the-batch-client"
DAY = 86_400


async def introspect(issuer: Any, token: str, client_id: str = "batch") -> dict[str, Any]:
    response = await issuer.http.post(
        "/introspect", data={"token": token}, auth=(client_id, SECRET)
    )
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    return body


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"


async def test_a_good_access_token_is_active_with_what_it_says(issuer: Any) -> None:
    token = (await issuer.log_in(scope="notes:read"))["access_token"]
    said = claims(token)
    assert await introspect(issuer, token) == {
        "active": True,
        "token_type": "Bearer",
        **{
            name: said[name]
            for name in ("iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope")
        },
    }


async def test_a_clients_own_token_is_active(issuer: Any) -> None:
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    body = await introspect(issuer, token, "other")
    assert (body["active"], body["sub"], body["client_id"]) == (True, "batch", "batch")


async def test_a_refresh_token_is_active_for_its_own_client(issuer: Any, clock: Any) -> None:
    log_in = await issuer.log_in(scope="notes:read")
    assert await introspect(issuer, log_in["refresh_token"], "web") == {
        "active": True,
        "scope": "notes:read",
        "client_id": "web",
        "sub": claims(log_in["access_token"])["sub"],
        "iss": "http://127.0.0.1:8000",
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 14 * DAY,
    }


async def test_a_refresh_token_is_nobody_elses_business(issuer: Any) -> None:
    log_in = await issuer.log_in("web")
    assert await introspect(issuer, log_in["refresh_token"], "other") == {"active": False}


async def test_the_end_of_a_log_in_bounds_its_refresh_token(issuer: Any, clock: Any) -> None:
    log_in = await issuer.log_in()
    began = int(clock.seconds)
    token = log_in["refresh_token"]
    for _ in range(8):
        clock.seconds += 10 * DAY
        await issuer.server.keys.reload(issuer.server.db)
        token = (await issuer.refresh(token)).json()["refresh_token"]
    assert (await introspect(issuer, token, "web"))["exp"] == began + 90 * DAY
    clock.seconds = began + 90 * DAY
    assert await introspect(issuer, token, "web") == {"active": False}


async def test_only_the_newest_refresh_token_is_active(issuer: Any) -> None:
    first = await issuer.log_in()
    second = (await issuer.refresh(first["refresh_token"])).json()
    assert await introspect(issuer, first["refresh_token"], "web") == {"active": False}
    assert (await introspect(issuer, second["refresh_token"], "web"))["active"]


async def test_an_idle_refresh_token_is_not_active(issuer: Any, clock: Any) -> None:
    log_in = await issuer.log_in()
    clock.seconds += 14 * DAY - 1
    assert (await introspect(issuer, log_in["refresh_token"], "web"))["active"]
    clock.seconds += 1
    assert await introspect(issuer, log_in["refresh_token"], "web") == {"active": False}


async def revoked(issuer: Any, log_in: dict[str, str]) -> None:
    await issuer.http.post("/revoke", data={"token": log_in["refresh_token"]}, auth=("web", SECRET))


async def user_disabled(issuer: Any, _log_in: dict[str, str]) -> None:
    await accounts.disable(issuer.server, "alice")


async def client_disabled(issuer: Any, _log_in: dict[str, str]) -> None:
    await revocation.disable_client(issuer.server, "web")
    await clients.enable(issuer.server.db, "web")


@pytest.mark.parametrize("end", [revoked, user_disabled, client_disabled])
async def test_the_end_shows_at_once_in_both_tokens(
    issuer: Any, end: Callable[[Any, dict[str, str]], Awaitable[None]]
) -> None:
    log_in = await issuer.log_in()
    assert (await introspect(issuer, log_in["access_token"], "web"))["active"]
    assert (await introspect(issuer, log_in["refresh_token"], "web"))["active"]
    await end(issuer, log_in)
    assert await introspect(issuer, log_in["access_token"], "web") == {"active": False}
    assert await introspect(issuer, log_in["refresh_token"], "web") == {"active": False}


async def test_an_expired_access_token_is_not_active_though_verifiers_have_leeway(
    issuer: Any, clock: Any
) -> None:
    token = (await issuer.log_in())["access_token"]
    clock.seconds += 299
    await issuer.server.keys.reload(issuer.server.db)
    assert (await introspect(issuer, token))["active"]
    clock.seconds += 1
    assert await introspect(issuer, token) == {"active": False}


async def test_what_is_no_token_of_ours_is_not_active(issuer: Any) -> None:
    log_in = await issuer.log_in()
    said = claims(log_in["access_token"])
    stranger = SigningKey.generate()
    keys = issuer.server.keys
    without_status = {name: value for name, value in said.items() if name != "status"}
    elsewhere = {"status_list": {"idx": 0, "uri": "https://evil.example/status-lists/0"}}
    for token in (
        "x",
        "a.b.c",
        log_in["access_token"][:-4] + "AAAA",
        log_in["refresh_token"][:-4] + "AAAA",
        stranger.sign(msgspec.json.encode(said), typ="at+jwt"),
        keys.sign(msgspec.json.encode(said), typ="statuslist+jwt"),
        keys.sign(msgspec.json.encode(said | {"aud": "https://other.example"}), typ="at+jwt"),
        keys.sign(msgspec.json.encode(without_status), typ="at+jwt"),
        keys.sign(msgspec.json.encode(said | {"status": elsewhere}), typ="at+jwt"),
        (await issuer.http.get("/status-lists/0")).text,
    ):
        assert await introspect(issuer, token) == {"active": False}


async def test_a_public_client_may_not_ask(issuer: Any) -> None:
    token = (await issuer.log_in())["access_token"]
    response = await issuer.http.post("/introspect", data={"token": token, "client_id": "docs"})
    assert_refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("data", "auth", "status", "error"),
    [
        pytest.param({}, ("batch", SECRET), 400, "invalid_request", id="no token"),
        pytest.param({"token": ["a", "b"]}, ("batch", SECRET), 400, "invalid_request", id="twice"),
        pytest.param({"token": "x"}, ("batch", "wrong"), 401, "invalid_client", id="wrong secret"),
        pytest.param({"token": "x"}, None, 401, "invalid_client", id="nobody"),
    ],
)
async def test_a_bad_request_is_refused(
    issuer: Any, data: dict[str, Any], auth: Any, status: int, error: str
) -> None:
    response = await issuer.http.post("/introspect", data=data, auth=auth)
    assert_refused(response, status, error)
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_pages_of_other_origins_may_not_ask(issuer: Any) -> None:
    headers = {"origin": "http://127.0.0.1:8080", "access-control-request-method": "POST"}
    response = await issuer.http.options("/introspect", headers=headers)
    assert "access-control-allow-origin" not in response.headers
