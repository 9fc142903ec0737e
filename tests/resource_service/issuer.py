"""An issuer as the resource service sees it: signed tokens, and a little HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

import httpx
from fastapi import FastAPI

from shared.jws import SigningKey

ISSUER: Final = "http://127.0.0.1:8000"
AUDIENCE: Final = "http://127.0.0.1:8080"

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class JwksServer:
    """An HTTP server on a port of the kernel's choice, which counts; `answer` may be anything."""

    def __init__(self) -> None:
        self.connections = 0
        self.answer: Answer = respond(b'{"keys": []}')
        self.port = 0
        self._server: asyncio.Server | None = None
        self._arrival = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/jwks.json"

    def serve(self, *keys: SigningKey, headers: str = "") -> None:
        """Answer with these keys from now on."""
        self.answer = respond(jwk_set(*(key.public_jwk for key in keys)), headers=headers)

    async def asked(self, times: int) -> None:
        """Wait until that many connections were made."""
        while self.connections < times:
            self._arrival.clear()
            await self._arrival.wait()

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
        self._arrival.set()
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


def jwk_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Sign(Protocol):
    def __call__(self, *, typ: str = "at+jwt", key: SigningKey = ..., **claims: Any) -> str: ...


@asynccontextmanager
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Enter the app's lifespan and call it in process."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=AUDIENCE) as http,
    ):
        yield http


def refused(response: httpx.Response) -> tuple[int, str]:
    """Return status and error code of a refusal, after checking what all refusals share."""
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-replica"] == "replica-1"
    return response.status_code, response.json()["error"]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that another process or task does; ten seconds at most."""
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.01)
