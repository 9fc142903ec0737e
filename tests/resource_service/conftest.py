"""An issuer as the resource service sees it: a key that signs, and a little HTTP server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI

from resource_service.app import create_app
from resource_service.settings import Settings
from shared.jws import SigningKey

ISSUER = "http://127.0.0.1:8000"
AUDIENCE = "http://127.0.0.1:8080"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class JwksServer:
    """An HTTP server on a port of the kernel's choice, which counts; `answer` may be anything."""

    def __init__(self) -> None:
        self.connections = 0
        self.answer: Answer = respond(b'{"keys": []}')
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def serve(self, *keys: SigningKey, headers: str = "") -> None:
        """Answer with these keys from now on."""
        body = json.dumps({"keys": [key.public_jwk for key in keys]}).encode()
        self.answer = respond(body, headers=headers)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, until the next start on the same port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
            await self.answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()


def respond(body: bytes, *, status: str = "200 OK", headers: str = "") -> Answer:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n"

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + body)

    return answer


class Sign(Protocol):
    def __call__(self, *, typ: str = "at+jwt", key: SigningKey = ..., **claims: Any) -> str: ...


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def other_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def sign(signing_key: SigningKey) -> Sign:
    """Make a token that is good unless the claims given say otherwise; None leaves one out."""

    def sign(*, typ: str = "at+jwt", key: SigningKey = signing_key, **claims: Any) -> str:
        now = int(time.time())
        good = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "alice",
            "client_id": "demo",
            "jti": f"{now}",
            "iat": now,
            "exp": now + 300,
            "scope": "notes:read notes:write",
        }
        members = {name: value for name, value in (good | claims).items() if value is not None}
        return key.sign(json.dumps(members).encode(), typ=typ)

    return sign


@pytest.fixture
async def jwks(signing_key: SigningKey) -> AsyncIterator[JwksServer]:
    server = JwksServer()
    server.serve(signing_key)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def settings(jwks: JwksServer) -> Settings:
    """Settings for an app whose database nobody has started."""
    return Settings(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_uri=jwks.url,
        database_url="postgresql://nobody@127.0.0.1:1/nothing",
        replica="replica-1",
    )


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Enter the app's lifespan and call it in process."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=AUDIENCE) as http,
    ):
        yield http


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The service without a database."""
    async with client(create_app(settings)) as http:
        yield http
