"""Dynamic client registration (RFC 7591)."""

from typing import Any

import pytest

from shared.jws import SigningKey
from tests.auth_service.browser_flow.person import CALLBACK, Person, answer
from tests.auth_service.clients.assertion import Signer
from tests.auth_service.clients.registering import (
    METADATA,
    assert_refused,
    post,
    registered,
)

JSON = {"content-type": "application/json"}


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


async def test_pages_of_named_origins_may_register(open_issuer: Any) -> None:
    origin = {"origin": "http://127.0.0.1:8080"}
    response = await open_issuer.http.post("/clients", json=METADATA, headers=origin)
    assert response.headers["access-control-allow-origin"] == origin["origin"]
