"""The docs pages of both services in a real browser, as a person uses them."""

import json
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import Page

from stack.stack import Stack
from tests.browser.docs_page import DocsPage, fill_in_log_in

# First of all, so that nothing is started when there is no browser.
pytestmark = pytest.mark.usefixtures("chromium_path")

NOTE = json.dumps({"title": "From the docs page", "body": "Made by Try it out."})


@pytest.fixture
async def person(system: Stack) -> tuple[str, str]:
    """The name and password of a new user, who has no notes yet."""
    username, password = f"person-{secrets.token_hex(4)}", secrets.token_urlsafe(15)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{system.auth_url}/users", json={"username": username, "password": password}
        )
    assert answer.status_code == 201
    return username, password


@pytest.fixture
async def resource_docs(page: Page, system: Stack) -> DocsPage:
    docs = DocsPage(page, system.api_url)
    await docs.open()
    return docs


@pytest.fixture
async def auth_docs(page: Page, system: Stack) -> DocsPage:
    docs = DocsPage(page, system.auth_url)
    await docs.open()
    return docs


@pytest.mark.parametrize("service", ["auth_url", "api_url"])
async def test_the_page_shows_every_operation_without_a_foreign_request_or_a_complaint(
    page: Page, system: Stack, service: str, tmp_path: Path
) -> None:
    docs = DocsPage(page, getattr(system, service))
    await docs.open()
    async with httpx.AsyncClient(trust_env=False) as http:
        document = (await http.get(f"{docs.url}/openapi.json")).json()
    documented = {(m, path) for path, methods in document["paths"].items() for m in methods}
    assert await docs.operations() == documented
    await page.screenshot(path=tmp_path / f"{service}.png", full_page=True)
    assert docs.traffic.hosts == {urlsplit(docs.url).netloc}
    assert docs.traffic.complaints == []


async def test_a_person_logs_in_and_calls_notes(
    resource_docs: DocsPage, system: Stack, person: tuple[str, str]
) -> None:
    asked: list[str] = []
    resource_docs.page.context.on("request", lambda request: asked.append(request.url))
    assert await resource_docs.client_id() == system.demo["DEMO_PUBLIC_CLIENT_ID"]
    await resource_docs.log_in(*person)
    await resource_docs.logged_in()
    (request,) = [url for url in map(urlsplit, asked) if url.path == "/authorize"]
    assert parse_qs(request.query)["resource"] == [system.api_url]
    made = await resource_docs.try_out("post", "/notes", NOTE)
    listed = await resource_docs.try_out("get", "/notes")
    assert made.status == 201
    assert listed.status == 200
    assert json.loads(listed.body)["notes"] == [json.loads(made.body)]
    assert resource_docs.traffic.hosts == {
        urlsplit(system.api_url).netloc,
        urlsplit(system.auth_url).netloc,
    }
    assert resource_docs.traffic.complaints == []


async def test_a_person_logs_in_from_localhost_too(
    page: Page, system: Stack, person: tuple[str, str]
) -> None:
    docs = DocsPage(page, system.api_url.replace("127.0.0.1", "localhost"))
    await docs.open()
    await docs.log_in(*person)
    await docs.logged_in()
    assert (await docs.try_out("get", "/whoami")).status == 200
    assert docs.traffic.complaints == []


async def test_who_does_not_agree_gets_no_token(
    resource_docs: DocsPage, person: tuple[str, str]
) -> None:
    window = await resource_docs.begin_log_in()
    await fill_in_log_in(window, *person)
    async with window.expect_event("close"):
        await window.get_by_role("button", name="Deny").click()
    assert "access_denied" in await resource_docs.refused()
    await resource_docs.close_dialogue()
    assert (await resource_docs.try_out("get", "/notes")).status == 401
    assert resource_docs.traffic.complaints == []


async def test_without_authorize_the_challenge_is_shown(resource_docs: DocsPage) -> None:
    answer = await resource_docs.try_out("get", "/notes")
    assert answer.status == 401
    assert json.loads(answer.body)["error"] == "unauthorized"
    assert "www-authenticate: Bearer" in answer.headers
    assert "resource_metadata=" in answer.headers


async def test_a_client_authorizes_with_basic_and_gets_a_token(
    auth_docs: DocsPage, system: Stack
) -> None:
    await auth_docs.authorize_client(
        system.demo["DEMO_CLIENT_ID"], system.demo["DEMO_CLIENT_SECRET"]
    )
    answer = await auth_docs.try_out("post", "/token")
    assert answer.status == 200
    assert json.loads(answer.body)["token_type"] == "Bearer"


async def test_a_person_registers(auth_docs: DocsPage) -> None:
    username = f"docs-{secrets.token_hex(4)}"
    user = {"username": username, "password": secrets.token_urlsafe(15)}
    answer = await auth_docs.try_out("post", "/users", json.dumps(user))
    assert answer.status == 201
    assert json.loads(answer.body)["username"] == username
    assert auth_docs.traffic.complaints == []


async def test_the_metadata_can_be_tried(auth_docs: DocsPage, system: Stack) -> None:
    answer = await auth_docs.try_out("get", "/.well-known/openid-configuration")
    assert answer.status == 200
    assert json.loads(answer.body)["issuer"] == system.auth_url
    assert auth_docs.traffic.complaints == []
