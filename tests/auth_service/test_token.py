"""The token endpoint: what it refuses, and how (RFC 6749 §3.2, §5.2)."""

import base64
from typing import Any

import httpx
import pytest

from auth_service.store import clients

FORM = {"content-type": "application/x-www-form-urlencoded"}
GOOD = b"grant_type=client_credentials&client_id=batch&client_secret=s3cret-of-the-batch-client"


def basic(credentials: bytes) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(credentials).decode()}


BATCH = basic(b"batch:s3cret-of-the-batch-client")


def assert_refused(response: httpx.Response, status: int, error: str) -> None:
    assert (response.status_code, response.json()["error"]) == (status, error), response.text
    assert response.json().keys() <= {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-type"] == "application/json"
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_the_plain_case_is_accepted(issuer: Any) -> None:
    response = await issuer.http.post("/token", content=GOOD, headers=FORM)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"", FORM, id="nothing"),
        pytest.param(GOOD, {}, id="no media type"),
        pytest.param(GOOD, {"content-type": "text/plain"}, id="another media type"),
        pytest.param(b'{"grant_type":"password"}', {"content-type": "application/json"}, id="JSON"),
        pytest.param(GOOD + b"&scope=a&scope=a", FORM, id="repeated"),
        pytest.param(GOOD + b"&x=&x=", FORM, id="repeated, unknown and empty"),
        pytest.param(b"grant_type=&client_id=batch", FORM, id="empty grant_type"),
        pytest.param(b"client_id=batch", FORM, id="no grant_type"),
        pytest.param(GOOD + b"&scope=%00", FORM, id="encoded NUL"),
        pytest.param(GOOD + b"&scope=\0", FORM, id="raw NUL"),
        pytest.param(GOOD + b"&scope=%ff", FORM, id="encoded bad UTF-8"),
        pytest.param(GOOD + b"&scope=%ed%a0%80", FORM, id="encoded surrogate"),
        pytest.param(GOOD + "&scope=é".encode(), FORM, id="raw UTF-8"),
        pytest.param(GOOD + b"&scope=\xff", FORM, id="raw bad UTF-8"),
        pytest.param(GOOD + b"&scope=%zz", FORM, id="bad percent-encoding"),
        pytest.param(GOOD + b"&scope=%4", FORM, id="cut percent-encoding"),
        pytest.param(GOOD + b"&", FORM, id="ampersand at the end"),
        pytest.param(GOOD + b"&scope", FORM, id="no equals sign"),
        pytest.param(b"a=1&" * 100 + GOOD, FORM, id="a hundred parameters"),
        pytest.param(GOOD, FORM | BATCH, id="two authentication methods"),
        pytest.param(
            b"grant_type=client_credentials&client_id=web", FORM | BATCH, id="another client_id"
        ),
    ],
)
async def test_a_malformed_request_is_an_invalid_request(
    issuer: Any, body: bytes, headers: dict[str, str]
) -> None:
    assert_refused(
        await issuer.http.post("/token", content=body, headers=headers), 400, "invalid_request"
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param(basic(b"batch:wrong"), id="wrong secret"),
        pytest.param(basic(b"batch:"), id="empty secret of a confidential client"),
        pytest.param(basic(b"nobody:s3cret-of-the-batch-client"), id="unknown client"),
        pytest.param(basic(b"nobody:"), id="unknown public client"),
        pytest.param(basic(b"docs:a-secret"), id="secret of a public client"),
        pytest.param(basic(b"batch"), id="no colon"),
        pytest.param(basic(b":s3cret"), id="no client_id"),
        pytest.param(basic(b"\xff:x"), id="bad UTF-8"),
        pytest.param(basic(b"%ff:x"), id="encoded bad UTF-8"),
        pytest.param(basic(b"a\0b:x"), id="raw NUL"),
        pytest.param(basic(b"a%00b:x"), id="encoded NUL"),
        pytest.param(basic(b"a" * 5000 + b":x"), id="very long client_id"),
        pytest.param({"authorization": "Basic"}, id="no credentials"),
        pytest.param({"authorization": "Basic !!!"}, id="no base64"),
        pytest.param({"authorization": "Basic YmF0Y2g6eA"}, id="no padding"),
        pytest.param({"authorization": "Basic YmF0Y2g6eA== x"}, id="something behind"),
        pytest.param({"authorization": "Bearer abc"}, id="another scheme"),
        pytest.param({"authorization": ""}, id="empty"),
    ],
)
async def test_a_client_that_does_not_authenticate_gets_a_basic_challenge(
    issuer: Any, headers: dict[str, str]
) -> None:
    response = await issuer.http.post(
        "/token", data={"grant_type": "client_credentials"}, headers=headers
    )
    assert_refused(response, 401, "invalid_client")
    assert response.headers["www-authenticate"] == 'Basic realm="sealgate", charset="UTF-8"'
    assert "error_description" not in response.json()


