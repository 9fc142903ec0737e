"""The issuer's pages in a real browser: what they look like, and whether everybody can use them."""

import base64
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

from auth_service import totp
from stack.stack import Stack
from tests.browser.docs_page import Traffic, fill_in_log_in
from tests.browser.looked_at import inspect
from tests.conftest import OTHER_RESOURCE
from tests.resource_service.issuer import JwksServer, respond

# First of all, so that nothing is started when there is no browser.
pytestmark = pytest.mark.usefixtures("chromium_path")

# Who looks, and on what: a language needs its own way through the pages, the rest does not.
LOOKS: dict[str, dict[str, Any]] = {
    "english": {},
    "korean": {"locale": "ko-KR", "has_touch": True, "is_mobile": True},
}
PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1000, height=800)
Show = Callable[[Page, str], Awaitable[None]]


@pytest.fixture
async def person(system: Stack) -> tuple[str, str]:
    username, password = f"person-{secrets.token_hex(4)}", secrets.token_urlsafe(15)
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{system.auth_url}/users", json={"username": username, "password": password}
        )
    assert answer.status_code == 201
    return username, password


@pytest.fixture(params=LOOKS)
async def look(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own, for one language."""
    context = await chromium.new_context(**LOOKS[request.param])
    context.set_default_timeout(10_000)
    yield context
    await context.close()


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Show:
    """Take a picture, look for what keeps people out, and for what does not fit the screen.

    In the dark on a phone, and in the light on a desk.
    """

    async def taken(page: Page, name: str) -> None:
        look = request.node.callspec.params.get("look", "page")
        await page.set_viewport_size(PHONE)
        await page.emulate_media(color_scheme="dark")
        await inspect(page, f"{name}-{look}-dark-phone")
        await page.set_viewport_size(DESK)
        await page.emulate_media(color_scheme="light")
        await inspect(page, f"{name}-{look}-light-desk")

    return taken


def authorize_url(system: Stack, client: str = "DEMO_PUBLIC_CLIENT_ID", **also: str) -> str:
    redirect_uri = f"{system.api_url}/docs/oauth2-redirect"
    if client == "DEMO_CLIENT_ID":
        redirect_uri = "http://127.0.0.1/callback"
    parameters = {
        "client_id": system.demo[client],
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid profile email notes:read notes:write",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        **also,
    }
    return f"{system.auth_url}/authorize?{urlencode(parameters)}"


async def log_in(page: Page, username: str, password: str) -> None:
    await page.fill("#username", username)
    await page.fill("#password", password)
    await page.click("button.primary")


async def allow_an_app(system: Stack, username: str, password: str) -> None:
    form = {"grant_type": "password", "username": username, "password": password}
    form |= {"client_id": system.demo["DEMO_PUBLIC_CLIENT_ID"], "scope": "openid email notes:read"}
    form |= {"resource": OTHER_RESOURCE}
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.post(f"{system.auth_url}/token", data=form)).status_code == 200


async def test_every_page_can_be_used_and_fits(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show
) -> None:
    page = await look.new_page()
    traffic = Traffic()
    traffic.watch(page)
    await page.goto(authorize_url(system, resource=OTHER_RESOURCE))
    await show(page, "login")
    await page.locator('a[href*="/register?"]').click()
    await show(page, "register")
    await page.locator(".aside a").click()
    await log_in(page, person[0], "not the password")
    await show(page, "login-refused")
    await page.fill("#password", person[1])
    await page.click("button.primary")
    await page.get_by_text(OTHER_RESOURCE, exact=True).wait_for()
    await show(page, "consent")
    await page.goto(authorize_url(system, prompt="select_account"))
    await show(page, "accounts")
    await page.goto(f"{system.auth_url}/logout")
    await show(page, "logout")
    await page.click("button.primary")
    await show(page, "logged-out")
    await page.goto(authorize_url(system, redirect_uri="https://elsewhere.example/"))
    await show(page, "error")
    assert traffic.complaints == []
    assert traffic.hosts == {system.auth_url.removeprefix("http://")}


async def test_the_pages_for_a_device_can_be_used_and_fit(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show
) -> None:
    demo, page = system.demo, await look.new_page()
    traffic = Traffic()
    traffic.watch(page)

    async def device() -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(
                f"{system.auth_url}/device_authorization",
                data={"scope": "openid profile notes:read", "resource": OTHER_RESOURCE},
                auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
            )
        return dict(answer.raise_for_status().json())

    codes = await device()
    await page.goto(codes["verification_uri"])
    await log_in(page, *person)
    await page.locator("#user_code:focus").wait_for()
    await show(page, "device")
    await page.keyboard.type("bbbb bbbb")
    await page.keyboard.press("Enter")
    await page.locator("[role=alert]").wait_for()
    await show(page, "device-unknown-code")
    await page.fill("#user_code", codes["user_code"].lower())
    await page.keyboard.press("Enter")
    await page.get_by_text(codes["user_code"]).wait_for()
    assert await page.locator(".warning").is_visible()
    assert await page.get_by_text(OTHER_RESOURCE, exact=True).is_visible()
    await show(page, "device-consent")
    await page.click("button.primary")
    await page.locator("form").wait_for(state="detached")
    await show(page, "device-allowed")
    await page.goto((await device())["verification_uri_complete"])
    await page.click("button.primary")
    await page.locator("button:not(.primary)").click()
    await page.locator("form").wait_for(state="detached")
    await show(page, "device-denied")
    assert traffic.complaints == []
    assert traffic.hosts == {system.auth_url.removeprefix("http://")}


async def test_the_account_pages_can_be_used_and_fit(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show
) -> None:
    page = await look.new_page()
    traffic = Traffic()
    traffic.watch(page)
    await page.goto(f"{system.auth_url}/account")
    await log_in(page, *person)
    await page.locator("#sessions").wait_for()
    await allow_an_app(system, *person)
    await page.goto(f"{system.auth_url}/account")
    await page.get_by_text(OTHER_RESOURCE).wait_for()
    await show(page, "account")
    await page.get_by_role("link", name=re.compile("Change password|비밀번호 변경")).click()
    await page.fill("#old", "not the password")
    await page.fill("#new", secrets.token_urlsafe(15))
    await page.click("button.primary")
    await show(page, "change-password-refused")
    await page.goto(f"{system.auth_url}/account")
    await page.locator(".items button").last.click()
    await show(page, "account-without-apps")
    assert traffic.complaints == []
    assert traffic.hosts == {system.auth_url.removeprefix("http://")}


async def test_the_pages_of_the_second_factor_can_be_used_and_fit(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show
) -> None:
    page = await look.new_page()
    traffic = Traffic()
    traffic.watch(page)
    await page.goto(f"{system.auth_url}/account/two-step")
    await log_in(page, *person)
    await page.locator("input[type=password]:focus").wait_for()
    await show(page, "two-step")
    await page.fill("#password", person[1])
    await page.click("button.primary")
    await page.locator(".qr").wait_for()
    await show(page, "two-step-set-up")
    secret = base64.b32decode((await page.locator(".detail").inner_text()).replace(" ", ""))
    await page.fill("#code", totp.code(secret, int(time.time() // 30)))
    await page.click("button.primary")
    await page.locator(".codes").wait_for()
    await show(page, "recovery-codes")
    recovery_code = await page.locator(".codes code").first.inner_text()
    await page.context.clear_cookies()
    await page.goto(f"{system.auth_url}/account/two-step")
    await log_in(page, *person)
    await page.locator("#code:focus").wait_for()
    await show(page, "second-step")
    await page.fill("#code", recovery_code)
    await page.click("button.primary")
    await page.get_by_text("9").wait_for()
    await show(page, "two-step-on")
    assert traffic.complaints == []


async def follow_newest_link(page: Page, system: Stack, email: str, path: str) -> None:
    """Wait for the mail in the mailbox of the stack, and click on its link."""
    link = page.locator(f'article:has-text("{email}") a[href*="{path}"]').first
    for _ in range(100):
        await page.goto(system.mailbox_url)
        if await link.count():
            break
        await page.wait_for_timeout(200)
    await link.click()


async def verify_address(page: Page, system: Stack, person: tuple[str, str], show: Show) -> str:
    email = f"{person[0]}@example.org"
    await page.goto(f"{system.auth_url}/account/email")
    await log_in(page, *person)
    await page.fill("#email", email)
    await show(page, "email")
    await page.fill("#password", person[1])
    await page.click("button.primary")
    await show(page, "mail-sent")
    await follow_newest_link(page, system, email, "/email/verify")
    await show(page, "verify-email")
    await page.click("button.primary")
    await show(page, "email-verified")
    return email


async def test_the_pages_about_mails_can_be_used_and_fit(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show
) -> None:
    page = await look.new_page()
    traffic = Traffic()
    traffic.watch(page)
    email = await verify_address(page, system, person, show)
    await page.context.clear_cookies()
    await page.goto(f"{system.auth_url}/login?next=/account")
    await page.locator('a[href$="/password/forgot"]').click()
    await page.fill("#email", email)
    await show(page, "forgot-password")
    await page.click("button.primary")
    await page.locator("h1").wait_for()
    await page.goto(system.mailbox_url)
    await show(page, "mailbox")
    await follow_newest_link(page, system, email, "/password/reset")
    await show(page, "reset-password")
    new_password = secrets.token_urlsafe(15)
    await page.fill("#new", new_password)
    await page.click("button.primary")
    await show(page, "password-is-reset")
    await page.locator(".aside a").click()
    await log_in(page, person[0], new_password)
    await page.locator("#sessions").wait_for()
    assert traffic.complaints == []


async def test_the_way_in_works_by_keyboard_alone_and_without_scripts(
    chromium: Browser, system: Stack, person: tuple[str, str]
) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(authorize_url(system))
    await page.locator("#username:focus").wait_for()
    await page.keyboard.type(person[0])
    await page.keyboard.press("Tab")
    await page.keyboard.type(person[1])
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="Allow access?").wait_for()
    await page.keyboard.press("Tab")  # "Not you?"
    await page.keyboard.press("Tab")
    assert await page.get_by_role("button", name="Allow").evaluate(
        "button => button === document.activeElement"
    )
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{system.api_url}/docs/oauth2-redirect?code=*")
    await context.close()


async def test_an_answer_by_post_arrives(
    page: Page, system: Stack, person: tuple[str, str]
) -> None:
    traffic = Traffic()
    traffic.watch(page)
    await page.goto(authorize_url(system, response_mode="form_post", state="st4te"))
    await fill_in_log_in(page, *person)
    async with page.expect_request(f"{system.api_url}/docs/oauth2-redirect") as posted:
        await page.get_by_role("button", name="Allow").click()
    request = await posted.value
    assert request.method == "POST"
    assert (request.post_data or "").startswith("code=")
    assert traffic.complaints == []


async def test_a_form_of_another_site_finds_the_log_in(
    page: Page, system: Stack, person: tuple[str, str]
) -> None:
    """The cookie stays away from a foreign POST, so the request is answered one page later."""
    await page.goto(authorize_url(system, client="DEMO_CLIENT_ID"))
    await fill_in_log_in(page, *person)
    async with page.expect_request("http://127.0.0.1/callback?code=*"):
        await page.get_by_role("button", name="Allow").click()
    address, _, query = authorize_url(system, client="DEMO_CLIENT_ID").partition("?")
    foreign = system.api_url.replace("127.0.0.1", "localhost")
    other = await page.context.new_page()
    await other.goto(f"{foreign}/health/live")
    async with other.expect_request("http://127.0.0.1/callback?code=*"):
        await other.evaluate(
            """([address, query]) => {
                const form = document.body.appendChild(document.createElement('form'));
                form.method = 'POST';
                form.action = address;
                for (const [name, value] of new URLSearchParams(query)) {
                    const field = form.appendChild(document.createElement('input'));
                    field.name = name;
                    field.value = value;
                }
                form.submit();
            }""",
            [address, query],
        )


@pytest.fixture
async def site() -> AsyncIterator[JwksServer]:
    """The web server of a client."""
    site = JwksServer()
    await site.start()
    yield site
    await site.stop()


async def test_consent_for_a_client_with_a_metadata_document_shows_its_host(
    look: BrowserContext, system: Stack, person: tuple[str, str], show: Show, site: JwksServer
) -> None:
    client_id = f"http://localhost:{site.port}/clients/reader.json"
    document = {
        "client_id": client_id,
        "client_name": "Far Reader",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "none",
    }
    body = json.dumps(document).encode()
    site.answer = respond(body, headers="Content-Type: application/json\r\n")
    page = await look.new_page()
    uri = "http://127.0.0.1:49152/callback"
    await page.goto(authorize_url(system, client_id=client_id, redirect_uri=uri))
    await log_in(page, *person)
    facts = page.locator("dl.facts")
    await facts.wait_for()
    assert f"localhost:{site.port}" in await facts.inner_text()
    await show(page, "consent-metadata-document")
