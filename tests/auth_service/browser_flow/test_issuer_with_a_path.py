"""An issuer such as https://auth.example/tenant: everything is below its path."""

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.auth_service.browser_flow.person import HTML, Person, answer, claims_of
from tests.auth_service.conftest import PASSWORD, SECRET, Issuer, Start

ISSUER = "https://auth.example/tenant"
ROOT = "https://auth.example"
WELL_KNOWN = (
    "/.well-known/oauth-authorization-server/tenant",  # RFC 8414 §3.1
    "/.well-known/openid-configuration/tenant",  # RFC 8414 §5
    "/tenant/.well-known/openid-configuration",  # OpenID Connect Discovery §4
)


@pytest.fixture
async def issuer(start: Start, register: Any) -> AsyncIterator[Issuer]:
    """An issuer with a path, over https, in place of the usual one."""
    async with start(issuer=ISSUER) as running:
        await register(running.server)
        # Without the path in its base, so that a test sees whole addresses.
        transport = httpx.ASGITransport(running.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=ROOT) as http:
            yield Issuer(running.app, http)


@pytest.fixture
async def person(app: Any) -> AsyncIterator[Person]:
    """A person who comes by the path."""
    transport = httpx.ASGITransport(app.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield Person(http)


@pytest.mark.parametrize("path", WELL_KNOWN)
async def test_the_metadata_are_where_both_standards_look(issuer: Issuer, path: str) -> None:
    response = await issuer.http.get(path, headers={"origin": "https://any.example"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    metadata = response.json()
    assert metadata["issuer"] == ISSUER
    addresses = {
        name: value for name, value in metadata.items() if str(value).startswith(("http", "/"))
    }
    assert len(addresses) >= 10
    assert all(value.startswith(ISSUER) for value in addresses.values())


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/openid-configuration/other",
        "/.well-known/oauth-authorization-server/tenant/",
        "/other/.well-known/openid-configuration",
        "/tenants/token",
        "/tenant",
        "/tenant/tenant/token",
    ],
)
async def test_other_addresses_are_not_there(issuer: Issuer, path: str) -> None:
    assert (await issuer.http.get(path)).status_code == 404


async def test_every_address_in_the_metadata_answers(issuer: Issuer) -> None:
    metadata = (await issuer.http.get(WELL_KNOWN[0])).json()
    for name, value in metadata.items():
        if name.endswith(("_endpoint", "_uri", "_documentation")):
            response = await issuer.http.get(value)
            assert response.status_code in {200, 400, 401, 405}, name


@pytest.mark.parametrize("path", ["/tenant/token", "/tenant/.well-known/jwks.json", "/nothing"])
async def test_browsers_are_told_to_come_by_https_only(issuer: Issuer, path: str) -> None:
    for method in ("GET", "OPTIONS"):
        response = await issuer.http.request(
            method, path, headers={"access-control-request-method": "POST"}
        )
        assert response.headers.get_list("strict-transport-security") == ["max-age=31536000"]


async def test_a_proxy_may_take_the_path_off(issuer: Issuer) -> None:
    for path in ("/.well-known/openid-configuration", "/.well-known/jwks.json", "/health/ready"):
        assert (await issuer.http.get(path)).status_code == 200
    token = await issuer.token(grant_type="client_credentials")
    assert claims_of(token.json()["access_token"])["iss"] == ISSUER


async def test_pages_of_other_origins_may_ask_for_tokens_as_without_a_path(issuer: Issuer) -> None:
    headers = {"origin": "http://127.0.0.1:8080", "access-control-request-method": "POST"}
    response = await issuer.http.options("/tenant/token", headers=headers)
    assert response.headers["access-control-allow-origin"] == "http://127.0.0.1:8080"


async def test_the_docs_page_and_its_document_lead_below_the_path(issuer: Issuer) -> None:
    page = await issuer.http.get("/tenant/docs")
    addresses = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(addresses) == 2
    for address in [*addresses, "/tenant/openapi.json", "/tenant/docs/oauth2-redirect"]:
        assert address.startswith("/tenant/")
        assert (await issuer.http.get(address)).status_code == 200
    assert "'/tenant/openapi.json'" in page.text
    document = (await issuer.http.get("/tenant/openapi.json")).json()
    assert document["servers"] == [{"url": "/tenant"}]


async def test_the_status_lists_are_below_the_path(issuer: Issuer) -> None:
    token = (await issuer.token(grant_type="client_credentials")).json()["access_token"]
    uri = claims_of(token)["status"]["status_list"]["uri"]
    assert uri == f"{ISSUER}/status-lists/0"
    assert (await issuer.http.get(uri)).status_code == 200


async def test_the_way_in_stays_below_the_path(app: Any, person: Person) -> None:
    visited: list[str] = []

    async def note(request: httpx.Request) -> None:
        visited.append(str(request.url))

    person.http.event_hooks["request"].append(note)
    login = await person.authorize()
    pages = [login, await person.log_in(login)]
    links = re.findall(r'(?:href|action)="([^"]*)"', "".join(page.text for page in pages))
    back = answer(await person.allow(pages[1]))
    assert all(urlsplit(url).path.startswith("/tenant/") for url in visited)
    assert links
    assert all(link.startswith(f"{ISSUER}/") for link in links)
    assert back["iss"] == ISSUER
    tokens = await app.http.post(
        "/tenant/token",
        data=person.exchange(back["code"]),
        auth=("app", SECRET),
    )
    assert claims_of(tokens.json()["id_token"])["iss"] == ISSUER


async def test_the_cookie_is_for_this_issuer_alone(person: Person) -> None:
    response = await person.http.get("/authorize", params=person.request(), headers=HTML)
    name, _, attributes = response.headers["set-cookie"].partition("=")
    assert name == "__Host-sealgate+tenant"
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=lax"} <= set(attributes.split("; "))
    assert "domain" not in attributes.lower()


async def test_a_log_in_leads_to_a_page_of_ours(person: Person) -> None:
    page = await person.get("/login", {"next": "/device"})
    action, hidden = person.form(page)
    fields = {**hidden, "username": "alice", "password": PASSWORD}
    response = await person.http.post(action, data=fields, headers=HTML)
    assert response.headers["location"] == f"{ISSUER}/device"
