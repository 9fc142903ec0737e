"""What the authorization endpoint refuses: on a page, or by redirect (RFC 6749 §4.1.2.1)."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from auth_service.id_tokens import TYPE
from tests.auth_service.browser_flow.person import CALLBACK, HTML, Person, answer

ISSUER = "http://127.0.0.1:8000"


def assert_page(response: httpx.Response, status: int = 400) -> None:
    """It is shown to the person, and nothing is sent anywhere."""
    assert response.status_code == status, response.text
    assert "location" not in response.headers
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert "This did not work" in response.text


def assert_redirected(response: httpx.Response, error: str) -> None:
    assert response.status_code == 303
    assert response.headers["location"].startswith(f"{CALLBACK}?")
    assert response.headers["cache-control"] == "no-store"
    back = answer(response)
    assert (back["error"], back["state"], back["iss"]) == (error, "st4te", ISSUER)
    assert "code" not in back
    # RFC 6749 §4.1.2.1: printable ASCII but " and backslash.
    assert all(" " <= c <= "~" and c not in '"\\' for c in back.get("error_description", ""))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"client_id": "nobody"}, id="unknown client"),
        pytest.param({"client_id": "x" * 2000}, id="endless client_id"),
        pytest.param({"client_id": "gone"}, id="disabled client"),
        pytest.param({"client_id": "batch"}, id="client without redirect URIs"),
        pytest.param({"redirect_uri": None}, id="no redirect URI in an OpenID request"),
        pytest.param(
            {"client_id": "two", "redirect_uri": None, "scope": "notes:read"}, id="a choice of URIs"
        ),
        pytest.param({"redirect_uri": CALLBACK + "/"}, id="slash at the end"),
        pytest.param({"redirect_uri": CALLBACK + "?a=b"}, id="query added"),
        pytest.param({"redirect_uri": CALLBACK + "#"}, id="fragment added"),
        pytest.param({"redirect_uri": CALLBACK.upper()}, id="another case"),
        pytest.param({"redirect_uri": "https://app.example:443/callback"}, id="default port"),
        pytest.param({"redirect_uri": "http://app.example/callback"}, id="http"),
        pytest.param({"redirect_uri": "https://app.example/x/../callback"}, id="dot segments"),
        pytest.param({"redirect_uri": "https://app.example@evil.example/callback"}, id="user"),
        pytest.param({"redirect_uri": "javascript:alert(1)"}, id="script"),
    ],
)
async def test_client_and_redirect_uri_that_do_not_belong_together_never_redirect(
    person: Person, change: dict[str, Any]
) -> None:
    assert_page(await person.get("/authorize", person.request(**change)))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
async def test_repeating_what_decides_on_the_redirect_never_redirects(
    person: Person, name: str
) -> None:
    pairs = [*person.request().items(), (name, person.request()[name])]
    assert_page(await person.http.get("/authorize", params=urlencode(pairs), headers=HTML))


@pytest.mark.parametrize("query", ["client_id=%ff", "client_id=%00", "a&b", "a=1&" * 100])
async def test_a_malformed_query_never_redirects(person: Person, query: str) -> None:
    assert_page(await person.http.get(f"/authorize?{query}", headers=HTML))


async def test_whoever_does_not_ask_for_html_gets_json(person: Person) -> None:
    response = await person.http.get("/authorize", headers={"accept": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert response.headers["cache-control"] == "no-store"


def wants_acr(value: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "value": value}}})


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param({"response_type": None}, "invalid_request", id="no response_type"),
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="token"),
        pytest.param({"response_type": "code id_token"}, "unsupported_response_type", id="hybrid"),
        pytest.param({"response_mode": "fragment"}, "invalid_request", id="fragment"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no challenge"),
        pytest.param(
            {"code_challenge": None, "code_challenge_method": None}, "invalid_request", id="no PKCE"
        ),
        pytest.param({"code_challenge_method": None}, "invalid_request", id="plain by default"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="plain"),
        pytest.param({"code_challenge": "x" * 42}, "invalid_request", id="short challenge"),
        pytest.param({"code_challenge": "x" * 44}, "invalid_request", id="long challenge"),
        pytest.param({"scope": "a\\b"}, "invalid_scope", id="malformed scope"),
        pytest.param({"scope": "notes:eat"}, "invalid_scope", id="unknown scope, plain OAuth"),
        pytest.param({"scope": "admin"}, "invalid_scope", id="admin"),
        pytest.param({"resource": "https://other.example"}, "invalid_target", id="resource"),
        pytest.param({"prompt": "nonsense"}, "invalid_request", id="prompt"),
        pytest.param({"prompt": "none login"}, "invalid_request", id="none with another"),
        pytest.param({"max_age": "-1"}, "invalid_request", id="negative max_age"),
        pytest.param({"max_age": "soon"}, "invalid_request", id="max_age"),
        pytest.param({"request": "e30."}, "request_not_supported", id="request"),
        pytest.param({"request_uri": "urn:x"}, "request_uri_not_supported", id="request_uri"),
        pytest.param({"registration": "{}"}, "registration_not_supported", id="registration"),
        pytest.param({"claims": "nonsense"}, "invalid_request", id="claims, no JSON"),
        pytest.param({"claims": "[" * 9999}, "invalid_request", id="claims, deep"),
        pytest.param({"claims": '{"userinfo": []}'}, "invalid_request", id="claims, no object"),
        pytest.param({"claims": '{"userinfo": {"name": 1}}'}, "invalid_request", id="claim"),
        pytest.param(
            {"claims": wants_acr("9")}, "unmet_authentication_requirements", id="unknown acr"
        ),
        pytest.param({"id_token_hint": "nonsense"}, "invalid_request", id="id_token_hint"),
        pytest.param({"prompt": "none"}, "login_required", id="nobody is logged in"),
    ],
)
async def test_everything_else_is_told_to_the_client(
    person: Person, change: dict[str, Any], error: str
) -> None:
    request = person.request(**change)
    assert_redirected(await person.http.get("/authorize", params=request, headers=HTML), error)
    if error != "login_required":  # which a form finds out a redirect later
        assert_redirected(await person.http.post("/authorize", data=request, headers=HTML), error)


async def test_a_client_that_may_not_use_codes_is_told_so(person: Person) -> None:
    assert_redirected(await person.authorize("codeless"), "unauthorized_client")


@pytest.mark.parametrize("name", ["scope", "nonce", "code_challenge", "unknown"])
async def test_any_other_repeated_parameter_is_told_to_the_client(
    person: Person, name: str
) -> None:
    pairs = [*person.request(nonce="n", unknown="u").items(), (name, "x")]
    response = await person.http.get("/authorize", params=urlencode(pairs), headers=HTML)
    assert_redirected(response, "invalid_request")


async def test_a_repeated_state_is_not_sent_back(person: Person) -> None:
    pairs = [*person.request().items(), ("state", "another")]
    back = answer(await person.http.get("/authorize", params=urlencode(pairs), headers=HTML))
    assert back.keys() == {"error", "error_description", "iss"}


async def test_a_public_client_needs_pkce_whatever_it_is_registered_for(person: Person) -> None:
    response = await person.authorize("spa", code_challenge=None, code_challenge_method=None)
    assert_redirected(response, "invalid_request")


async def test_the_redirect_uri_keeps_its_query(person: Person) -> None:
    response = await person.authorize(
        "two", redirect_uri="https://app.example/other?a=b", prompt="none", state="x y&z=ä"
    )
    assert response.headers["location"].startswith("https://app.example/other?a=b&error=")
    assert answer(response)["state"] == "x y&z=ä"


@pytest.mark.parametrize("port", ["", ":1", ":49152", ":65535"])
async def test_a_loopback_redirect_may_have_any_port(person: Person, port: str) -> None:
    uri = f"http://127.0.0.1{port}/cb"
    response = await person.authorize("native", redirect_uri=uri, prompt="none")
    assert response.headers["location"].startswith(f"{uri}?error=login_required")


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:80/cb/",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.2/cb",
        "http://[::1]/cb",
        "https://127.0.0.1/cb",
        "com.example.app:/cb2",
    ],
)
async def test_but_nothing_else_of_it_may_differ(person: Person, uri: str) -> None:
    assert_page(await person.authorize("native", redirect_uri=uri))


@pytest.mark.parametrize(
    "also",
    [
        {"display": "touch", "claims_locales": "ko", "acr_values": "1 2", "login_hint": "alice"},
        {"ui_locales": "fr-CA de", "nonsense": "x", "nonce": ""},
        {"state": None},
        {"scope": "openid unknown"},
        {"response_mode": "query"},
        {"resource": "http://127.0.0.1:8080"},
        {"claims": '{"userinfo": {"name": {"essential": true}, "unknown": null}}'},
    ],
)
async def test_what_is_tolerated(person: Person, also: dict[str, Any]) -> None:
    await person.code(**also)


async def test_a_request_may_come_as_a_form(person: Person) -> None:
    form = person.request(nonce="n")
    first = await person.http.post("/authorize", data=form, headers=HTML)
    assert first.status_code == 303
    page = await person.log_in(await person.follow(first))
    assert answer(await person.allow(page)).keys() == {"code", "state", "iss"}


@pytest.mark.parametrize("media_type", ["application/json", "text/plain"])
async def test_but_only_as_a_form(person: Person, media_type: str) -> None:
    headers = {**HTML, "content-type": media_type}
    assert_page(await person.http.post("/authorize", content=b"{}", headers=headers))


async def test_the_code_may_be_posted(person: Person) -> None:
    page = await person.log_in(await person.authorize(response_mode="form_post", state='"><x>'))
    done = await person.allow(page)
    action, hidden = person.form(done)
    assert action == CALLBACK
    assert hidden.keys() == {"code", "state", "iss"}
    assert hidden["state"] == '"><x>'
    policy = done.headers["content-security-policy"]
    assert "script-src 'sha256-" in policy
    assert "form-action" not in policy
    refused = await person.authorize(response_mode="form_post", prompt="none login")
    assert person.form(refused)[1]["error"] == "invalid_request"


async def test_an_access_token_is_no_hint(app: Any, person: Person) -> None:
    tokens = (await app.token("app", **person.exchange(await person.code()))).json()
    response = await person.authorize(id_token_hint=tokens["access_token"])
    assert_redirected(response, "invalid_request")
    assert (await person.authorize(id_token_hint=tokens["id_token"])).status_code == 303
    forged = tokens["id_token"][:-8] + "AAAAAAAA"
    assert_redirected(await person.authorize(id_token_hint=forged), "invalid_request")
    foreign = await person.authorize("two", id_token_hint=tokens["id_token"])
    assert_redirected(foreign, "invalid_request")


async def test_a_hint_of_another_issuer_is_none(app: Any, person: Person) -> None:
    claims = b'{"iss":"https://other.example","sub":"x","aud":"app"}'
    token = app.server.keys.sign(claims, typ=TYPE)
    assert_redirected(await person.authorize(id_token_hint=token), "invalid_request")
