"""The admin commands for what the browser flow needs: redirect URIs, PKCE, claims."""

import json
from typing import Any

import pytest

APP = ("clients", "create", "app", "--name", "App", "--grant", "authorization_code")
SCOPE = ("--scope", "openid email")


async def test_a_client_with_redirect_uris_is_made(run: Any, start: Any) -> None:
    uris = ("--redirect-uri", "https://app.example/cb", "--redirect-uri", "http://127.0.0.1/cb")
    bye = ("--post-logout-redirect-uri", "https://app.example/bye", "--no-pkce")
    code, output, _ = await run(*APP, *SCOPE, *uris, *bye, "--json")
    assert code == 0
    assert json.loads(output)["redirect_uris"] == "https://app.example/cb http://127.0.0.1/cb"
    async with start() as issuer:
        row = await issuer.server.db.fetchrow("SELECT * FROM clients")
    assert row["redirect_uris"] == ["https://app.example/cb", "http://127.0.0.1/cb"]
    assert row["post_logout_redirect_uris"] == ["https://app.example/bye"]
    assert row["require_pkce"] is False


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "authorization_code needs a --redirect-uri"),
        (("--redirect-uri", "http://app.example/cb"), "must be https"),
        (("--redirect-uri", "https://a.example", "--public", "--no-pkce"), "must use PKCE"),
    ],
)
async def test_what_no_client_may_have_is_refused_on_one_line(
    run: Any, options: tuple[str, ...], said: str
) -> None:
    code, output, errors = await run(*APP, *SCOPE, *options)
    assert (code, output) == (1, "")
    assert said in errors
    assert errors.count("\n") == 1


async def test_claims_are_set_from_json(run: Any, start: Any) -> None:
    await run("users", "create", "alice")
    known = {"name": "Alice", "email": "alice@example.org", "address": {"country": "UK"}}
    code, _, _ = await run("users", "claims", "alice", stdin=json.dumps(known))
    assert code == 0
    async with start() as issuer:
        row = await issuer.server.db.fetchrow("SELECT email, email_verified, claims FROM users")
    assert (row["email"], row["email_verified"]) == ("alice@example.org", False)
    assert json.loads(row["claims"]) == {"name": "Alice", "address": {"country": "UK"}}
    code, _, errors = await run("users", "claims", "alice", stdin='{"shoe_size": "42"}')
    assert (code, "shoe_size" in errors) == (1, True)
