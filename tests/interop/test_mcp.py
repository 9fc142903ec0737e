"""The official MCP SDK, unchanged: its client logs in by itself and calls a tool of its server.

The server is the example of docs/examples, behind Sealgate's verifier; the client knows nothing
but the server's address.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from mcp import ClientSession
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from stack.layout import Settings
from stack.ports import free_ports
from tests.conftest import QUICK
from tests.interop.conftest import Somebody, listening
from tests.secure_site import REPOSITORY, SecureSite, secure_site

CALLBACK = "http://127.0.0.1:5557/callback"


@dataclass
class Memory:
    """Where the SDK keeps what it gets (its `TokenStorage`)."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class App:
    """An MCP client on somebody's machine; `asked` are the addresses that it sent them to."""

    person: Somebody
    site: SecureSite
    url: str
    client_metadata_url: str | None = None
    memory: Memory = field(default_factory=Memory)
    asked: list[str] = field(default_factory=list)

    async def call(self) -> str:
        """Call the tool, and log in before that if the server wants it."""
        provider = OAuthClientProvider(
            server_url=self.url,
            client_metadata=OAuthClientMetadata.model_validate(
                {"client_name": "A client of the SDK", "redirect_uris": [CALLBACK]}
            ),
            storage=self.memory,
            redirect_handler=self._redirect,
            callback_handler=self._callback,
            client_metadata_url=self.client_metadata_url,
        )
        async with (
            httpx2.AsyncClient(
                auth=provider, verify=self.site.proxy.trust(), trust_env=False
            ) as http,
            streamable_http_client(self.url, http_client=http) as (read, write, *_),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            result = await session.call_tool("whose_notes", {})
        text: str = result.content[0].text  # type: ignore[union-attr]
        return text

    async def _redirect(self, url: str) -> None:
        self.asked.append(url)

    async def _callback(self) -> AuthorizationCodeResult:
        back = parse_qs(urlsplit(await self.person.go_through(self.asked[-1])).query)
        return AuthorizationCodeResult(
            code=back["code"][0], state=back["state"][0], iss=back["iss"][0]
        )


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def resource(port: int) -> str:
    return f"http://127.0.0.1:{port}/mcp"


@pytest.fixture(scope="module")
async def site(state_folder: Path, resource: str) -> AsyncIterator[SecureSite]:
    """An issuer with two resources: the notes API, which is the default one, and the MCP server."""
    settings = Settings(auth={"AUTH_RESOURCES": resource}, postgres=QUICK)
    async with secure_site(state_folder / "mcp", settings=settings) as site:
        yield site


@pytest.fixture
async def server(site: SecureSite, port: int, resource: str) -> AsyncIterator[str]:
    """The documented example, run as it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "uvicorn", "--app-dir", "docs/examples", "mcp_server:app"),
        *("--port", str(port), "--log-level", "warning"),
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ISSUER": site.issuer,
            "RESOURCE": resource,
            "SSL_CERT_FILE": str(site.proxy.authority),
            "PYTHONPATH": str(REPOSITORY),
        },
    )
    await listening(port, process)
    yield resource
    process.terminate()
    await process.wait()


async def check(app: App, site: SecureSite, said: str) -> None:
    """What it got is for this server, and it needs nobody the second time."""
    assert app.memory.client is not None
    assert said.endswith(f", for {app.memory.client.client_id}")
    (asked,) = app.asked
    parameters = parse_qs(urlsplit(asked).query)
    assert asked.startswith(f"{site.issuer}/authorize?")
    assert parameters["resource"] == [app.url]
    assert "notes:read" in parameters["scope"][0].split()
    assert parameters["code_challenge_method"] == ["S256"]
    assert await app.call() == said
    assert app.memory.tokens is not None
    app.memory.tokens.access_token = "worthless"
    assert await app.call() == said
    assert len(app.asked) == 2


async def test_it_logs_in_with_dynamic_registration(
    site: SecureSite, server: str, person: Somebody
) -> None:
    app = App(person, site, server)
    said = await app.call()
    assert app.memory.client is not None
    assert not app.memory.client.client_id.startswith("https:")
    await check(app, site, said)


async def test_it_logs_in_with_a_client_id_metadata_document(
    site: SecureSite, server: str, person: Somebody
) -> None:
    url = f"{site.proxy.site_origin}/client.json"
    document = {
        "client_id": url,
        "client_name": "A client of the SDK",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    (site.proxy.site / "client.json").write_text(json.dumps(document))
    app = App(person, site, server, client_metadata_url=url)
    said = await app.call()
    assert app.memory.client is not None
    assert app.memory.client.client_id == url
    await check(app, site, said)


async def test_a_token_for_one_resource_is_refused_by_the_other(
    site: SecureSite, server: str, person: Somebody
) -> None:
    """Each says in its metadata what a client has to ask for, and takes nothing else."""
    app, api = App(person, site, server), site.stack.api_url
    await app.call()
    assert app.memory.tokens is not None
    for_mcp = app.memory.tokens.access_token
    async with httpx.AsyncClient(verify=site.proxy.trust(), trust_env=False) as http:
        challenge = (await http.get(f"{api}/notes")).headers["www-authenticate"]
        where = f"{api}/.well-known/oauth-protected-resource"
        assert f'resource_metadata="{where}"' in challenge
        metadata = (await http.get(where)).json()
        assert metadata["authorization_servers"] == [site.issuer]
        for_notes = await token_for(http, site, metadata["resource"])

        async def status(method: str, url: str, token: str) -> int:
            header = {"authorization": f"Bearer {token}"}
            return (await http.request(method, url, headers=header, json={})).status_code

        assert await status("GET", f"{api}/notes", for_notes) == 200
        assert await status("GET", f"{api}/notes", for_mcp) == 401
        assert await status("POST", server, for_notes) == 401
        assert await status("POST", server, for_mcp) != 401
        assert await status("POST", server, await token_for(http, site, server)) != 401


async def token_for(http: httpx.AsyncClient, site: SecureSite, resource: str) -> str:
    """Get a token as a program does that has read the metadata."""
    demo = site.stack.demo
    answer = await http.post(
        f"{site.issuer}/token",
        data={
            "grant_type": "client_credentials",
            "scope": "notes:read",
            "resource": resource,
        },
        auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
    )
    token: str = answer.raise_for_status().json()["access_token"]
    return token
