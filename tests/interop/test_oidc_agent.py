"""Debian's oidc-agent, unchanged: by authorization code and by device flow."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from stack.ports import free_ports
from tests.interop.conftest import DEVICE, MakeClient, Somebody
from tests.secure_site import SecureSite

SCOPE = "openid profile offline_access notes:read"
GRANTS = ("authorization_code", "refresh_token", DEVICE)


@dataclass(frozen=True)
class Agent:
    """A running agent, with a folder of its own."""

    environment: dict[str, str]
    authority: Path

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self.environment,
        )

    async def run(self, *command: str) -> str:
        process = await self.start(*command)
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()


@pytest.fixture
async def agent(
    site: SecureSite, program: Callable[[str], str], tmp_path: Path
) -> AsyncIterator[Agent]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "OIDC_CONFIG_DIR": str(tmp_path / "oidc-agent"),
        "OIDC_ENCRYPTION_PW": "a password for its file",
        "TMPDIR": str(tmp_path),
    }
    (tmp_path / "oidc-agent").mkdir(mode=0o700)
    agent = Agent(environment, site.proxy.authority)
    said = await agent.run(program("oidc-agent"), "--no-autoload")
    environment.update(re.findall(r"(OIDC\w+)=([^;]+);", said))
    yield agent
    os.kill(int(environment["OIDCD_PID"]), signal.SIGTERM)


async def generate(agent: Agent, site: SecureSite, *options: str) -> asyncio.subprocess.Process:
    return await agent.start(
        *("oidc-gen", "--issuer", site.issuer, "--scope", SCOPE),
        *("--cert-path", str(agent.authority), "--pw-env", "--prompt", "none"),
        *("--confirm-default", "--no-url-call", *options, "sealgate"),
    )


async def said(process: asyncio.subprocess.Process, pattern: str) -> str:
    """Read until the program says this."""
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(20):
        while (line := (await process.stdout.readline()).decode()) != "":
            seen += line
            if found := re.search(pattern, seen):
                return found[1]
    raise AssertionError(seen)


async def check(agent: Agent, site: SecureSite, client_id: str | None = None) -> None:
    """The agent refreshes as it likes, and the resource takes its tokens."""
    tokens = [
        (await agent.run("oidc-token", *again, "sealgate")).strip()
        for again in ((), ("--force-new",))
    ]
    assert tokens[0] != tokens[1]
    async with httpx.AsyncClient(trust_env=False) as http:
        for token in tokens:
            header = {"authorization": f"Bearer {token}"}
            answer = await http.get(f"{site.stack.api_url}/whoami", headers=header)
            assert answer.status_code == 200
            assert client_id in {None, answer.json()["client_id"]}


async def test_by_authorization_code(
    agent: Agent, site: SecureSite, make_client: MakeClient, person: Somebody
) -> None:
    port = next(port for port in free_ports(200) if port < 49_152)  # it takes no higher one
    made = await make_client(
        "oidc-agent", "--redirect-uri", f"http://localhost:{port}", grants=GRANTS
    )
    process = await generate(
        agent,
        site,
        *("--manual", "--client-id", "oidc-agent", "--client-secret", made["client_secret"]),
        *("--flow", "code", "--port", str(port), "--no-scheme"),
    )
    back = await person.go_through(await said(process, r"(https://\S+/authorize\S+)"))
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(back)).status_code == 200
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    await check(agent, site, "oidc-agent")


async def test_by_device_flow(
    agent: Agent, site: SecureSite, make_client: MakeClient, person: Somebody
) -> None:
    made = await make_client("oidc-agent-device", grants=GRANTS[1:])
    process = await generate(
        agent,
        site,
        *("--manual", "--client-id", "oidc-agent-device"),
        *("--client-secret", made["client_secret"], "--flow", "device"),
    )
    code = await said(process, r"\b([B-Z]{4}-[B-Z]{4})\b")
    link = f"{site.issuer}/device?user_code={code}"
    await person.let_in({"verification_uri_complete": link, "user_code": code})
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    await check(agent, site, "oidc-agent-device")


async def test_it_registers_itself(agent: Agent, site: SecureSite, person: Somebody) -> None:
    port = next(port for port in free_ports(200) if port < 49_152)
    options = ("--flow", "code", "--port", str(port), "--no-scheme")
    process = await generate(agent, site, *options)
    back = await person.go_through(await said(process, r"(https://\S+/authorize\S+)"))
    async with httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(back)).status_code == 200
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    await check(agent, site)
