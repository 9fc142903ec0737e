"""Users and clients, administered over REST."""

import json
from typing import Any

import httpx
import pytest

from auth_service import revocation
from tests.auth_service.browser_flow.person import claims_of
from tests.auth_service.conftest import PASSWORD, SECRET

ISSUER = "http://127.0.0.1:8000"
CLIENT = {
    "client_id": "nightly",
    "client_name": "Nightly",
    "grant_types": ["client_credentials"],
    "scope": "notes:read",
}


async def admin_token(issuer: Any, **also: str) -> str:
    response = await issuer.token(grant_type="client_credentials", scope="admin", **also)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


async def call(
    issuer: Any, method: str, path: str, body: Any = None, token: str | None = None
) -> httpx.Response:
    token = token or await admin_token(issuer)
    response: httpx.Response = await issuer.http.request(
        method, path, json=body, headers={"authorization": f"Bearer {token}"}
    )
    return response


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    if status in {401, 403} and error != "access_denied":
        assert response.headers["www-authenticate"].startswith("Bearer ")


# The token


@pytest.mark.parametrize("resource", [{}, {"resource": ISSUER}])
async def test_a_token_for_administration_is_for_this_server(
    issuer: Any, resource: dict[str, str]
) -> None:
    claims = claims_of(await admin_token(issuer, **resource))
    assert (claims["aud"], claims["scope"]) == (ISSUER, "admin")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        pytest.param({"scope": "admin notes:read"}, "invalid_scope", id="with another scope"),
        pytest.param(
            {"scope": "admin", "resource": "http://127.0.0.1:8080"}, "invalid_scope", id="resource"
        ),
        pytest.param({"scope": "notes:read", "resource": ISSUER}, "invalid_scope", id="notes here"),
        pytest.param({"resource": ISSUER}, "invalid_scope", id="no scope here"),
        pytest.param(
            {"scope": "admin", "resource": "https://x.example"}, "invalid_target", id="elsewhere"
        ),
    ],
)
async def test_scope_and_resource_go_together(
    issuer: Any, asked: dict[str, str], error: str
) -> None:
    response = await issuer.token(grant_type="client_credentials", **asked)
    assert (response.status_code, response.json()["error"]) == (400, error)


