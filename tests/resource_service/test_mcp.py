"""The gate before an MCP server: the documented example, called by the SDK's own client."""

import runpy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings

import resource_service
from resource_service.protection.mcp import SealgateTokenVerifier
from resource_service.protection.remote import RemoteVerification
from stack.ports import free_ports
from tests.resource_service.issuer import JwksServer, Sign, respond
from tests.served import served

EXAMPLE = Path(resource_service.__file__).parents[1] / "docs/examples/mcp_server.py"
Mint = Callable[..., str]


@pytest.fixture
async def url(jwks: JwksServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The address of the example, running."""
    async with example(jwks, monkeypatch) as url:
        yield url


@asynccontextmanager
async def example(jwks: JwksServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    (port,) = free_ports(1)
    resource = f"http://127.0.0.1:{port}/mcp"
    monkeypatch.setenv("ISSUER", issuer_of(jwks))
    monkeypatch.setenv("RESOURCE", resource)
    app = runpy.run_path(str(EXAMPLE))["app"]
    async with served(app, port=port, lifespan=True):
        yield resource


@pytest.fixture
def mint(jwks: JwksServer, sign: Sign, url: str) -> Mint:
    """Make a token that is good for the example unless the claims say otherwise."""

    def mint(**claims: Any) -> str:
        return sign(**{"iss": issuer_of(jwks), "aud": url, **claims})

    return mint


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


def issuer_of(jwks: JwksServer) -> str:
    return jwks.url.removesuffix("/jwks.json")


@asynccontextmanager
async def session(url: str, token: str) -> AsyncIterator[ClientSession]:
    """The SDK's own client, with a token that somebody has got for it."""
    header = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=header, trust_env=False) as client,
        streamable_http_client(url, http_client=client) as (read, write, *_),
        ClientSession(read, write) as opened,
    ):
        await opened.initialize()
        yield opened


async def test_a_tool_is_called_with_a_token_and_knows_whose_it_is(url: str, mint: Mint) -> None:
    async with session(url, mint()) as opened:
        tools = await opened.list_tools()
        assert [tool.name for tool in tools.tools] == ["whose_notes"]
        result = await opened.call_tool("whose_notes", {})
    assert result.content[0].text == "notes of alice, for demo"  # type: ignore[union-attr]


async def test_nobody_gets_a_bare_challenge_that_says_where_and_what_for(
    url: str, http: httpx.AsyncClient
) -> None:
    answer = await http.post(url, json={})
    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})
    metadata = f"{url.removesuffix('/mcp')}/.well-known/oauth-protected-resource/mcp"
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="sealgate", scope="notes:read", resource_metadata="{metadata}"'
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_the_metadata_are_for_everybody(
    url: str, jwks: JwksServer, http: httpx.AsyncClient
) -> None:
    address = f"{url.removesuffix('/mcp')}/.well-known/oauth-protected-resource/mcp"
    answer = await http.get(address)
    assert answer.json() == {
        "resource": url,
        "authorization_servers": [issuer_of(jwks)],
        "scopes_supported": ["notes:read"],
        "bearer_methods_supported": ["header"],
    }
    preflight = await http.options(address)
    for response in (answer, preflight):
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-headers"] == "MCP-Protocol-Version"
    assert (await http.post(address)).status_code == 405


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        pytest.param({"aud": "http://127.0.0.1:1/mcp"}, "invalid_token", id="another audience"),
        pytest.param({"iss": "https://other.example"}, "invalid_token", id="another issuer"),
        pytest.param({"exp": 1}, "invalid_token", id="expired"),
        pytest.param({"typ": "JWT"}, "invalid_token", id="ID token"),
        pytest.param({"scope": "notes:write"}, "insufficient_scope", id="lacking scope"),
    ],
)
async def test_a_bad_token_is_told_what_is_wrong(
    url: str, mint: Mint, http: httpx.AsyncClient, claims: dict[str, Any], error: str
) -> None:
    header = {"authorization": f"Bearer {mint(**claims)}"}
    answer = await http.post(url, json={}, headers=header)
    assert answer.status_code == (403 if error == "insufficient_scope" else 401)
    assert answer.json()["error"] == error
    challenge = answer.headers["www-authenticate"]
    assert f'error="{error}"' in challenge
    assert 'scope="notes:read"' in challenge
    assert "resource_metadata=" in challenge


async def test_when_the_keys_are_out_of_reach_it_is_503_and_no_challenge(
    jwks: JwksServer, sign: Sign, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    jwks.answer = respond(b"", status="500 Internal Server Error")
    async with example(jwks, monkeypatch) as url:
        header = {"authorization": f"Bearer {sign(iss=issuer_of(jwks), aud=url)}"}
        answer = await http.post(url, json={}, headers=header)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"]
    assert "www-authenticate" not in answer.headers


async def test_a_tool_does_not_see_the_token_itself(jwks: JwksServer, sign: Sign) -> None:
    """By the SDK's own set-up, with its protocol for verifiers."""
    seen = []
    (port,) = free_ports(1)
    resource = f"http://127.0.0.1:{port}/mcp"
    issuer = issuer_of(jwks)
    verifier = RemoteVerification(issuer, resource).verifier
    server = MCPServer(
        "Notes",
        auth=AuthSettings(
            issuer_url=issuer,  # type: ignore[arg-type]
            resource_server_url=resource,  # type: ignore[arg-type]
            required_scopes=["notes:read"],
            validate_token_resource=True,
        ),
        token_verifier=SealgateTokenVerifier(verifier, resource),
    )

    @server.tool()
    def look() -> str:
        """Look at the token."""
        seen.append(get_access_token())
        return "seen"

    good, bad = sign(iss=issuer, aud=resource), sign(iss=issuer, aud="https://other.example")
    async with served(server.streamable_http_app(), port=port, lifespan=True):
        async with session(resource, good) as opened:
            await opened.call_tool("look", {})
        async with httpx.AsyncClient(trust_env=False) as http:
            header = {"authorization": f"Bearer {bad}"}
            assert (await http.post(resource, json={}, headers=header)).status_code == 401
    (token,) = seen
    assert token is not None
    assert (token.subject, token.client_id, token.token) == ("alice", "demo", "")
    assert token.scopes == ["notes:read", "notes:write"]
