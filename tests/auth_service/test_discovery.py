"""Metadata (RFC 8414), CORS, health, metrics and the docs page."""

from typing import Any

import pytest

METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
JWKS = "/.well-known/jwks.json"
ORIGIN = "http://127.0.0.1:8080"


@pytest.mark.parametrize("path", METADATA)
async def test_the_metadata_are_true(issuer: Any, path: str) -> None:
    response = await issuer.http.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"].startswith("public, max-age=")
    metadata = response.json()
    claims = metadata.pop("claims_supported")
    assert {"iss", "sub", "auth_time", "name", "email_verified", "address"} <= set(claims)
    assert metadata == {
        "issuer": "http://127.0.0.1:8000",
        "authorization_endpoint": "http://127.0.0.1:8000/authorize",
        "device_authorization_endpoint": "http://127.0.0.1:8000/device_authorization",
        "token_endpoint": "http://127.0.0.1:8000/token",
        "pushed_authorization_request_endpoint": "http://127.0.0.1:8000/par",
        "userinfo_endpoint": "http://127.0.0.1:8000/userinfo",
        "revocation_endpoint": "http://127.0.0.1:8000/revoke",
        "introspection_endpoint": "http://127.0.0.1:8000/introspect",
        "status_list_aggregation_endpoint": "http://127.0.0.1:8000/status-lists",
        "jwks_uri": "http://127.0.0.1:8000/.well-known/jwks.json",
        "end_session_endpoint": "http://127.0.0.1:8000/logout",
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "scopes_supported": [
            *("openid", "profile", "email", "address", "phone", "offline_access"),
            *("notes:read", "notes:write"),
        ],
        "acr_values_supported": ["1", "2"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": [
            *("client_credentials", "password", "refresh_token", "authorization_code"),
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "prompt_values_supported": ["consent", "login", "none", "select_account"],
        "subject_types_supported": ["public"],
        "claim_types_supported": ["normal"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "revocation_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "revocation_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ],
        "introspection_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "introspection_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "code_challenge_methods_supported": ["S256"],
        "ui_locales_supported": ["en", "ko"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_pushed_authorization_requests": False,
        "client_id_metadata_document_supported": False,
        "protected_resources": ["http://127.0.0.1:8080"],
        "service_documentation": "http://127.0.0.1:8000/docs",
    }


@pytest.mark.parametrize("path", METADATA)
async def test_every_address_in_the_metadata_answers(issuer: Any, path: str) -> None:
    metadata = (await issuer.http.get(path)).json()
    assert (await issuer.http.get(metadata["jwks_uri"])).status_code == 200
    assert (await issuer.http.get(metadata["service_documentation"])).status_code == 200
    assert (await issuer.http.get(metadata["status_list_aggregation_endpoint"])).status_code == 200
    posted = ("token", "device_authorization", "revocation", "introspection")
    for endpoint in (f"{name}_endpoint" for name in posted):
        assert (await issuer.http.post(metadata[endpoint])).status_code == 400
    assert (await issuer.http.get(metadata["authorization_endpoint"])).status_code == 400
    assert (await issuer.http.get(metadata["userinfo_endpoint"])).status_code == 401
    assert (await issuer.http.get(metadata["end_session_endpoint"])).status_code == 200


@pytest.mark.parametrize("path", METADATA)
async def test_the_host_header_changes_nothing(issuer: Any, path: str) -> None:
    usual = await issuer.http.get(path)
    forged = await issuer.http.get(
        path, headers={"host": "evil.example", "x-forwarded-host": "evil.example"}
    )
    assert forged.content == usual.content


@pytest.mark.parametrize("path", [*METADATA, JWKS])
async def test_any_page_may_read_what_is_public(issuer: Any, path: str) -> None:
    response = await issuer.http.get(path, headers={"origin": "https://any.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("form", [{}, {"grant_type": "client_credentials"}])
async def test_a_page_of_the_configured_origin_may_read_tokens_and_refusals(
    issuer: Any, form: dict[str, str]
) -> None:
    response = await issuer.http.post("/token", data=form, headers={"origin": ORIGIN})
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8080",
        "http://127.0.0.1:80800",
        "https://127.0.0.1:8080",
        "http://127.0.0.1:8080.evil.example",
        "http://127.0.0.1:8080/",
        "null",
        "",
    ],
)
async def test_a_page_of_another_origin_may_not(issuer: Any, origin: str) -> None:
    plain = await issuer.http.post("/token", headers={"origin": origin})
    preflight = await issuer.http.options(
        "/token", headers={"origin": origin, "access-control-request-method": "POST"}
    )
    for response in (plain, preflight):
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"] == "Origin"


async def test_a_preflight_is_answered_with_what_the_docs_page_needs(issuer: Any) -> None:
    response = await issuer.http.options(
        "/token",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,x-requested-with",
        },
    )
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-methods"] == "POST"
    assert response.headers["access-control-allow-headers"] == (
        "Authorization, Content-Type, MCP-Protocol-Version, X-Requested-With"
    )


@pytest.mark.parametrize("path", ["/users", "/users/alice/password", "/health/live", "/metrics"])
async def test_nothing_else_is_open_to_pages_of_other_origins(issuer: Any, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        response = await issuer.http.request(
            method, path, headers={"origin": ORIGIN, "access-control-request-method": "POST"}
        )
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "path", ["/nothing", "/token/", "//token", "/docs", "/openapi.json", "/metrics", "/users"]
)
async def test_every_answer_says_nosniff(issuer: Any, path: str) -> None:
    response = await issuer.http.get(path)
    assert response.headers.get_list("x-content-type-options")[0] == "nosniff"
    if response.status_code >= 400:
        assert response.headers["cache-control"] == "no-store"
        assert response.json().keys() == {"error"}


async def test_what_nobody_foresaw_is_500_without_detail(
    issuer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(issuer.server.keys), "sign", None)
    response = await issuer.token(grant_type="client_credentials")
    assert (response.status_code, response.json()) == (500, {"error": "server_error"})
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_health_says_live_and_ready(issuer: Any) -> None:
    assert (await issuer.http.get("/health/live")).json() == {"status": "live"}
    assert (await issuer.http.get("/health/ready")).json() == {"status": "ready"}


async def test_metrics_count_tokens_refusals_and_refreshes(issuer: Any) -> None:
    await issuer.token(grant_type="client_credentials")
    await issuer.token(grant_type="nonsense")
    await issuer.refresh((await issuer.log_in())["refresh_token"])
    text = (await issuer.http.get("/metrics")).text
    assert 'sealgate_tokens_issued_total{grant_type="client_credentials"} 1.0' in text
    assert 'sealgate_refusals_total{error="unsupported_grant_type"} 1.0' in text
    assert 'sealgate_refreshes_total{event="rotated"} 1.0' in text


async def test_no_secret_is_logged(issuer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    password, secret = "wrong horse battery", "wr0ng-secret"
    await issuer.token("web", grant_type="password", username="alice", password=password)
    await issuer.http.post(
        f"/token?client_secret={secret}",
        data={"grant_type": "client_credentials", "client_id": "batch", "client_secret": secret},
    )
    token = (await issuer.log_in())["refresh_token"]
    await issuer.refresh(token[:-1])
    await issuer.http.post("/users", json={"username": "bob", "password": [password]})
    # httpx itself logs addresses; it is the test's client.
    text = "\n".join(
        r.getMessage() for r in caplog.records if r.name.startswith(("auth", "shared"))
    )
    assert "invalid_grant" in text
    for hidden in (password, secret, token[:40]):
        assert hidden not in text
