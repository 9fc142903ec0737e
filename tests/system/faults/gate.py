"""A replica of the resource service whose issuer is whatever a test makes of it."""

import asyncio
import os
import re
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lab.client import Client, Request
from lab.load import Shot, fire
from shared import jws
from shared.jws import SigningKey
from stack.ports import free_ports
from stack.processes import Process, Program
from tests.resource_service.issuer import AUDIENCE, ISSUER, JwksServer

SHORT: Final = "Cache-Control: max-age=1\r\n"  # fetched again after 0.8 s
LONG: Final = "Cache-Control: max-age=3600\r\n"  # not again in this test, unless it is forced
RATE: Final = 150.0  # valid requests a second at each replica
# The replica that suffers may be slower than its twin, beside it at the same time, by a factor
# that is chance on two busy cores, where a wait for the fetch would be one of a hundred or more.
MOST: Final = 4.0
LEAST: Final = 0.010  # seconds; a twin that is faster counts as this fast
_STRANGER: Final = SigningKey.generate()
_FETCHES: Final = re.compile(r'^sealgate_jwks_fetches_total\{outcome="(\w+)"\} ([\d.]+)', re.M)


@dataclass(frozen=True)
class Gate:
    """A replica and its issuer's key server."""

    url: str
    issuer: JwksServer
    process: Process

    def whoami(self, token: str) -> Request:
        return Request("GET", f"{self.url}/whoami", (("authorization", f"Bearer {token}"),))

    async def fetches(self, client: Client) -> dict[str, int]:
        """Count its fetches of the key set by outcome."""
        text = (await client.send(Request("GET", f"{self.url}/metrics"))).body.decode()
        return {outcome: int(float(number)) for outcome, number in _FETCHES.findall(text)}


@asynccontextmanager
async def gate(folder: Path, issuer: JwksServer, *, ready: bool = True) -> AsyncIterator[Gate]:
    """Start a replica; it has no database, since `/whoami` needs none."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    others = ("AUTH_", "RESOURCE_")
    program = Program(
        f"gate-{port}",
        [sys.executable, "-m", "resource_service", "serve"],
        f"{url}/health/{'ready' if ready else 'live'}",
        {name: value for name, value in os.environ.items() if not name.startswith(others)}
        | {
            "RESOURCE_ISSUER": ISSUER,
            "RESOURCE_AUDIENCE": AUDIENCE,
            "RESOURCE_JWKS_URI": issuer.url,
            "RESOURCE_JWKS_SHORTEST_LIFE": "1",
            "RESOURCE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "RESOURCE_PORT": str(port),
            "RESOURCE_LOG_LEVEL": "ERROR",
        },
    )
    process = Process(program, folder, restart=False, tell=print)
    await process.start()
    try:
        await process.wait_until_ready()
        yield Gate(url, issuer, process)
    finally:
        await process.stop()


def valid_token(key: SigningKey) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "client_id": "app",
        "jti": secrets.token_urlsafe(),
        "iat": now,
        "exp": now + 3600,
        "scope": "notes:read",
    }
    return key.sign(msgspec.json.encode(claims), typ="at+jwt")


def forged_token(kid: str) -> str:
    """Return a token that says it is signed with the key `kid`, and is not."""
    _, payload, signature = valid_token(_STRANGER).split(".")
    header = msgspec.json.encode({"alg": "RS256", "typ": "at+jwt", "kid": kid})
    return f"{jws.encode(header).decode()}.{payload}.{signature}"


async def traffic(
    client: Client, gates: Sequence[Gate], tokens: Sequence[str], seconds: float
) -> list[list[Shot]]:
    """Send valid requests to each gate at the same time, by a fixed schedule."""
    count = int(seconds * RATE)
    lanes = [
        fire(client, [gate.whoami(token) for token in tokens], rate=RATE, count=count)
        for gate in gates
    ]
    return list(await asyncio.gather(*lanes))


def assert_unharmed(what: str, shots: Sequence[Shot], control: Sequence[Shot]) -> None:
    """Every request was served, and about as soon as by the twin that nothing was done to."""
    slow, usual = p99(shots), p99(control)
    ratio = slow / max(usual, LEAST)
    print(
        f"{what}: {len(shots)} valid requests, p99 {slow * 1000:.1f} ms, control"
        f" {usual * 1000:.1f} ms, ratio {ratio:.2f}"
    )
    assert {shot.status for shot in shots} == {shot.status for shot in control} == {200}
    assert ratio <= MOST


def p99(shots: Sequence[Shot]) -> float:
    return sorted(shot.latency for shot in shots)[int(len(shots) * 0.99)]
