"""ID tokens, the userinfo endpoint, and refresh in an OpenID request."""

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.auth_service.browser_flow.conftest import CLAIMS
from tests.auth_service.browser_flow.person import Person, claims_of

ISSUER = "http://127.0.0.1:8000"


async def tokens_for(app: Any, person: Person, scope: str = "openid", **more: Any) -> Any:
    exchange = person.exchange(await person.code(scope=scope, **more))
    return (await app.token("app", **exchange)).json()


def bearer(tokens: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens['access_token']}"}


async def test_the_id_token_says_what_it_must(app: Any, person: Person, clock: Any) -> None:
    tokens = await tokens_for(app, person, nonce="n0nce")
    sub, session_id = await app.server.db.fetchrow("SELECT sub, session_id FROM sessions")
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims_of(tokens["id_token"]) == {
        "iss": ISSUER,
        "sub": str(sub),
        "aud": "app",
        "azp": "app",
        "iat": int(clock.seconds),
        "exp": int(clock.seconds) + 300,
        "auth_time": int(clock.seconds),
        "nonce": "n0nce",
        "acr": "1",
        "amr": ["pwd"],
        "sid": str(session_id),
        "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }
    access = claims_of(tokens["access_token"])
    assert (access["acr"], access["amr"], access["sid"]) == ("1", ["pwd"], str(session_id))


async def test_its_header_names_the_key(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    header = tokens["id_token"].split(".")[0]
    members = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    keys = (await app.http.get("/.well-known/jwks.json")).json()["keys"]
    assert (members["alg"], members["typ"]) == ("RS256", "JWT")
    assert members["kid"] in {key["kid"] for key in keys}


async def test_without_openid_there_is_none(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person, scope="notes:read")
    assert "id_token" not in tokens
    response = await app.http.get("/userinfo", headers=bearer(tokens))
    assert (response.status_code, response.json()["error"]) == (403, "insufficient_scope")
    assert 'scope="openid"' in response.headers["www-authenticate"]


async def test_a_refreshed_id_token_is_of_the_same_log_in(
    app: Any, person: Person, clock: Any
) -> None:
    tokens = await tokens_for(app, person, scope="openid offline_access", nonce="n0nce")
    clock.seconds += 1000
    again = (await app.refresh(tokens["refresh_token"], "app")).json()
    first, second = claims_of(tokens["id_token"]), claims_of(again["id_token"])
    assert "nonce" not in second
    assert second["iat"] == first["iat"] + 1000
    for claim in ("iss", "sub", "aud", "azp", "auth_time", "acr", "amr", "sid"):
        assert second[claim] == first[claim]


async def test_an_id_token_is_no_access_token(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    headers = {"authorization": f"Bearer {tokens['id_token']}"}
    response = await app.http.get("/userinfo", headers=headers)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert response.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("openid", ()),
        ("openid email", ("email", "email_verified")),
        ("openid address phone", ("address", "phone_number", "phone_number_verified")),
        ("openid profile", ("name", "given_name", "family_name", "updated_at")),
    ],
)
async def test_userinfo_says_what_the_scope_stands_for(
    app: Any, person: Person, scope: str, claims: tuple[str, ...]
) -> None:
    tokens = await tokens_for(app, person, scope)
    expected = {claim: CLAIMS[claim] for claim in claims}
    expected["sub"] = claims_of(tokens["id_token"])["sub"]
    if "profile" in scope:
        expected["preferred_username"] = "alice"
    in_header = await app.http.get("/userinfo", headers=bearer(tokens))
    posted = await app.http.post("/userinfo", headers=bearer(tokens))
    in_form = await app.http.post("/userinfo", data={"access_token": tokens["access_token"]})
    for response in (in_header, posted, in_form):
        assert (response.status_code, response.json()) == (200, expected)
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["content-type"] == "application/json"


async def test_claims_asked_for_by_name_are_where_they_were_asked_for(
    app: Any, person: Person
) -> None:
    claims = '{"userinfo": {"email": null}, "id_token": {"name": {"essential": true}}}'
    tokens = await tokens_for(app, person, claims=claims)
    assert claims_of(tokens["id_token"])["name"] == "Alice Liddell"
    known = (await app.http.get("/userinfo", headers=bearer(tokens))).json()
    assert known.keys() == {"sub", "email"}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_without_a_token_has_a_bare_challenge(app: Any, method: str) -> None:
    response = await app.http.request(method, "/userinfo")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="sealgate"'


async def test_a_token_must_come_in_one_way_and_not_in_the_query(app: Any, person: Person) -> None:
    tokens = await tokens_for(app, person)
    form = {"access_token": tokens["access_token"]}
    twice = await app.http.post("/userinfo", data=form, headers=bearer(tokens))
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert (await app.http.get("/userinfo", params=form)).status_code == 401
    assert (await app.http.post("/userinfo", params=form)).status_code == 401


async def test_a_clients_own_token_is_nobodys(app: Any) -> None:
    own = (await app.token("batch", grant_type="client_credentials")).json()
    assert (await app.http.get("/userinfo", headers=bearer(own))).status_code == 403


async def test_any_page_may_ask_with_a_token(app: Any) -> None:
    preflight = await app.http.options(
        "/userinfo",
        headers={"origin": "https://any.example", "access-control-request-method": "GET"},
    )
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()


async def test_pages_of_other_origins_may_not_call_what_is_for_people(app: Any) -> None:
    for path in ("/authorize", "/login", "/consent", "/logout"):
        response = await app.http.get(path, headers={"origin": "https://any.example"})
        assert "access-control-allow-origin" not in response.headers
