"""What a caller meets at the two addresses of a running stack."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from stack.stack import Stack


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        yield client


async def test_everything_is_ready_behind_both_addresses(
    system: Stack, http: httpx.AsyncClient
) -> None:
    for url in (system.auth_url, system.api_url):
        assert (await http.get(f"{url}/health/ready")).status_code == 200
        assert (await http.get(f"{url}/docs")).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/metrics?x=y", "/%6detrics", "//metrics"])
async def test_the_counters_do_not_come_out(
    system: Stack, http: httpx.AsyncClient, path: str
) -> None:
    for port in (system.ports.auth_process, *system.ports.replicas):
        assert (await http.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200
    for url in (system.auth_url, system.api_url):
        for method in ("GET", "HEAD"):
            answer = await http.request(method, url + path)
            assert answer.status_code == 404
            assert answer.headers["cache-control"] == "no-store"
        assert (await http.get(url + path)).json()["error"] == "not_found"


async def test_the_issuer_names_itself_by_the_address_of_the_load_balancer(
    system: Stack, http: httpx.AsyncClient
) -> None:
    document = (await http.get(f"{system.auth_url}/.well-known/openid-configuration")).json()
    assert document["issuer"] == system.auth_url
    assert document["token_endpoint"] == f"{system.auth_url}/token"


async def test_no_answer_says_which_software_gave_it(
    system: Stack, http: httpx.AsyncClient
) -> None:
    for url in (f"{system.auth_url}/health/live", f"{system.api_url}/whoami"):
        headers = (await http.get(url)).headers
        assert "server" not in headers
        assert "via" not in headers


async def test_the_docs_page_may_ask_the_issuer_for_a_token_from_either_name_of_this_machine(
    system: Stack, http: httpx.AsyncClient
) -> None:
    for host in ("127.0.0.1", "localhost"):
        origin = f"http://{host}:{system.ports.resource}"
        answer = await http.options(
            f"{system.auth_url}/token",
            headers={
                "origin": origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,x-requested-with",
            },
        )
        assert answer.headers["access-control-allow-origin"] == origin
    stranger = await http.options(
        f"{system.auth_url}/token",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert "access-control-allow-origin" not in stranger.headers


async def test_each_service_knows_only_its_own_settings(system: Stack) -> None:
    """A replica's memory gives away nothing that signs: not even the issuer's database."""
    for process, foreign in [(system.replicas[0], b"AUTH_"), (system.auth, b"RESOURCE_")]:
        with open(f"/proc/{process.pid}/environ", "rb") as environment:  # noqa: ASYNC230
            names = environment.read().split(b"\0")
        assert not [name for name in names if name.startswith(foreign)]


@pytest.mark.parametrize("method", ["FOO", "get", "POST-IT"])
async def test_a_made_up_method_gets_our_json_with_or_without_the_proxy(
    system: Stack, method: str
) -> None:
    request = f"{method} /whoami HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    for port in (*system.ports.replicas, system.ports.auth_process, system.ports.resource):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        assert head.startswith(b"HTTP/1.1 400 "), port
        assert b"cache-control: no-store" in head.lower()
        assert json.loads(body)["error"] == "invalid_request"
