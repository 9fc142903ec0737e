"""What the services cost, in CPU time of the server's process per request, over real HTTP.

The measured server has one core for itself; the load, PostgreSQL and everything else have the
other. Throughput is not measured: capacity per core is one over the CPU per request.
"""

import base64
import json
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeAlias
from urllib.parse import urlencode

from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from lab.bench.client import collect, request, saturate
from lab.bench.measure import SERVER_CORE, Ratio, cpu_seconds, pin, pinned
from stack.processes import Process
from stack.stack import Stack

_FORM = "application/x-www-form-urlencoded"
_NEW_TOKENS = 8192  # used in a cycle; the cache has 4096 places


REAL: Final = "resource_service"


class Server:
    """A process under measurement, alone on its core."""

    def __init__(self, process: Process, port: int) -> None:
        assert process.pid is not None  # noqa: S101 - it was started just now
        self._pid = process.pid
        self._port = port
        pin(self._pid, SERVER_CORE)

    async def cpu_per_request(self, requests: list[bytes], seconds: float) -> float:
        """Send these in a cycle for so many seconds; return CPU seconds per request."""
        before = cpu_seconds(self._pid)
        answered = await saturate(self._port, requests, seconds)
        return (cpu_seconds(self._pid) - before) / answered

    async def collect(self, octets: bytes, count: int) -> list[bytes]:
        """Send one request so many times; return the bodies of the answers."""
        return await collect(self._port, octets, count)


# Starts a process under this name, of this module, for a while.
Start: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Server]]


async def measure_routes(
    tokens: list[str], started: Start, rounds: int, seconds: float
) -> dict[str, Ratio]:
    """Return `route_ratio_new` and `route_ratio_repeated`: capacity of /whoami over its twin's.

    The two share a core, but only one has work at a time. Each round has a pair of processes of
    its own: by chance one lies better in the processor's caches, which is worth 2 % either way.
    """
    new = [request("GET", "/whoami", {"Authorization": f"Bearer {token}"}) for token in tokens]
    repeated = new[:100]
    ratios: dict[str, list[float]] = {"route_ratio_new": [], "route_ratio_repeated": []}
    for _ in range(rounds):
        async with started("twin", "lab.bench.twin") as twin, started("real", REAL) as real:
            for server in (real, twin):
                await server.cpu_per_request(new, seconds / 2)  # warm-up, not counted
            control = await twin.cpu_per_request(new, seconds)
            ratios["route_ratio_new"].append(control / await real.cpu_per_request(new, seconds))
            control = await twin.cpu_per_request(repeated, seconds)
            await real.cpu_per_request(repeated, 0.2)  # into the cache
            ratios["route_ratio_repeated"].append(
                control / await real.cpu_per_request(repeated, seconds)
            )
    return {name: Ratio.of(values) for name, values in ratios.items()}


async def measure_issuing(
    stack: Stack, auth: Server, rounds: int, seconds: float
) -> dict[str, Ratio]:
    """Return `issue_ratio`: `client_credentials` tokens over raw RSA-2048 signatures, per core."""
    requests = [client_credentials(stack)]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    await auth.cpu_per_request(requests, seconds / 2)
    ratios = []
    for _ in range(rounds):
        signature = _cpu_of_signature(key, seconds / 2)
        ratios.append(signature / await auth.cpu_per_request(requests, seconds))
    return {"issue_ratio": Ratio.of(ratios)}


async def measure_login(
    stack: Stack, auth: Server, rounds: int, seconds: float
) -> dict[str, Ratio]:
    """Return `login_ratio`: a password log-in over the Argon2id hash that is in it."""
    requests = [_password_login(stack)]
    await auth.cpu_per_request(requests, seconds / 2)
    ratios = []
    for _ in range(rounds):
        password_hash = _cpu_of_hash(seconds / 2)
        ratios.append(await auth.cpu_per_request(requests, seconds) / password_hash)
    return {"login_ratio": Ratio.of(ratios)}


async def new_tokens(stack: Stack, auth: Server) -> list[str]:
    """Have so many tokens issued that none is in the cache any more when it comes again."""
    bodies = await auth.collect(client_credentials(stack), _NEW_TOKENS)
    return [json.loads(body)["access_token"] for body in bodies]


def client_credentials(stack: Stack) -> bytes:
    """Build a token request of the confidential demo client (RFC 6749 §4.4.2)."""
    demo = stack.demo
    basic = f"{demo['DEMO_CLIENT_ID']}:{demo['DEMO_CLIENT_SECRET']}"
    headers = {
        "Authorization": f"Basic {base64.b64encode(basic.encode()).decode()}",
        "Content-Type": _FORM,
    }
    body = urlencode({"grant_type": "client_credentials", "scope": "notes:read notes:write"})
    return request("POST", "/token", headers, body.encode())


def _password_login(stack: Stack) -> bytes:
    form = {
        "grant_type": "password",
        "client_id": stack.demo["DEMO_PUBLIC_CLIENT_ID"],
        "username": stack.demo["DEMO_USERNAME"],
        "password": stack.demo["DEMO_PASSWORD"],
    }
    return request("POST", "/token", {"Content-Type": _FORM}, urlencode(form).encode())


def _cpu_of_signature(key: rsa.RSAPrivateKey, seconds: float) -> float:
    message = b"m" * 500
    return _cpu_of(lambda: key.sign(message, padding.PKCS1v15(), hashes.SHA256()), seconds)


def _cpu_of_hash(seconds: float) -> float:
    """Argon2id as the auth service has it by default (19 MiB, t = 2, p = 1)."""
    password = b"correct horse battery staple"
    return _cpu_of(lambda: hash_secret_raw(password, b"s" * 16, 2, 19_456, 1, 32, Type.ID), seconds)


def _cpu_of(work: Callable[[], object], seconds: float) -> float:
    """CPU seconds of one call, on the core where the server otherwise runs."""
    calls = 0
    with pinned(SERVER_CORE):
        started = time.process_time()
        while time.process_time() - started < seconds:
            work()
            calls += 1
        return (time.process_time() - started) / calls
