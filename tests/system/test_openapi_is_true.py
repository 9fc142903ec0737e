"""Both OpenAPI documents against the running services: nothing said is untrue."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from stack.admin_commands import run_admin_command
from stack.stack import Stack

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
PHASES = "examples,coverage,fuzzing,stateful"


async def assert_true(
    url: str, *credentials: str, folder: Path, environment: Mapping[str, str]
) -> None:
    """Let schemathesis look for an answer that the document does not allow, the same every time."""
    async with httpx.AsyncClient(trust_env=False) as http:
        document = (await http.get(f"{url}/openapi.json")).json()
    operations = sum(len(methods) for methods in document["paths"].values())
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIGURATION)),
        *("run", f"{url}/openapi.json", *credentials),
        *("--checks", "all", "--phases", PHASES, "--continue-on-failure", "--no-color"),
        *("--generation-deterministic", "--max-examples", "40"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    said = output.decode(errors="replace")
    if process.returncode != 0 or f"Tested: {operations}" not in said:
        pytest.fail(said, pytrace=False)


@pytest.fixture
async def administered(system: Stack) -> dict[str, str]:
    """An administrator's token, and a user and a client that may be disabled and enabled."""
    name = f"administered-{secrets.token_hex(4)}"
    settings = {**os.environ, **system.state.read_variables("auth.env")}

    async def client(client_id: str, scope: str) -> str:
        words = ["clients", "create", client_id, "--name", client_id, "--scope", scope]
        words += ["--grant", "client_credentials", "--json"]
        secret: str = json.loads(await run_admin_command(settings, words))["client_secret"]
        return secret

    await run_admin_command(settings, ["users", "create", name])
    await client(name, "notes:read")
    administrator = (f"{name}-by", await client(f"{name}-by", "admin"))
    form = {"grant_type": "client_credentials", "scope": "admin"}
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{system.auth_url}/token", data=form, auth=administrator)
    return {"ADMIN_TOKEN": answer.json()["access_token"], "ADMINISTERED": name}


@pytest.fixture
def environment(system: Stack, openid_token: str, administered: dict[str, str]) -> dict[str, str]:
    """What the configuration names."""
    return {**system.demo, **administered, "ACCESS_TOKEN": openid_token}


async def test_the_auth_services_document_is_true(
    system: Stack, environment: dict[str, str], tmp_path: Path
) -> None:
    await assert_true(system.auth_url, folder=tmp_path, environment=environment)


async def test_the_resource_services_document_is_true(
    system: Stack, environment: dict[str, str], token: str, tmp_path: Path
) -> None:
    bearer = f"Authorization: Bearer {token}"
    await assert_true(system.api_url, "--header", bearer, folder=tmp_path, environment=environment)
