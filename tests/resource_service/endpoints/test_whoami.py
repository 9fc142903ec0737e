"""/whoami, and what every endpoint has in common: challenges, headers, bad input."""

import time
from typing import Any

import httpx
import pytest

from resource_service.app import create_app
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken
from shared.errors import MissingToken
from shared.jws import SigningKey
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer, Sign, client, respond, until

METADATA = f'resource_metadata="{AUDIENCE}/.well-known/oauth-protected-resource"'


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_says_who_calls_and_who_answers(http: httpx.AsyncClient, sign: Sign) -> None:
    response = await http.get("/whoami", headers=bearer(sign(jti="j-1", iat=1, scope="a b")))
    assert response.status_code == 200
    assert response.headers["x-replica"] == "replica-1"
    answer = response.json()
    assert answer.pop("exp") > time.time()
    assert answer == {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "client_id": "demo",
        "scope": "a b",
        "iat": 1,
        "jti": "j-1",
        "replica": "replica-1",
    }


async def test_several_audiences_are_shown_as_they_are(http: httpx.AsyncClient, sign: Sign) -> None:
    audiences = ["https://other.example", AUDIENCE]
    response = await http.get("/whoami", headers=bearer(sign(aud=audiences)))
    assert response.json()["aud"] == audiences


async def test_without_credentials_the_challenge_bears_no_error(http: httpx.AsyncClient) -> None:
    response = await http.get("/whoami")
    assert response.status_code == 401
    assert response.json() == {"error": "unauthorized"}
    assert response.headers["www-authenticate"] == f'Bearer realm="sealgate", {METADATA}'
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-replica"] == "replica-1"


async def test_another_scheme_is_no_credentials(http: httpx.AsyncClient) -> None:
    response = await http.get("/whoami", auth=("alice", "secret"))
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == f'Bearer realm="sealgate", {METADATA}'


@pytest.mark.parametrize(
    ("headers", "description"),
    [
        pytest.param([("authorization", "Bearer")], "malformed", id="no token"),
        pytest.param([("authorization", "Bearer a b")], "malformed", id="two words"),
        pytest.param([("authorization", "Bearer a,b")], "malformed", id="a list"),
        pytest.param([("authorization", b"Bearer \xff")], "malformed", id="not ASCII"),
        pytest.param(
            [("authorization", "Bearer a"), ("authorization", "Bearer a")],
            "more than one",
            id="twice",
        ),
    ],
)
async def test_a_malformed_header_is_an_invalid_request(
    http: httpx.AsyncClient, headers: list[tuple[str, str]], description: str
) -> None:
    response = await http.get("/whoami", headers=headers)
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert description in response.json()["error_description"]
    assert 'error="invalid_request"' in response.headers["www-authenticate"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"exp": 1}, id="expired"),
        pytest.param({"iss": "https://evil.example"}, id="foreign issuer"),
        pytest.param({"aud": "https://other.example"}, id="foreign audience"),
        pytest.param({"typ": "JWT"}, id="ID token"),
        pytest.param({"client_id": None}, id="no client_id"),
        pytest.param({"sub": ["alice"]}, id="list as sub"),
    ],
)
async def test_refuses_a_token_that_is(
    http: httpx.AsyncClient, sign: Sign, claims: dict[str, Any]
) -> None:
    response = await http.get("/whoami", headers=bearer(sign(**claims)))
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_token"
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert METADATA in response.headers["www-authenticate"]
    assert response.headers["cache-control"] == "no-store"


async def test_refuses_a_token_of_an_unknown_key(
    http: httpx.AsyncClient, sign: Sign, other_key: SigningKey
) -> None:
    response = await http.get("/whoami", headers=bearer(sign(key=other_key)))
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")


async def test_a_token_in_the_query_string_is_not_looked_at(
    http: httpx.AsyncClient, sign: Sign
) -> None:
    token = sign()
    assert (await http.get(f"/whoami?access_token={token}")).status_code == 401
    both = await http.get(f"/whoami?access_token={token}", headers=bearer(token))
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert "www-authenticate" not in both.headers  # the token was fine


