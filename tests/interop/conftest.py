"""Fixtures: a stack behind TLS at a path, clients of its own, a person, and programs of others."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.admin_commands import run_admin_command
from stack.layout import Settings
from tests.auth_service.browser_flow.person import Person
from tests.browser.conftest import chromium, chromium_path
from tests.conftest import QUICK
from tests.secure_site import SecureSite, secure_site

__all__ = ["chromium", "chromium_path"]

NODE = Path(__file__).parent / "node"
SCOPE = "openid profile email offline_access notes:read notes:write"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
MakeClient = Callable[..., Awaitable[dict[str, Any]]]
RunNode = Callable[..., Awaitable[dict[str, Any]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is here runs with `make test-interop` only."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
async def site(state_folder: Path) -> AsyncIterator[SecureSite]:
    """The issuer at https://localhost:…/tenant, and the resource service that takes its tokens."""
    async with secure_site(state_folder / "interop", settings=Settings(postgres=QUICK)) as site:
        yield site


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a program of somebody else's; without it the test is skipped, and in CI it fails."""

    def find(name: str) -> str:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
        if path is not None:
            return path
        reason = f"there is no {name}: run make test-interop, which installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def make_client(site: SecureSite) -> MakeClient:
    """Register a client by the admin command, with every grant of a user unless told otherwise."""
    environment = os.environ | site.stack.state.read_variables("auth.env")

    async def make(
        client_id: str, *options: str, grants: tuple[str, ...] = (), scope: str = SCOPE
    ) -> dict[str, Any]:
        grants = grants or ("authorization_code", "refresh_token", "client_credentials", DEVICE)
        command = ["clients", "create", client_id, "--name", f"The {client_id}", "--json"]
        for grant in grants:
            command += ["--grant", grant]
        answer = await run_admin_command(environment, [*command, "--scope", scope, *options])
        made: dict[str, Any] = json.loads(answer)
        return made

    return make


@pytest.fixture
async def person(site: SecureSite) -> AsyncIterator["Somebody"]:
    """The demo user in a browser of their own."""
    async with httpx.AsyncClient(
        verify=site.proxy.trust(), trust_env=False, base_url=site.issuer
    ) as http:
        yield Somebody(http, site.stack.demo)


class Somebody(Person):
    """A person who does what a page asks for."""

    def __init__(self, http: httpx.AsyncClient, demo: Mapping[str, str]) -> None:
        super().__init__(http)
        self._demo = demo

    async def do(self, authorize: str = "", device: Mapping[str, Any] | None = None) -> str:
        """Do what a script asks for; return what it waits for."""
        if device is None:
            return await self.go_through(authorize)
        await self.let_in(device)
        return "done"

    async def go_through(self, url: str) -> str:
        """Open an authorization request, log in and agree; return where it ends."""
        page = await self._logged_in(await self.get(url))
        if "Allow access?" in page.text:
            page = await self.allow(page)
        assert page.status_code == 303, page.text
        return str(page.headers["location"])

    async def let_in(self, device: Mapping[str, Any]) -> None:
        """Open a device's link, log in, compare the code and say yes."""
        page = await self._logged_in(await self.get(device["verification_uri_complete"]))
        page = await self.submit(page, user_code=device["user_code"])
        page = await self.allow(page)
        assert "The device is let in" in page.text

    async def _logged_in(self, page: httpx.Response) -> httpx.Response:
        if "Log in ·" not in page.text:
            return page
        return await self.log_in(page, self._demo["DEMO_USERNAME"], self._demo["DEMO_PASSWORD"])


@pytest.fixture
def run_node(site: SecureSite, person: Somebody, program: Callable[[str], str]) -> RunNode:
    """Run a script for Node.js; do for it what it asks a person to do; return its result."""
    node = program("node")

    async def run(script: str, **given: Any) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *(node, str(NODE / script), json.dumps(given | {"issuer": site.issuer})),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(site.proxy.authority)},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        result: dict[str, Any] = {}
        async for line in process.stdout:
            said = json.loads(line)
            if "ask" not in said:
                result = said
                continue
            answer = await person.do(**said["ask"])
            process.stdin.write(f"{answer}\n".encode())
        errors = (await process.stderr.read()).decode()
        assert await process.wait() == 0, errors
        return result

    return run


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a server of somebody else's takes connections."""
    for _ in range(200):
        assert process.returncode is None, "it has ended"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("it does not listen")
