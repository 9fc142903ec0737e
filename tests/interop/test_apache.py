"""Debian's mod_auth_openidc, unchanged, before a page; a person with a real Chromium."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Response

from stack.ports import free_ports
from tests.browser.docs_page import fill_in_log_in
from tests.interop.conftest import MakeClient, listening
from tests.secure_site import SecureSite

CONFIGURATION = Path(__file__).with_name("apache.conf")
MODULES = Path("/usr/lib/apache2/modules")


@pytest.fixture
async def apache(
    site: SecureSite, make_client: MakeClient, program: Callable[[str], str], state_folder: Path
) -> AsyncIterator[str]:
    """Where Apache is, with /protected behind the issuer and the rest for everybody."""
    (port,) = free_ports(1)
    folder = state_folder / f"apache-{port}"
    (folder / "pages/protected").mkdir(parents=True)
    (folder / "pages/index.html").write_text("<!doctype html><title>x</title>for everybody")
    (folder / "pages/protected/index.html").write_text("<!doctype html><title>x</title>a secret")
    # Where Apache's own user can read it.
    (folder / "authority.crt").write_bytes(site.proxy.authority.read_bytes())
    client_id = f"mod-auth-openidc-{port}"
    made = await make_client(
        client_id,
        *("--redirect-uri", "http://127.0.0.1/protected/callback"),
        *("--post-logout-redirect-uri", "http://127.0.0.1/index.html"),
        "--backchannel-logout-uri",
        f"http://127.0.0.1:{port}/protected/callback?logout=backchannel",
        grants=("authorization_code",),
        scope="openid profile email",
    )
    text = CONFIGURATION.read_text()
    values = {
        "FOLDER": folder,
        "PORT": port,
        "MODULES": MODULES,
        "ISSUER": site.issuer,
        "AUTHORITY": folder / "authority.crt",
        "CLIENT_ID": client_id,
        "CLIENT_SECRET": made["client_secret"],
        "PASSPHRASE": secrets.token_hex(16),
    }
    for name, value in values.items():
        text = text.replace(name, str(value))
    (folder / "apache.conf").write_text(text)
    process = await asyncio.create_subprocess_exec(
        program("apache2"), "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"
    )
    await listening(port, process)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    await process.wait()


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    context = await chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(10_000)
    yield await context.new_page()
    await context.close()


async def log_in(site: SecureSite, apache: str, page: Page) -> Response:
    """Open the page behind it, log in and agree where asked; return its answer."""
    demo = site.stack.demo
    await page.goto(f"{apache}/protected/")
    assert page.url.startswith(f"{site.issuer}/login?")
    async with page.expect_response(f"{apache}/protected/") as opened:
        await fill_in_log_in(page, demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"])
        allow = page.get_by_role("button", name="Allow")
        await allow.or_(page.get_by_text("a secret")).wait_for()
        if await allow.is_visible():
            await allow.click()
    return await opened.value


async def test_a_page_behind_it_opens_after_log_in_and_closes_after_log_out(
    site: SecureSite, apache: str, page: Page
) -> None:
    answer = await log_in(site, apache, page)
    assert answer.status == 200
    assert await answer.header_value("x-remote-user") == site.stack.demo["DEMO_USERNAME"]
    assert await answer.header_value("x-issuer") == site.issuer
    assert "a secret" in await page.content()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(site.issuer)}
    assert cookies["__Host-sealgate+tenant"]["secure"]
    await page.goto(f"{apache}/protected/callback?logout={apache}/index.html")
    assert page.url.startswith(f"{apache}/index.html")
    assert "for everybody" in await page.content()
    await page.goto(f"{apache}/protected/")
    assert page.url.startswith(f"{site.issuer}/login?")


async def test_it_closes_when_the_person_logs_out_at_the_issuer(
    site: SecureSite, apache: str, page: Page
) -> None:
    """The issuer tells it (OpenID Connect Back-Channel Logout); the browser has no part in it."""
    await log_in(site, apache, page)
    other = await page.context.new_page()
    await other.goto(f"{site.issuer}/logout")
    await other.get_by_role("button", name="Log out").click()
    await other.get_by_text("You are logged out").wait_for()
    async with asyncio.timeout(15):
        while page.url == f"{apache}/protected/":
            await page.goto(f"{apache}/protected/")
    assert page.url.startswith(f"{site.issuer}/login?")
