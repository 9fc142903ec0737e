"""Dynamic client registration (RFC 7591) and its management (RFC 7592)."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from auth_service import registration, revocation
from shared.jws import SigningKey
from tests.auth_service.browser_flow.person import CALLBACK, Person, answer
from tests.auth_service.clients.assertion import Signer

JSON = {"content-type": "application/json"}
METADATA = {"client_name": "Reader", "redirect_uris": [CALLBACK], "scope": "openid notes:read"}


@pytest.fixture
async def open_issuer(start: Any, register: Any) -> AsyncIterator[Any]:
    async with start(client_registration="open", client_registration_limit=60) as issuer:
        await register(issuer.server)
        yield issuer


@pytest.fixture
async def person(open_issuer: Any) -> Any:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(open_issuer.app, raise_app_exceptions=False),
        base_url=open_issuer.server.settings.issuer,
    ) as http:
        yield Person(http)


async def post(issuer: Any, token: str | None = None, **changes: Any) -> httpx.Response:
    metadata = {**METADATA, **changes}
    response: httpx.Response = await issuer.http.post(
        "/clients", json=metadata, headers=bearer(token)
    )
    return response


async def registered(issuer: Any, **changes: Any) -> dict[str, Any]:
    response = await post(issuer, **changes)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"Bearer {token}"}


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_client_registers_and_a_person_logs_in_at_it(
    open_issuer: Any, person: Person
) -> None:
    response = await post(open_issuer)
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    client = response.json()
    client_id = client["client_id"]
    for secret in ("client_secret", "registration_access_token"):
        assert len(client.pop(secret)) == 43
    assert client == {
        "client_id": client_id,
        "client_id_issued_at": 1_800_000_000,
        "client_secret_expires_at": 0,
        "registration_client_uri": f"http://127.0.0.1:8000/clients/{client_id}",
        "client_name": "Reader",
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [],
        "backchannel_logout_session_required": False,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": "notes:read openid",
        "token_endpoint_auth_method": "client_secret_basic",
        "require_pushed_authorization_requests": False,
    }
    page = await person.log_in(await person.authorize(client_id, scope="openid notes:read"))
    assert "<strong>Reader</strong>" in page.text
    code = answer(await person.allow(page))["code"]
    secret = response.json()["client_secret"]
    tokens = await open_issuer.http.post(
        "/token", data=person.exchange(code), auth=(client_id, secret)
    )
    assert tokens.json()["scope"] == "notes:read openid"
    # Basic is what it registered, so post will not do.
    by_post = {"grant_type": "refresh_token", "client_id": client_id, "client_secret": secret}
    assert (await open_issuer.http.post("/token", data=by_post)).status_code == 401


async def test_a_client_with_keys_of_its_own(
    open_issuer: Any, signer: Signer, signing_key: SigningKey
) -> None:
    jwks = {"keys": [signing_key.public_jwk]}
    client = await registered(open_issuer, token_endpoint_auth_method="private_key_jwt", jwks=jwks)
    assert client["jwks"] == jwks
    assert "client_secret" not in client
    form = {"token": "x", **signer.form(client["client_id"])}
    assert (await open_issuer.http.post("/introspect", data=form)).status_code == 200


async def test_only_hashes_are_stored(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    row = await open_issuer.server.db.fetchval(
        "SELECT c::text FROM clients c WHERE client_id = $1", client["client_id"]
    )
    assert client["client_secret"] not in row
    assert client["registration_access_token"] not in row


async def test_what_people_may_want_to_know_is_kept_and_what_is_unknown_is_not(
    open_issuer: Any,
) -> None:
    about = {
        "client_uri": "https://app.example/",
        "logo_uri": "https://app.example/logo.png",
        "tos_uri": "https://app.example/tos",
        "policy_uri": "https://app.example/policy",
        "contacts": ["ops@app.example"],
        "software_id": "reader",
        "software_version": "1.2",
        "application_type": "native",
    }
    client = await registered(open_issuer, **about, frobnicate=True, client_name=None)
    assert {name: client[name] for name in about} == about
    assert "frobnicate" not in client
    assert client["client_name"] == client["client_id"]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param(
            None,
            "address email notes:read notes:write offline_access openid phone profile",
            id="none",
        ),
        pytest.param("openid claudeai", "openid", id="one that is unknown here"),
        pytest.param("openid admin", "openid", id="admin"),
    ],
)
async def test_scope_that_cannot_be_had_is_left_out(
    open_issuer: Any, asked: str | None, given: str
) -> None:
    assert (await registered(open_issuer, scope=asked))["scope"] == given


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"redirect_uris": []}, "invalid_redirect_uri", id="no redirect_uris"),
        pytest.param({"redirect_uris": None}, "invalid_redirect_uri", id="null redirect_uris"),
        pytest.param({"redirect_uris": "x"}, "invalid_redirect_uri", id="a string"),
        pytest.param({"redirect_uris": [1]}, "invalid_redirect_uri", id="a number"),
        pytest.param({"redirect_uris": [CALLBACK] * 21}, "invalid_redirect_uri", id="too many"),
        pytest.param({"redirect_uris": ["http://app.example/"]}, "invalid_redirect_uri", id="http"),
        pytest.param({"redirect_uris": [f"{CALLBACK}#f"]}, "invalid_redirect_uri", id="fragment"),
        pytest.param({"redirect_uris": ["javascript:x"]}, "invalid_redirect_uri", id="javascript"),
        pytest.param({"redirect_uris": [CALLBACK + "x" * 2000]}, "invalid_redirect_uri", id="long"),
        pytest.param(
            {"backchannel_logout_uri": "https://app.example/#x"},
            "invalid_client_metadata",
            id="fragment in where it is told of log-outs",
        ),
        pytest.param(
            {"post_logout_redirect_uris": ["http://app.example/"]},
            "invalid_client_metadata",
            id="post-logout http",
        ),
        pytest.param({"grant_types": ["implicit"]}, "invalid_client_metadata", id="implicit"),
        pytest.param({"grant_types": ["password"]}, "invalid_client_metadata", id="password"),
        pytest.param(
            {"grant_types": ["client_credentials"]}, "invalid_client_metadata", id="no person"
        ),
        pytest.param({"grant_types": ["x"] * 11}, "invalid_client_metadata", id="many grants"),
        pytest.param({"response_types": ["token"]}, "invalid_client_metadata", id="token"),
        pytest.param({"response_types": []}, "invalid_client_metadata", id="no response type"),
        pytest.param(
            {"grant_types": ["refresh_token"], "response_types": ["code"]},
            "invalid_client_metadata",
            id="a response type without its grant",
        ),
        pytest.param(
            {"token_endpoint_auth_method": "client_secret_jwt"}, "invalid_client_metadata", id="m"
        ),
        pytest.param(
            {"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata", id="key"
        ),
        pytest.param(
            {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}},
            "invalid_client_metadata",
            id="empty jwks",
        ),
        pytest.param(
            {"jwks": {"keys": []}, "jwks_uri": "https://app.example/keys"},
            "invalid_client_metadata",
            id="jwks twice",
        ),
        pytest.param(
            {"jwks": {"keys": [{"kty": "RSA", "d": "x"}]}},
            "invalid_client_metadata",
            id="a private key",
        ),
        pytest.param(
            {"jwks": {"keys": [{"kty": "oct", "k": "x"}]}},
            "invalid_client_metadata",
            id="a symmetric key",
        ),
        pytest.param(
            {"jwks_uri": "ftp://app.example/keys"}, "invalid_client_metadata", id="jwks_uri"
        ),
        pytest.param({"client_uri": "javascript:x"}, "invalid_client_metadata", id="client_uri"),
        pytest.param({"client_name": "x" * 201}, "invalid_client_metadata", id="long name"),
        pytest.param({"client_name": "a\0b"}, "invalid_client_metadata", id="NUL in the name"),
        pytest.param({"client_name": "a\u0007"}, "invalid_client_metadata", id="control"),
        pytest.param({"client_name": 7}, "invalid_client_metadata", id="a number as the name"),
        pytest.param({"scope": 'a"'}, "invalid_client_metadata", id="malformed scope"),
        pytest.param({"scope": "admin"}, "invalid_client_metadata", id="admin alone"),
        pytest.param({"subject_type": "pairwise"}, "invalid_client_metadata", id="pairwise"),
        pytest.param(
            {"id_token_signed_response_alg": "none"}, "invalid_client_metadata", id="alg none"
        ),
        pytest.param(
            {"require_pushed_authorization_requests": "yes"}, "invalid_client_metadata", id="text"
        ),
        pytest.param({"contacts": ["x"] * 11}, "invalid_client_metadata", id="many contacts"),
    ],
)
async def test_metadata_that_cannot_be_registered(
    open_issuer: Any, changes: dict[str, Any], error: str
) -> None:
    before = await open_issuer.server.db.fetchval("SELECT count(*) FROM clients")
    assert_refused(await post(open_issuer, **changes), 400, error)
    assert await open_issuer.server.db.fetchval("SELECT count(*) FROM clients") == before


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        pytest.param(b"{", JSON, 400, "invalid_request", id="no JSON"),
        pytest.param(b"[]", JSON, 400, "invalid_client_metadata", id="an array"),
        pytest.param(b'{"scope":"a","scope":"b"}', JSON, 400, "invalid_request", id="repeated"),
        pytest.param(b"{}", {"content-type": "text/plain"}, 415, "unsupported_media_type", id="t"),
        pytest.param(b"x" * 65537, JSON, 413, "content_too_large", id="too long"),
    ],
)
async def test_bodies_that_are_no_metadata(
    open_issuer: Any, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    response = await open_issuer.http.post("/clients", content=body, headers=headers)
    assert_refused(response, status, error)


async def test_closed_is_the_default_and_says_so(issuer: Any) -> None:
    assert_refused(await post(issuer), 403, "access_denied")
    metadata = (await issuer.http.get("/.well-known/openid-configuration")).json()
    assert "registration_endpoint" not in metadata


@pytest.mark.parametrize("mode", ["token", "open"])
async def test_the_metadata_name_the_endpoint(start: Any, mode: str) -> None:
    async with start(client_registration=mode) as issuer:
        for document in ("openid-configuration", "oauth-authorization-server"):
            metadata = (await issuer.http.get(f"/.well-known/{document}")).json()
            assert metadata["registration_endpoint"] == "http://127.0.0.1:8000/clients"


@pytest.fixture
async def by_token(start: Any) -> AsyncIterator[Any]:
    async with start(client_registration="token") as issuer:
        yield issuer


async def initial_token(issuer: Any, uses: int = 1) -> str:
    return await registration.create_initial_token(
        issuer.server, "for a test", timedelta(hours=1), uses
    )


async def test_an_initial_access_token_lets_one_register(by_token: Any) -> None:
    token = await initial_token(by_token)
    assert (await post(by_token, token)).status_code == 201
    assert_refused(await post(by_token, token), 401, "invalid_token")


async def test_whoever_has_none_may_not(by_token: Any, clock: Any) -> None:
    assert_refused(await post(by_token), 401, "unauthorized")
    assert_refused(await post(by_token, "made-up"), 401, "invalid_token")
    token = await initial_token(by_token)
    clock.seconds += 3600
    assert_refused(await post(by_token, token), 401, "invalid_token")


async def test_what_is_refused_does_not_use_the_token_up(by_token: Any) -> None:
    token = await initial_token(by_token)
    assert_refused(await post(by_token, token, redirect_uris=[]), 400, "invalid_redirect_uri")
    assert (await post(by_token, token)).status_code == 201


async def test_an_initial_access_token_works_as_often_as_it_may_however_many_come(
    by_token: Any,
) -> None:
    token = await initial_token(by_token, uses=3)
    responses = await asyncio.gather(*(post(by_token, token) for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [201] * 3 + [401] * 47
    assert await by_token.server.db.fetchval("SELECT count(*) FROM clients") == 3


async def test_initial_access_tokens_are_hashed_and_forgotten(by_token: Any, clock: Any) -> None:
    db = by_token.server.db
    token = await initial_token(by_token)
    assert token not in await db.fetchval("SELECT t::text FROM initial_access_tokens t")
    await registration.forget(by_token.server)
    assert await db.fetchval("SELECT count(*) FROM initial_access_tokens") == 1
    clock.seconds += 3600
    await registration.forget(by_token.server)
    assert await db.fetchval("SELECT count(*) FROM initial_access_tokens") == 0


async def test_the_command_makes_one(run: Any, start: Any) -> None:
    words = ("clients", "initial-token", "--note", "a partner", "--uses", "2", "--json")
    code, output, _ = await run(*words)
    assert code == 0
    token = json.loads(output)["initial_access_token"]
    async with start(client_registration="token") as issuer:
        # The command's clock is the real one, which is behind that of the test.
        await issuer.server.db.execute("UPDATE initial_access_tokens SET expires_at = 'infinity'")
        assert [(await post(issuer, token)).status_code for _ in range(3)] == [201, 201, 401]
        event = "SELECT detail->>'note' FROM audit_log WHERE event = 'initial access token created'"
        assert await issuer.server.db.fetchval(event) == "a partner"


async def test_there_is_room_for_so_many_and_no_more_however_many_come(start: Any) -> None:
    async with start(client_registration="open", client_registration_limit=5) as issuer:
        responses = await asyncio.gather(*(post(issuer) for _ in range(50)))
        assert sorted(response.status_code for response in responses) == [201] * 5 + [503] * 45
        full = await post(issuer)
        assert_refused(full, 503, "temporarily_unavailable")
        assert int(full.headers["retry-after"]) == 3600


async def test_a_registration_that_nobody_used_is_forgotten_after_a_week(
    open_issuer: Any, person: Person, clock: Any
) -> None:
    used, unused, ended = [await registered(open_issuer) for _ in range(3)]
    response = await person.log_in(await person.authorize(used["client_id"]))
    await person.allow(response)
    assert (await manage(open_issuer, "DELETE", ended)).status_code == 204
    clock.seconds += 7 * 86400
    await registration.forget(open_issuer.server)
    left = {
        row[0]
        for row in await open_issuer.server.db.fetch(
            "SELECT client_id FROM clients WHERE registered_openly"
        )
    }
    assert left == {used["client_id"], unused["client_id"], ended["client_id"]}
    clock.seconds += 1
    await registration.forget(open_issuer.server)
    left = {
        row[0]
        for row in await open_issuer.server.db.fetch(
            "SELECT client_id FROM clients WHERE registered_openly"
        )
    }
    assert left == {used["client_id"]}


# Management (RFC 7592)


async def manage(
    issuer: Any,
    method: str,
    client: dict[str, Any],
    token: str | None = None,
    body: dict[str, Any] | None = None,
) -> httpx.Response:
    response: httpx.Response = await issuer.http.request(
        method,
        client["registration_client_uri"],
        headers=bearer(token or client["registration_access_token"]),
        json=body,
    )
    return response


def update_of(client: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**METADATA, "client_id": client["client_id"], **changes}


async def test_a_client_reads_what_it_registered(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    response = await manage(open_issuer, "GET", client)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    told_once = {"client_secret", "client_secret_expires_at"}
    assert response.json() == {n: v for n, v in client.items() if n not in told_once}


async def test_a_client_replaces_what_it_registered(open_issuer: Any) -> None:
    client = await registered(open_issuer, contacts=["a@app.example"])
    body = update_of(client, client_name="Other", client_secret=client["client_secret"])
    response = await manage(open_issuer, "PUT", client, body=body)
    assert response.status_code == 200, response.text
    changed = response.json()
    assert changed["client_name"] == "Other"
    assert "contacts" not in changed  # what is left out is unsaid
    assert changed["registration_access_token"] != client["registration_access_token"]
    assert (await manage(open_issuer, "GET", changed)).status_code == 200
    assert_refused(await manage(open_issuer, "GET", client), 401, "invalid_token")
    # The secret is the same as before.
    form, auth = {"token": "x"}, (client["client_id"], client["client_secret"])
    assert (await open_issuer.http.post("/introspect", data=form, auth=auth)).status_code == 200
    events = await open_issuer.server.db.fetch(
        "SELECT event FROM audit_log WHERE client_id = $1 ORDER BY id", client["client_id"]
    )
    assert [row["event"] for row in events] == ["client created", "client changed"]


async def test_a_change_of_method_brings_a_secret_or_takes_it(open_issuer: Any) -> None:
    client = await registered(open_issuer, token_endpoint_auth_method="none")
    assert "client_secret" not in client
    method = {"token_endpoint_auth_method": "client_secret_post"}
    body = update_of(client, **method)
    confidential = (await manage(open_issuer, "PUT", client, body=body)).json()
    assert len(confidential["client_secret"]) == 43
    body = update_of(client, token_endpoint_auth_method="none")
    public = (await manage(open_issuer, "PUT", confidential, body=body)).json()
    assert "client_secret" not in public
    row = "SELECT secret_sha256 FROM clients WHERE client_id = $1"
    assert await open_issuer.server.db.fetchval(row, client["client_id"]) is None


async def test_of_fifty_changes_with_one_token_one_is_made(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    responses = await asyncio.gather(
        *(
            manage(open_issuer, "PUT", client, body=update_of(client, client_name=f"N{n}"))
            for n in range(50)
        )
    )
    (winner,) = [response.json() for response in responses if response.status_code == 200]
    assert {response.status_code for response in responses} == {200, 401}
    assert (await manage(open_issuer, "GET", winner)).json()["client_name"] == winner["client_name"]


async def test_a_client_ends_itself_and_all_that_it_was_given(
    open_issuer: Any, person: Person
) -> None:
    grants = ["authorization_code", "refresh_token"]
    client = await registered(open_issuer, grant_types=grants, scope="openid offline_access")
    auth = (client["client_id"], client["client_secret"])
    code = await person.code(client["client_id"], scope="openid offline_access")
    response = await open_issuer.http.post("/token", data=person.exchange(code), auth=auth)
    access_token = response.json()["access_token"]
    userinfo = {"authorization": f"Bearer {access_token}"}
    assert (await open_issuer.http.get("/userinfo", headers=userinfo)).status_code == 200
    responses = await asyncio.gather(*(manage(open_issuer, "DELETE", client) for _ in range(50)))
    assert sorted(response.status_code for response in responses) == [204] + [401] * 49
    assert (await open_issuer.http.get("/userinfo", headers=userinfo)).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": response.json()["refresh_token"]}
    assert (await open_issuer.http.post("/token", data=form, auth=auth)).status_code == 401
    for method, body in (("GET", None), ("DELETE", None), ("PUT", update_of(client))):
        assert_refused(await manage(open_issuer, method, client, body=body), 401, "invalid_token")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_its_own_token_manages_a_client(open_issuer: Any, method: str) -> None:
    client, other = await registered(open_issuer), await registered(open_issuer)
    body = update_of(client) if method == "PUT" else None
    for token in (other["registration_access_token"], "made-up", client["client_secret"]):
        response = await manage(open_issuer, method, client, token, body)
        assert_refused(response, 401, "invalid_token")
    bare = await open_issuer.http.request(method, client["registration_client_uri"], json=body)
    assert_refused(bare, 401, "unauthorized")
    nobody = {**client, "registration_client_uri": "/clients/nobody"}
    body = {**METADATA, "client_id": "nobody"} if method == "PUT" else None
    assert_refused(await manage(open_issuer, method, nobody, body=body), 401, "invalid_token")
    # Nor does anything manage a client that an administrator made.
    batch = {**client, "registration_client_uri": "/clients/batch"}
    body = {**METADATA, "client_id": "batch"} if method == "PUT" else None
    assert_refused(await manage(open_issuer, method, batch, body=body), 401, "invalid_token")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"client_id": "other"}, "invalid_request", id="another client_id"),
        pytest.param({"client_id": None}, "invalid_client_metadata", id="no client_id"),
        pytest.param({"client_secret": "wrong"}, "invalid_client_metadata", id="wrong secret"),
        pytest.param({"redirect_uris": []}, "invalid_redirect_uri", id="no redirect URI"),
        pytest.param({"grant_types": ["password"]}, "invalid_client_metadata", id="password"),
    ],
)
async def test_a_change_that_is_refused_changes_nothing(
    open_issuer: Any, change: dict[str, Any], error: str
) -> None:
    client = await registered(open_issuer)
    response = await manage(open_issuer, "PUT", client, body=update_of(client, **change))
    assert_refused(response, 400, error)
    assert (await manage(open_issuer, "GET", client)).json()["client_name"] == "Reader"


async def test_a_disabled_client_does_not_manage_itself(open_issuer: Any) -> None:
    client = await registered(open_issuer)
    await revocation.disable_client(open_issuer.server, client["client_id"])
    for method, body in (("GET", None), ("DELETE", None), ("PUT", update_of(client))):
        assert_refused(await manage(open_issuer, method, client, body=body), 401, "invalid_token")


async def test_pages_of_named_origins_may_register(open_issuer: Any) -> None:
    origin = {"origin": "http://127.0.0.1:8080"}
    response = await open_issuer.http.post("/clients", json=METADATA, headers=origin)
    assert response.headers["access-control-allow-origin"] == origin["origin"]


async def test_open_registration_slows_down_whoever_fills_it(start: Any, clock: Any) -> None:
    async with start(client_registration="open", address_attempts=3) as issuer:
        responses = [await post(issuer) for _ in range(6)]
        statuses = [response.status_code for response in responses]
        assert statuses[:3] == [201] * 3
        refused = responses[-1]
        assert_refused(refused, 429, "too_many_requests")
        clock.seconds += int(refused.headers["retry-after"])
        assert (await post(issuer)).status_code == 201
