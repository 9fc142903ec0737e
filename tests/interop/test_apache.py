"""Debian's mod_auth_openidc, unchanged, before a page; a person with a real Chromium."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

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
    folder, (port,) = state_folder / "apache", free_ports(1)
    (folder / "pages/protected").mkdir(parents=True)
    (folder / "pages/index.html").write_text("<!doctype html><title>x</title>for everybody")
    (folder / "pages/protected/index.html").write_text("<!doctype html><title>x</title>a secret")
    # Where Apache's own user can read it.
    (folder / "authority.crt").write_bytes(site.proxy.authority.read_bytes())
    made = await make_client(
        "mod-auth-openidc",
        *("--redirect-uri", "http://127.0.0.1/protected/callback"),
        *("--post-logout-redirect-uri", "http://127.0.0.1/index.html"),
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


async def test_a_page_behind_it_opens_after_log_in_and_closes_after_log_out(
    site: SecureSite, apache: str, page: Page
) -> None:
    demo = site.stack.demo
    await page.goto(f"{apache}/protected/")
    assert page.url.startswith(f"{site.issuer}/login?")
    await fill_in_log_in(page, demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"])
    async with page.expect_response(f"{apache}/protected/") as opened:
        await page.get_by_role("button", name="Allow").click()
    answer = await opened.value
    assert answer.status == 200
    assert await answer.header_value("x-remote-user") == demo["DEMO_USERNAME"]
    assert await answer.header_value("x-issuer") == site.issuer
    assert "a secret" in await page.content()
    cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(site.issuer)}
    assert cookies["__Host-sealgate+tenant"]["secure"]
    await page.goto(f"{apache}/protected/callback?logout={apache}/index.html")
    assert page.url.startswith(f"{apache}/index.html")
    assert "for everybody" in await page.content()
    await page.goto(f"{apache}/protected/")
    assert page.url.startswith(f"{site.issuer}/login?")