async def test_while_the_issuer_was_never_reached_nobody_is_told_that_his_token_is_bad(
    jwks: JwksServer, settings: Settings, sign: Sign
) -> None:
    await jwks.stop()
    async with client(create_app(settings)) as http:
        refused = await http.get("/whoami", headers=bearer(sign()))
        assert refused.status_code == 503
        assert refused.json()["error"] == "temporarily_unavailable"
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["cache-control"] == "no-store"
        assert "www-authenticate" not in refused.headers
        ready = await http.get("/health/ready")
        assert (ready.status_code, ready.json()["error"]) == (503, "temporarily_unavailable")
        assert (await http.get("/health/live")).status_code == 200
        await jwks.start()  # nobody tells the replica

        async def is_ready() -> bool:
            return (await http.get("/health/ready")).status_code == 200

        await until(is_ready)
        assert (await http.get("/whoami", headers=bearer(sign()))).status_code == 200


async def test_goes_on_when_the_issuer_dies(
    http: httpx.AsyncClient, jwks: JwksServer, sign: Sign, other_key: SigningKey
) -> None:
    assert (await http.get("/whoami", headers=bearer(sign()))).status_code == 200
    await jwks.stop()
    for _ in range(100):
        assert (await http.get("/whoami", headers=bearer(sign()))).status_code == 200
    unknown = await http.get("/whoami", headers=bearer(sign(key=other_key)))
    assert (unknown.status_code, unknown.json()["error"]) == (503, "temporarily_unavailable")
    assert (await http.get("/health/ready")).status_code == 200


async def test_another_authenticator_makes_the_same_app_work_without_keys(
    jwks: JwksServer, settings: Settings
) -> None:
    class ByCookie(Authenticator):
        async def authenticate(self, scope: Scope) -> AccessToken:
            if (b"cookie", b"session=1") not in scope["headers"]:
                raise MissingToken
            return AccessToken(
                iss=ISSUER, sub="bob", aud=AUDIENCE, exp=2, iat=1, jti="j", client_id="web"
            )

    app = create_app(settings, authenticator=ByCookie())
    async with client(app) as http:
        answer = await http.get("/whoami", headers={"cookie": "session=1"})
        assert (answer.status_code, answer.json()["sub"]) == (200, "bob")
        refused = await http.get("/notes", headers={"cookie": "session=1"})
        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        assert (await http.get("/whoami")).status_code == 401
        assert (await http.get("/health/ready")).status_code == 200
    assert jwks.connections == 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_a_wrong_method_is_told_the_right_ones(http: httpx.AsyncClient, method: str) -> None:
    response = await http.request(method, "/whoami")
    assert response.status_code == 405
    assert response.json() == {"error": "method_not_allowed"}
    assert response.headers["allow"] == "GET, HEAD"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-replica"] == "replica-1"


async def test_allow_names_the_methods_of_every_route_of_a_path(http: httpx.AsyncClient) -> None:
    assert (await http.patch("/notes")).headers["allow"] == "GET, HEAD, POST"
    assert (await http.patch("/notes/1")).headers["allow"] == "DELETE, GET, HEAD, PUT"


async def test_head_is_get_without_a_body(http: httpx.AsyncClient, sign: Sign) -> None:
    token = bearer(sign())
    get, head = await http.get("/whoami", headers=token), await http.head("/whoami", headers=token)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers
    refused = await http.head("/whoami")
    assert (refused.status_code, refused.content) == (401, b"")
    assert "www-authenticate" in refused.headers


@pytest.mark.parametrize("path", ["/nothing", "/whoami/", "/notes/", "/.well-known/nothing"])
async def test_what_is_not_there_is_not_found(http: httpx.AsyncClient, path: str) -> None:
    response = await http.get(path)
    assert (response.status_code, response.json()) == (404, {"error": "not_found"})
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-replica"] == "replica-1"


