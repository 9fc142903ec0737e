"""Two issuer processes on one database, in a stack that tests may break, if they mend it."""

import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lab.client import Client, Request
from stack.admin_commands import run_admin_command
from stack.caddy import Front
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.ports import free_ports
from stack.postgres import EmbeddedPostgres
from stack.processes import Process
from stack.stack import Stack

PASSWORD: Final = "seven green apples"
_AUTH: Final = {
    **UNTHROTTLED,
    "AUTH_JWKS_MAX_AGE": "1",  # a key may sign two seconds after it was published
    "AUTH_KEY_ROTATION_PERIOD": "0",
    # How dear a password is, is tested elsewhere.
    "AUTH_PASSWORD_MEMORY_KIB": "8",
    "AUTH_PASSWORD_TIME_COST": "1",
    "AUTH_PASSWORD_QUEUE": "1000",
}
_RESOURCE: Final = {"RESOURCE_JWKS_SHORTEST_LIFE": "1"}
# PostgreSQL waits for the disk, as in production; but after a crash it has the kernel flush the
# whole file system, instead of opening each of a thousand files.
_POSTGRES: Final = {"recovery_init_sync_method": "syncfs"}


class Tokens(msgspec.Struct):
    """What a token response is about (RFC 6749 §5.1)."""

    access_token: str
    refresh_token: str


def tokens_in(body: bytes) -> Tokens:
    return msgspec.json.decode(body, type=Tokens)


@dataclass(frozen=True)
class Pair:
    """The stack, its two issuers, each with an address of its own, and Caddy's over both.

    Requests are of the demo's public client.
    """

    stack: Stack
    issuers: Sequence[Process]
    urls: Sequence[str]
    front: str

    @property
    def postgres(self) -> EmbeddedPostgres:
        assert self.stack.databases.postgres is not None
        return self.stack.databases.postgres

    async def command(self, *words: str) -> str:
        """Run an admin command and return what it prints; `StackError` if it fails."""
        return await run_admin_command(environment(self.stack), list(words))

    def log_in(self, url: str, username: str, password: str = PASSWORD) -> Request:
        user = [("username", username), ("password", password)]
        return self._token(url, ("grant_type", "password"), *user)

    def refresh(self, url: str, refresh_token: str) -> Request:
        token = ("refresh_token", refresh_token)
        return self._token(url, ("grant_type", "refresh_token"), token)

    def revoke(self, url: str, token: str) -> Request:
        client_id = ("client_id", self.stack.demo["DEMO_PUBLIC_CLIENT_ID"])
        return Request.form(f"{url}/revoke", [client_id, ("token", token)])

    def _token(self, url: str, *parameters: tuple[str, str]) -> Request:
        client_id = ("client_id", self.stack.demo["DEMO_PUBLIC_CLIENT_ID"])
        return Request.form(f"{url}/token", [client_id, *parameters])

    async def register(self, client: Client) -> str:
        """Register a user; his name."""
        username = f"user-{secrets.token_hex(6)}"
        body = {"username": username, "password": PASSWORD}
        response = await client.send(as_json("POST", f"{self.front}/users", body))
        assert response.status == 201, response.body
        return username

    async def tokens(self, client: Client, username: str = "") -> Tokens:
        """Log a user in, a new one if none is named."""
        username = username or await self.register(client)
        response = await client.send(self.log_in(self.front, username))
        assert response.status == 200, response.body
        return tokens_in(response.body)


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Pair]:
    """Start everything; nothing is started again unless a test does it."""
    settings = Settings(auth=_AUTH, resource=_RESOURCE, postgres=_POSTGRES, restart=False)
    async with Stack(folder, Ports.free(), settings, tell=print) as stack:
        port, front = free_ports(2)
        ports = [stack.ports.auth_process, port]
        second = await stack.start_process(
            "auth-2", "auth_service", port, environment(stack) | {"AUTH_PORT": str(port)}
        )
        both = Front(front, ports, health_path="/health/live", try_for=2, answer_within=15)
        balancer = await stack.start_load_balancer("caddy-issuers", [both])
        await second.wait_until_ready()
        await balancer.wait_until_ready()
        urls = [f"http://127.0.0.1:{number}" for number in (*ports, front)]
        yield Pair(stack, [stack.auth, second], urls[:2], urls[2])


def environment(stack: Stack) -> dict[str, str]:
    """Return the environment of one more issuer, and of admin commands."""
    settings = stack.state.read_variables("auth.env")
    settings.pop("AUTH_MIGRATION_DATABASE_URL", None)
    others = ("AUTH_", "RESOURCE_")
    return {k: v for k, v in os.environ.items() if not k.startswith(others)} | settings


def as_json(method: str, url: str, body: Mapping[str, str]) -> Request:
    return Request(method, url, (("content-type", "application/json"),), msgspec.json.encode(body))