async def test_no_token_of_a_user_is_for_this_server(issuer: Any) -> None:
    response = await issuer.token(
        "web", grant_type="password", username="alice", password=PASSWORD, resource=ISSUER
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")


PATHS = [
    ("GET", "/admin/users", None),
    ("POST", "/admin/users", {"username": "bob"}),
    ("GET", "/admin/users/alice", None),
    ("PATCH", "/admin/users/alice", {"disabled": True}),
    ("GET", "/admin/clients", None),
    ("POST", "/admin/clients", CLIENT),
    ("GET", "/admin/clients/batch", None),
    ("PATCH", "/admin/clients/batch", {"disabled": True}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_only_a_token_for_this_server_with_the_scope_will_do(
    issuer: Any, method: str, path: str, body: Any, clock: Any
) -> None:
    db = issuer.server.db
    state = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM clients)"
    before = await db.fetchval(state)
    bare = await issuer.http.request(method, path, json=body)
    assert_refused(bare, 401, "unauthorized")
    others = await issuer.token(grant_type="client_credentials")
    user = await issuer.log_in()
    for token in (others.json()["access_token"], user["access_token"], "made.up.token"):
        assert_refused(await call(issuer, method, path, body, token), 401, "invalid_token")
    old = await admin_token(issuer)
    clock.seconds += 331
    assert_refused(await call(issuer, method, path, body, old), 401, "invalid_token")
    revoked = await admin_token(issuer)
    await issuer.http.post("/revoke", data={"token": revoked}, auth=("batch", SECRET))
    assert_refused(await call(issuer, method, path, body, revoked), 401, "invalid_token")
    assert await db.fetchval(state) == before
    disabled = "SELECT count(*) FROM users WHERE disabled_at IS NOT NULL"
    assert await db.fetchval(disabled) == 0


async def test_a_token_for_this_server_without_the_scope_is_told_what_it_lacks(
    start: Any, issuer: Any
) -> None:
    """Where the resource has the name of the issuer, any scope may come with it."""
    async with start(audience=ISSUER) as same:
        response = await same.token(grant_type="client_credentials", scope="notes:read")
        token = response.json()["access_token"]
        refused = await call(same, "GET", "/admin/users", token=token)
        assert_refused(refused, 403, "insufficient_scope")
        assert 'scope="admin"' in refused.headers["www-authenticate"]
    del issuer


async def test_a_disabled_administrator_can_do_nothing_from_then_on(issuer: Any) -> None:
    token = await admin_token(issuer)
    await revocation.disable_client(issuer.server, "batch")
    assert_refused(await call(issuer, "GET", "/admin/users", token=token), 401, "invalid_token")


async def test_introspection_knows_such_a_token(issuer: Any) -> None:
    token = await admin_token(issuer)
    form = {"token": token}
    answer = await issuer.http.post("/introspect", data=form, auth=("web", SECRET))
    assert (answer.json()["active"], answer.json()["aud"]) == (True, ISSUER)


# Users


async def test_a_user_is_made_read_disabled_and_enabled(issuer: Any) -> None:
    made = await call(issuer, "POST", "/admin/users", {"username": "bob"})
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    bob = made.json()
    password = bob.pop("password")
    assert len(password) == 24
    assert bob == {
        "sub": bob["sub"],
        "username": "bob",
        "created_at": "2027-01-15T08:00:00Z",
        "disabled": False,
    }
    log_in = {"grant_type": "password", "username": "bob", "password": password}
    assert (await issuer.token("web", **log_in)).status_code == 200
    assert (await call(issuer, "GET", "/admin/users/bob")).json() == bob
    for change, status in (({"disabled": True}, 400), ({"disabled": False}, 200)):
        response = await call(issuer, "PATCH", "/admin/users/bob", change)
        assert response.json() == {**bob, **change}
        assert (await issuer.token("web", **log_in)).status_code == status
    rows = await issuer.server.db.fetch(
        "SELECT event, detail->>'by' FROM audit_log WHERE sub::text = $1 AND detail ? 'by'"
        " ORDER BY id",
        bob["sub"],
    )
    assert [tuple(row) for row in rows] == [
        ("registered", "batch"),
        ("user disabled", "batch"),
        ("user enabled", "batch"),
    ]


async def test_users_are_listed_a_page_at_a_time(issuer: Any) -> None:
    for username in ("carol", "bob", "Dora"):
        await call(issuer, "POST", "/admin/users", {"username": username, "password": PASSWORD})
    names, after = [], ""
    for _ in range(2):
        page = (await call(issuer, "GET", f"/admin/users?limit=2&after={after}")).json()
        names += [user["username"] for user in page["users"]]
        after = page.get("next", "")
    assert names == ["Dora", "alice", "bob", "carol"]
    assert after == ""


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        pytest.param({"username": "a b"}, 400, "invalid_request", id="bad name"),
        pytest.param({"username": "alice"}, 409, "conflict", id="taken"),
        pytest.param({"username": "Alice"}, 409, "conflict", id="taken, in another case"),
        pytest.param({"username": "bob", "password": "short"}, 400, "invalid_request", id="short"),
        pytest.param(
            {"username": "bob", "password": "password1"}, 403, "access_denied", id="common"
        ),
        pytest.param({"username": "bob", "admin": True}, 400, "invalid_request", id="unknown"),
        pytest.param([], 400, "invalid_request", id="no object"),
    ],
)
async def test_users_that_cannot_be_made(issuer: Any, body: Any, status: int, error: str) -> None:
    assert_refused(await call(issuer, "POST", "/admin/users", body), status, error)


async def test_nobody_is_not_found(issuer: Any) -> None:
    for method, change in (("GET", None), ("PATCH", {"disabled": True})):
        for noun in ("users", "clients"):
            response = await call(issuer, method, f"/admin/{noun}/nobody", change)
            assert_refused(response, 404, "not_found")