async def test_what_nobody_foresaw_is_500_without_a_detail(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings)

    @app.get("/fails")
    async def fail() -> None:
        raise ZeroDivisionError("secret detail")

    async with client(app) as http:
        response = await http.get("/fails")
    assert (response.status_code, response.json()) == (500, {"error": "server_error"})
    assert response.headers["x-replica"] == "replica-1"
    assert response.headers["cache-control"] == "no-store"
    assert "secret detail" in caplog.text


async def test_no_token_gets_into_the_log(
    http: httpx.AsyncClient, sign: Sign, other_key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    tokens = [sign(), sign(exp=1), sign(key=other_key), "junk.junk.junk"]
    for token in tokens:
        await http.get("/whoami", headers=bearer(token))
        await http.get(f"/whoami?secret={token}", headers=bearer(token))
    assert "refused GET /whoami" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name != "httpx"]
    assert not [token for token in tokens for line in ours if token in line]


async def test_the_metadata_document_tells_clients_where_to_go(http: httpx.AsyncClient) -> None:
    response = await http.get("/.well-known/oauth-protected-resource")
    assert response.status_code == 200
    assert response.json() == {
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["notes:read", "notes:write"],
        "bearer_methods_supported": ["header"],
    }


async def test_pages_of_any_origin_may_read_the_metadata(http: httpx.AsyncClient) -> None:
    address = "/.well-known/oauth-protected-resource"
    preflight = await http.options(
        address,
        headers={
            "origin": "https://any.example",
            "access-control-request-method": "GET",
            "access-control-request-headers": "mcp-protocol-version",
        },
    )
    assert preflight.status_code == 204
    for response in (preflight, await http.get(address)):
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-headers"] == "MCP-Protocol-Version"
        assert "access-control-allow-credentials" not in response.headers
    notes = await http.get("/notes", headers={"origin": "https://any.example"})
    assert "access-control-allow-origin" not in notes.headers


async def test_the_metadata_of_a_resource_with_a_path_are_before_that_path(
    settings: Settings,
) -> None:
    audience = "https://api.example/v1"
    app = create_app(settings.model_copy(update={"audience": audience}))
    async with client(app) as http:
        url = "https://api.example/.well-known/oauth-protected-resource/v1"
        assert (
            f'resource_metadata="{url}"' in (await http.get("/whoami")).headers["www-authenticate"]
        )
        assert (await http.get(url)).json()["resource"] == audience
        assert (await http.get("/.well-known/oauth-protected-resource")).status_code == 404


async def test_metrics_count_by_outcome(
    http: httpx.AsyncClient, jwks: JwksServer, sign: Sign
) -> None:
    token = bearer(sign())
    for headers in (token, token, bearer(sign(exp=1)), {}):
        await http.get("/whoami", headers=headers)
    jwks.answer = respond(b"", status="500 Internal Server Error")
    metrics = await http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    for line in (
        'sealgate_token_verifications_total{error="",reason=""} 2.0',
        'sealgate_token_verifications_total{error="invalid_token",'
        'reason="the token has expired"} 1.0',
        'sealgate_token_verifications_total{error="unauthorized",reason=""} 1.0',
        'sealgate_http_responses_total{status="200"} 2.0',
        'sealgate_http_responses_total{status="401"} 2.0',
        'sealgate_jwks_fetches_total{outcome="ok"} 1.0',
        "sealgate_jwks_usable 1.0",
    ):
        assert line in metrics.text.splitlines()
    assert "sealgate_jwks_age_seconds " in metrics.text


async def test_readiness_tells_the_age_of_the_keys_and_the_state_of_the_database(
    http: httpx.AsyncClient, sign: Sign
) -> None:
    await http.get("/whoami", headers=bearer(sign()))
    ready = (await http.get("/health/ready")).json()
    assert 0 <= ready.pop("keys_age") < 10
    assert ready.pop("database") in {"starting", "unreachable"}
    assert ready == {"status": "ready", "replica": "replica-1", "status_lists": {}}
