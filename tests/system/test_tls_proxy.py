"""The issuer at https://localhost:…/tenant, behind a real Caddy with the Caddyfile of deploy/."""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from stack.layout import Settings
from stack.ports import free_ports
from tests.auth_service.browser_flow.person import HTML, Person, answer, claims_of
from tests.conftest import QUICK
from tests.secure_site import SecureSite, secure_site, tls_proxy
from tests.served import caller, served

CALLBACK = "http://127.0.0.1/callback"


@pytest.fixture(scope="module")
async def site(state_folder: Path) -> AsyncIterator[SecureSite]:
    async with secure_site(state_folder / "tls", settings=Settings(postgres=QUICK)) as site:
        yield site


@pytest.fixture
async def http(site: SecureSite) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        verify=site.proxy.trust(), trust_env=False, base_url=site.issuer
    ) as client:
        yield client


async def test_a_person_logs_in_and_the_token_opens_the_api(
    site: SecureSite, http: httpx.AsyncClient
) -> None:
    person, demo = Person(http), site.stack.demo
    asked = {"redirect_uri": CALLBACK, "scope": "openid profile notes:read"}
    page = await person.authorize(demo["DEMO_CLIENT_ID"], **asked)
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    page = await person.log_in(page, demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"])
    back = answer(await person.allow(page))
    assert back["iss"] == site.issuer
    tokens = await http.post(
        "/token",
        data=person.exchange(back["code"], redirect_uri=CALLBACK),
        auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
    )
    claims = claims_of(tokens.json()["id_token"])
    assert claims["iss"] == site.issuer
    header = {"authorization": f"Bearer {tokens.json()['access_token']}"}
    userinfo = await http.get("/userinfo", headers=header)
    assert userinfo.json()["preferred_username"] == demo["DEMO_USERNAME"]
    whoami = await http.get(f"{site.stack.api_url}/whoami", headers=header)
    assert (whoami.status_code, whoami.json()["iss"]) == (200, site.issuer)
    assert whoami.json()["sub"] == claims["sub"]


async def test_every_address_and_every_cookie_is_of_this_issuer(
    site: SecureSite, http: httpx.AsyncClient
) -> None:
    path = "/.well-known/oauth-authorization-server/tenant"
    metadata = (await http.get(f"{site.proxy.origin}{path}")).json()
    assert (await http.get("/.well-known/openid-configuration")).json() == metadata
    assert metadata["issuer"] == site.issuer
    for name, value in metadata.items():
        if name.endswith(("_endpoint", "_uri", "_documentation")):
            assert value.startswith(f"{site.issuer}/"), name
            assert (await http.get(value)).status_code in {200, 400, 401, 405}, name
    request = Person(http).request(site.stack.demo["DEMO_CLIENT_ID"], redirect_uri=CALLBACK)
    response = await http.get("/authorize", params=request, headers=HTML)
    assert response.headers["location"].startswith(f"{site.issuer}/login?")
    ((name, cookie),) = SimpleCookie(response.headers["set-cookie"]).items()
    assert name == "__Host-sealgate+tenant"
    assert cookie["secure"]


async def test_headers_of_a_stranger_change_no_address(
    site: SecureSite, http: httpx.AsyncClient
) -> None:
    forged = {
        "x-forwarded-host": "evil.example",
        "x-forwarded-proto": "http",
        "x-forwarded-prefix": "/evil",
        "forwarded": "host=evil.example;proto=http",
    }
    response = await http.get("/.well-known/openid-configuration", headers=forged)
    assert response.json()["issuer"] == site.issuer
    assert "evil" not in response.text


@pytest.mark.parametrize("path", ["/metrics", "/health/ready"])
async def test_what_is_for_inside_does_not_come_out(
    site: SecureSite, http: httpx.AsyncClient, path: str
) -> None:
    inside = f"http://127.0.0.1:{site.stack.ports.auth_process}"
    assert (await http.get(f"{inside}{path}")).status_code == 200
    for origin in (site.issuer, site.proxy.origin):
        assert (await http.get(f"{origin}{path}")).status_code == 404


async def test_the_rest_of_the_host_is_not_ours(site: SecureSite, http: httpx.AsyncClient) -> None:
    for path in ("/", "/token", "/.well-known/openid-configuration", "/tenants/token"):
        assert (await http.get(f"{site.proxy.origin}{path}")).status_code == 404
    assert urlsplit(site.issuer).scheme == "https"


async def test_the_proxy_says_who_called_it_and_not_what_the_caller_says(tmp_path: Path) -> None:
    async with (
        served(caller, ["127.0.0.1"]) as port,
        tls_proxy(tmp_path / "proxy", [port], "") as proxy,
        httpx.AsyncClient(verify=proxy.trust(), trust_env=False) as http,
    ):
        answer = await http.get(proxy.origin, headers={"x-forwarded-for": "203.0.113.7"})
        assert answer.json() == "127.0.0.1"
        direct = f"http://127.0.0.1:{port}"
        answer = await http.get(direct, headers={"x-forwarded-for": "203.0.113.7"})
        assert answer.json() == "203.0.113.7"  # so it was the proxy that dropped it


async def test_what_the_proxy_writes_down_of_a_failure_holds_nothing_secret(tmp_path: Path) -> None:
    async with (
        tls_proxy(tmp_path / "proxy", free_ports(1), "") as proxy,
        httpx.AsyncClient(verify=proxy.trust(), trust_env=False) as http,
    ):
        url = f"{proxy.origin}/password/reset?token=hush-hush"
        headers = {"authorization": "Bearer hush-hush", "cookie": "sealgate=hush-hush"}
        assert (await http.get(url, headers=headers)).status_code >= 500
        written = proxy.log.read_text()
    assert "/password/reset" in written  # so it was about this request
    assert "hush-hush" not in written
