"""A JWKS on loopback with a key of the lab's own, and a count of who fetched it."""

import asyncio
import json
import ssl
from types import TracebackType
from typing import Self

from shared.jws import SigningKey


class KeyStand:
    """Answers every request with the public half of its key; an async context manager.

    With a `context` it speaks https.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.key = SigningKey.generate()
        self.fetches = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    @property
    def url(self) -> str:
        """Where the key set is."""
        assert self._server is not None  # noqa: S101 - entered
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/jwks.json"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.fetches += 1
            body = json.dumps({"keys": [self.key.public_jwk]}).encode()
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