async def test_an_unknown_client_and_a_wrong_secret_look_the_same(issuer: Any) -> None:
    form = {"grant_type": "client_credentials"}
    wrong = await issuer.http.post("/token", data=form, headers=basic(b"batch:wrong"))
    unknown = await issuer.http.post("/token", data=form, headers=basic(b"nobody:wrong"))
    assert wrong.content == unknown.content
    assert wrong.headers == unknown.headers


async def test_both_halves_of_basic_are_form_decoded(issuer: Any) -> None:
    encoded = b"b%61tch:s3cret%2Dof-the-batch-client"
    response = await issuer.http.post(
        "/token", data={"grant_type": "client_credentials"}, headers=basic(encoded)
    )
    assert response.status_code == 200


async def test_a_disabled_client_is_refused_until_it_is_enabled(issuer: Any) -> None:
    await clients.disable(issuer.server.db, "batch", issuer.server.time())
    assert_refused(await issuer.token(grant_type="client_credentials"), 401, "invalid_client")
    await clients.enable(issuer.server.db, "batch")
    assert (await issuer.token(grant_type="client_credentials")).status_code == 200


@pytest.mark.parametrize(
    ("client_id", "parameters", "error"),
    [
        pytest.param("batch", {"grant_type": "implicit"}, "unsupported_grant_type", id="unknown"),
        pytest.param(
            "batch", {"grant_type": "Client_Credentials"}, "unsupported_grant_type", id="case"
        ),
        pytest.param("batch", {"grant_type": "password"}, "unauthorized_client", id="not allowed"),
        pytest.param(
            "mobile", {"grant_type": "client_credentials"}, "unauthorized_client", id="public"
        ),
        pytest.param(
            "batch",
            {"grant_type": "client_credentials", "resource": "https://other.example"},
            "invalid_target",
            id="another resource",
        ),
        pytest.param(
            "batch",
            {"grant_type": "client_credentials", "scope": "openid"},
            "invalid_scope",
            id="foreign scope",
        ),
        pytest.param(
            "batch",
            {"grant_type": "client_credentials", "scope": "notes:read  notes:write"},
            "invalid_scope",
            id="two spaces in scope",
        ),
        pytest.param(
            "batch",
            {"grant_type": "client_credentials", "scope": 'notes"read'},
            "invalid_scope",
            id="quote in scope",
        ),
        pytest.param(
            "batch",
            {"grant_type": "client_credentials", "scope": "offline_access"},
            "invalid_scope",
            id="nothing but offline_access",
        ),
        pytest.param("web", {"grant_type": "password"}, "invalid_request", id="no username"),
        pytest.param(
            "web", {"grant_type": "password", "username": "alice"}, "invalid_request", id="no pwd"
        ),
        pytest.param("web", {"grant_type": "refresh_token"}, "invalid_request", id="no token"),
        pytest.param(
            "third-party",
            {"grant_type": "password", "username": "alice", "password": "x"},
            "unauthorized_client",
            id="password grant of a third party",
        ),
    ],
)
async def test_a_wrong_grant_is_refused(
    issuer: Any, client_id: str, parameters: dict[str, str], error: str
) -> None:
    assert_refused(await issuer.token(client_id, **parameters), 400, error)


async def test_an_unknown_parameter_is_ignored(issuer: Any) -> None:
    response = await issuer.token(grant_type="client_credentials", colour="red")
    assert response.status_code == 200


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_over_the_limit_is_too_large(issuer: Any, declared: bool) -> None:
    async def chunks() -> Any:
        for _ in range(100):
            yield b"a" * 1024

    content = b"a" * 100_000 if declared else chunks()
    response = await issuer.http.post("/token", content=content, headers=FORM)
    assert_refused(response, 413, "content_too_large")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_not_allowed(issuer: Any, method: str) -> None:
    response = await issuer.http.request(method, "/token")
    assert_refused(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("query", "body"),
    [
        pytest.param(GOOD.decode(), b"", id="all of it"),
        pytest.param("grant_type=client_credentials", GOOD, id="a copy of what the body says"),
        pytest.param("x=1", GOOD, id="something else"),
    ],
)
async def test_parameters_in_the_query_string_are_refused(
    issuer: Any, query: str, body: bytes
) -> None:
    response = await issuer.http.post(f"/token?{query}", content=body, headers=FORM)
    assert_refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("authorization", [BATCH["authorization"]] * 2, id="the same credentials"),
        pytest.param(
            "authorization", [BATCH["authorization"], "Basic eDp5"], id="other credentials"
        ),
        pytest.param("content-type", [FORM["content-type"], "application/json"], id="media type"),
    ],
)
async def test_a_header_that_comes_twice_is_refused_whichever_is_first(
    issuer: Any, name: str, values: list[str]
) -> None:
    for ordered in (values, values[::-1]):
        headers = [(name, value) for value in ordered]
        if name != "content-type":
            headers += FORM.items()
        response = await issuer.http.post("/token", content=GOOD, headers=headers)
        assert_refused(response, 400, "invalid_request")
        assert response.json()["error_description"] == f"more than one {name} header"
