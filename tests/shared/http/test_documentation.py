"""The docs page as HTTP: its policy, its assets, its caching. What it does is in tests/browser."""

import base64
import re
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI

from shared.http import documentation

ISSUER = "http://127.0.0.1:8000"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(title="Sealgate", docs_url=None, redoc_url=None)
    documentation.install(app, oauth={"clientId": "docs"}, connect=(ISSUER,))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as client:
        yield client


def directives(response: httpx.Response) -> dict[str, list[str]]:
    policy = response.headers["content-security-policy"]
    return {name: sources for name, *sources in (part.split() for part in policy.split("; "))}


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect"])
async def test_every_inline_script_is_allowed_by_its_hash(
    http: httpx.AsyncClient, path: str
) -> None:
    page = await http.get(path)
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    hashes = [base64.b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(scripts) == 1
    assert directives(page)["script-src"] == ["'self'", f"'sha256-{hashes[0]}'"]


async def test_the_page_is_kept_from_framing_sniffing_and_foreign_origins(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/docs")
    policy = directives(page)
    assert page.status_code == 200
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["connect-src"] == ["'self'", ISSUER]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-cache"


async def test_the_page_names_no_foreign_origin(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    hosts = set(re.findall(r"https?://([^/'\"]+)", page.text))
    assert hosts == {"www.w3.org"}  # the namespace of the favicon's SVG, which nobody fetches


async def test_the_client_id_is_prefilled(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    assert 'ui.initOAuth({"clientId": "docs"})' in page.text


async def test_assets_may_be_kept_for_ever_since_their_address_has_their_version(
    http: httpx.AsyncClient,
) -> None:
    page = await http.get("/docs")
    addresses = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(addresses) == 2
    for address in addresses:
        asset = await http.get(address)
        assert asset.status_code == 200
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert asset.headers["x-content-type-options"] == "nosniff"
        assert asset.headers["content-type"].split(";")[0] in {"text/javascript", "text/css"}


async def test_no_other_file_of_the_package_is_served(http: httpx.AsyncClient) -> None:
    page = await http.get("/docs")
    address = re.findall(r'src="(/[^"]+)"', page.text)[0].rpartition("/")[0]
    assert (await http.get(f"{address}/redoc.standalone.js")).status_code == 404
    assert (await http.get("/redoc")).status_code == 404
