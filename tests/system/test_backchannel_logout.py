"""Back-channel log-out over real processes: what is to be told survives that all of them die."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from stack.admin_commands import run_admin_command
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.stack import Stack
from tests.auth_service.browser_flow.person import Person, answer, claims_of
from tests.auth_service.browser_flow.test_backchannel_logout import Receiver
from tests.conftest import QUICK

AUTH: Final = {
    **UNTHROTTLED,
    "AUTH_FETCH_FROM_LOOPBACK": "true",
    "AUTH_PASSWORD_MEMORY_KIB": "64",
    "AUTH_PASSWORD_TIME_COST": "1",
}


@pytest.fixture
async def stack(state_folder: Path) -> AsyncIterator[Stack]:
    settings = Settings(auth=AUTH, postgres=QUICK)
    async with Stack(state_folder / "told", Ports.free(), settings) as running:
        yield running


async def register(stack: Stack, uri: str) -> str:
    """Register a client that wants to be told there; its secret."""
    command = ["clients", "create", "told", "--name", "Told", "--scope", "openid"]
    command += ["--grant", "authorization_code", "--redirect-uri", "http://127.0.0.1:1/cb"]
    command += ["--backchannel-logout-uri", uri, "--public"]
    environment = {"PATH": os.defpath, **stack.state.read_variables("auth.env")}
    return await run_admin_command(environment, command)


async def log_in_and_out(stack: Stack) -> str:
    """Let the demo user log in for the client, and log out; the `sid`."""
    redirect_uri = "http://127.0.0.1:1/cb"
    async with httpx.AsyncClient(base_url=stack.auth_url, trust_env=False) as http:
        person = Person(http)
        page = await person.authorize("told", redirect_uri=redirect_uri)
        demo = stack.demo
        page = await person.log_in(page, demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"])
        code = answer(await person.allow(page))["code"]
        form = person.exchange(code, redirect_uri=redirect_uri, client_id="told")
        tokens = (await http.post("/token", data=form)).raise_for_status().json()
        done = await person.submit(await person.get("/logout"), decision="log_out")
        assert "You are logged out" in done.text
    return str(claims_of(tokens["id_token"])["sid"])


async def test_a_client_is_told_though_it_was_down_and_every_issuer_was_killed(
    stack: Stack,
) -> None:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    server.close()
    await server.wait_closed()
    await register(stack, f"http://{host}:{port}/told")
    sid = await log_in_and_out(stack)
    assert stack.auth.pid is not None
    os.kill(stack.auth.pid, signal.SIGKILL)
    server = await asyncio.start_server(receiver.serve, host, port)
    async with server, asyncio.timeout(60):
        while not receiver.tokens:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    assert [claims_of(token)["sid"] for token in receiver.tokens] == [sid]
