"""Tokens for clients: their claims (RFC 9068 §2.2), their scope, and what they cost."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from shared import jws


async def claims(issuer: Any, **parameters: str) -> tuple[dict[str, Any], dict[str, Any]]:
    response = await issuer.token(grant_type="client_credentials", **parameters)
    assert response.status_code == 200, response.text
    header, payload, _ = response.json()["access_token"].encode().split(b".")
    return json.loads(jws.decode(header)), json.loads(jws.decode(payload))


async def test_the_token_is_as_rfc_9068_has_it(issuer: Any, clock: Any) -> None:
    header, payload = await claims(issuer)
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": header["kid"]}
    assert len(payload.pop("jti")) >= 22
    assert payload == {
        "iss": "http://127.0.0.1:8000",
        "sub": "batch",
        "aud": "http://127.0.0.1:8080",
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 300,
        "client_id": "batch",
        "scope": "notes:read notes:write",
        "status": {"status_list": {"idx": 0, "uri": "http://127.0.0.1:8000/status-lists/0"}},
    }


async def test_the_response_is_as_rfc_6749_has_it(issuer: Any) -> None:
    response = await issuer.token(grant_type="client_credentials", scope="notes:read")
    body = response.json()
    assert body.pop("access_token").count(".") == 2
    assert body == {"token_type": "Bearer", "expires_in": 300, "scope": "notes:read"}
    assert response.headers["content-type"] == "application/json"
    assert (response.headers["cache-control"], response.headers["pragma"]) == (
        "no-store",
        "no-cache",
    )


async def test_no_two_tokens_have_the_same_id(issuer: Any) -> None:
    ids = {(await claims(issuer))[1]["jti"] for _ in range(50)}
    assert len(ids) == 50


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param({}, "notes:read notes:write", id="all but admin by default"),
        pytest.param({"scope": ""}, "notes:read notes:write", id="empty is absent"),
        pytest.param({"scope": "admin"}, "admin", id="admin when asked for"),
        pytest.param({"scope": "notes:write"}, "notes:write", id="one"),
        pytest.param({"scope": "notes:write notes:read"}, "notes:read notes:write", id="order"),
        pytest.param({"scope": "notes:read notes:read"}, "notes:read", id="twice"),
        pytest.param({"scope": "notes:read offline_access"}, "notes:read", id="offline_access"),
    ],
)
async def test_the_scope_is_what_was_asked_for(
    issuer: Any, asked: dict[str, str], granted: str
) -> None:
    response = await issuer.token(grant_type="client_credentials", **asked)
    assert response.json()["scope"] == granted


async def test_the_resource_may_be_named(issuer: Any) -> None:
    _, payload = await claims(issuer, resource="http://127.0.0.1:8080")
    assert payload["aud"] == "http://127.0.0.1:8080"


async def test_a_thousand_tokens_write_nothing_and_cost_one_statement_each(
    start: Any, register: Any, auth_database_url: str
) -> None:
    connection = await asyncpg.connect(auth_database_url)
    async with start() as first:
        await register(first.server)
    registered = await _statistics(connection)
    async with start():
        pass  # what an issuer costs that starts, follows the keys and ends
    idle = await _statistics(connection)
    async with start() as issuer:
        for _ in range(1000):
            assert (await issuer.token(grant_type="client_credentials")).status_code == 200
    busy = await _statistics(connection)
    await connection.close()
    assert busy["written"] - idle["written"] == idle["written"] - registered["written"]
    statements = busy["statements"] - 2 * idle["statements"] + registered["statements"]
    assert 1000 <= statements < 1050


async def _statistics(connection: Any) -> dict[str, int]:
    """Count when nobody else is connected: a connection that has ended is counted in full."""
    async with asyncio.timeout(10):
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        while await connection.fetchval(others) > 1:  # noqa: ASYNC110 - no other way to be told
            await asyncio.sleep(0.05)
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    return dict(
        await connection.fetchrow(
            "SELECT tup_inserted + tup_updated + tup_deleted AS written,"
            " xact_commit + xact_rollback AS statements"
            " FROM pg_stat_database WHERE datname = current_database()"
        )
    )


async def test_tokens_are_issued_where_nothing_can_be_written(
    issuer: Any, auth_database_url: str, auth_owner: Any
) -> None:
    await auth_owner.execute(
        f"ALTER DATABASE {auth_database_url.rpartition('/')[2]}"
        " SET default_transaction_read_only = on"
    )
    for _ in range(6):
        await issuer.server.db.expire_connections()
        await issuer.server.statements.close()
        assert (await issuer.token(grant_type="client_credentials")).status_code == 200
    refused = await issuer.token(
        "web", grant_type="password", username="alice", password="correct horse battery staple"
    )
    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
