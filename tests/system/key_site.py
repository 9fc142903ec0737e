"""Two issuers and four replicas, each group behind a Caddy, with keys that turn in seconds."""

import asyncio
import base64
import json
import secrets
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.client import Client, Request
from shared import jws
from stack.caddy import Front
from stack.layout import Ports, Settings
from stack.ports import free_ports
from stack.processes import REPOSITORY, Process
from stack.stack import Stack


@dataclass(frozen=True)
class Token:
    """An access token, the key that signed it, and when it was issued (monotonic, in seconds)."""

    value: str
    kid: str
    issued_at: float

    def request(self, url: str) -> Request:
        return Request("GET", f"{url}/whoami", (("authorization", f"Bearer {self.value}"),))


@dataclass(frozen=True)
class KeySite:
    """`issuers` and `api` are the load balancers' addresses."""

    stack: Stack
    client: Client
    issuers: str
    api: str
    replicas: dict[str, Process]  # by their own addresses

    async def issue(self) -> Token:
        demo = self.stack.demo
        pair = f"{demo['DEMO_CLIENT_ID']}:{demo['DEMO_CLIENT_SECRET']}"
        basic = base64.b64encode(pair.encode()).decode()
        parameters = [("grant_type", "client_credentials")]
        response = await self.client.send(
            Request.form(f"{self.issuers}/token", parameters, ("authorization", f"Basic {basic}"))
        )
        assert response.status == 200, response
        value = str(response.json()["access_token"])
        header = json.loads(jws.decode(value.split(".")[0].encode()))
        return Token(value, header["kid"], time.monotonic())

    async def admin(self, *words: str) -> str:
        """Run an admin command of the auth service; its output."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth_service", *words),
            stdout=PIPE,
            stderr=PIPE,
            cwd=REPOSITORY,
            env=self.stack.state.read_variables("auth.env"),
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()


@asynccontextmanager
async def key_site(folder: Path, **auth: str) -> AsyncIterator[KeySite]:
    """Start everything; the replicas keep keys for as short as `AUTH_JWKS_MAX_AGE` says."""
    issuers_port, api_port, second, *replica_ports = free_ports(7)
    issuers, api = (f"http://127.0.0.1:{port}" for port in (issuers_port, api_port))
    resource = {
        "RESOURCE_JWKS_URI": f"{issuers}/.well-known/jwks.json",
        "RESOURCE_JWKS_SHORTEST_LIFE": "1",
    }
    settings = Settings(auth=auth, restart=False, postgres={"fsync": "off"})
    ports = Ports.free(replicas=1)  # one that takes no part
    async with Stack(folder / secrets.token_hex(4), ports, settings) as stack, Client() as client:
        variables = stack.state.read_variables("auth.env") | {"AUTH_PORT": str(second)}
        del variables["AUTH_MIGRATION_DATABASE_URL"]
        started = [
            await stack.start_process("auth-2", "auth_service", second, variables),
            await stack.start_load_balancer(
                "caddy-auth", [Front(issuers_port, [ports.auth_process, second])]
            ),
            await stack.start_load_balancer("caddy-api", [Front(api_port, replica_ports)]),
        ]
        replicas = {
            f"http://127.0.0.1:{port}": await stack.start_replica(
                f"replica-{number}", port, environment=resource
            )
            for number, port in enumerate(replica_ports, 2)
        }
        await asyncio.gather(*(one.wait_until_ready() for one in (*started, *replicas.values())))
        yield KeySite(stack, client, issuers, api, replicas)