@pytest.mark.parametrize("change", [{}, {"disabled": "yes"}, {"disabled": True, "x": 1}, []])
async def test_changes_that_are_none(issuer: Any, change: Any) -> None:
    for path, error in (
        ("/admin/users/alice", "invalid_request"),
        ("/admin/clients/web", "invalid_client_metadata"),
    ):
        assert_refused(await call(issuer, "PATCH", path, change), 400, error)
        assert (await call(issuer, "GET", path)).json()["disabled"] is False


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=1&limit=2", "x=1"])
@pytest.mark.parametrize("noun", ["users", "clients"])
async def test_bad_queries_are_refused(issuer: Any, noun: str, query: str) -> None:
    response = await call(issuer, "GET", f"/admin/{noun}?{query}")
    assert_refused(response, 400, "invalid_request")


# Clients


async def test_a_client_is_made_read_disabled_and_enabled(issuer: Any) -> None:
    made = await call(issuer, "POST", "/admin/clients", CLIENT)
    assert made.status_code == 201, made.text
    nightly = made.json()
    secret = nightly.pop("client_secret")
    expected = {**CLIENT, "first_party": False, "require_pkce": True, "disabled": False}
    assert {name: nightly[name] for name in expected} == expected
    assert (await call(issuer, "GET", "/admin/clients/nightly")).json() == nightly
    form = {"grant_type": "client_credentials"}
    auth = ("nightly", secret)
    assert (await issuer.http.post("/token", data=form, auth=auth)).status_code == 200
    for change, status in (({"disabled": True}, 401), ({"disabled": False}, 200)):
        response = await call(issuer, "PATCH", "/admin/clients/nightly", change)
        assert response.json() == {**nightly, **change}
        assert (await issuer.http.post("/token", data=form, auth=auth)).status_code == status
    rows = await issuer.server.db.fetch(
        "SELECT event FROM audit_log WHERE client_id = 'nightly' AND detail->>'by' = 'batch'"
        " ORDER BY id"
    )
    events = [row["event"] for row in rows]
    assert events == ["client created", "client disabled", "client enabled"]


async def test_clients_are_listed_a_page_at_a_time_without_their_secrets(issuer: Any) -> None:
    names, after = [], ""
    for _ in range(3):
        response = await call(issuer, "GET", f"/admin/clients?limit=2&after={after}")
        assert "secret" not in response.text.replace("client_secret_", "")
        page = response.json()
        names += [client["client_id"] for client in page["clients"]]
        after = page.get("next", "")
    assert names == ["batch", "docs", "mobile", "other", "third-party", "web"]
    assert after == ""


async def test_a_client_id_may_have_slashes(issuer: Any) -> None:
    url = "https://client.example/a/client.json"
    await issuer.server.db.execute("UPDATE clients SET client_id = $1 WHERE client_id = 'web'", url)
    for method, change in (("GET", None), ("PATCH", {"disabled": True})):
        response = await call(issuer, method, f"/admin/clients/{url}", change)
        assert response.json()["client_id"] == url


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        pytest.param({"client_id": "batch"}, 409, "conflict", id="taken"),
        pytest.param({"client_id": "a b"}, 400, "invalid_client_metadata", id="bad client_id"),
        pytest.param(
            {"client_id": "5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11"},
            400,
            "invalid_client_metadata",
            id="like a user's sub",
        ),
        pytest.param({"scope": None}, 400, "invalid_client_metadata", id="no scope"),
        pytest.param({"grant_types": ["password"]}, 400, "invalid_client_metadata", id="password"),
        pytest.param({"grant_types": ["implicit"]}, 400, "invalid_client_metadata", id="implicit"),
        pytest.param(
            {"token_endpoint_auth_method": "none"}, 400, "invalid_client_metadata", id="public"
        ),
        pytest.param(
            {"grant_types": ["authorization_code"]}, 400, "invalid_redirect_uri", id="no redirect"
        ),
        pytest.param({"unknown": 1}, 400, "invalid_client_metadata", id="unknown member"),
    ],
)
async def test_clients_that_cannot_be_made(
    issuer: Any, change: dict[str, Any], status: int, error: str
) -> None:
    body = json.loads(json.dumps({**CLIENT, **change}))
    response = await call(issuer, "POST", "/admin/clients", body)
    assert_refused(response, status, error)
    assert "unknown" not in response.text.replace("unknown grant", "")
