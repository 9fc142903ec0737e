"""A lean HTTP/1.1 client for measuring: keep-alive, no redirect, no retry, no hidden pool limit.

It takes less than a tenth of the CPU of an httpx call, so it does not drown what it measures.
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlencode, urlsplit

import httptools
import msgspec

Headers = tuple[tuple[str, str], ...]


class NoAnswer(Exception):
    """The connection was refused or lost, or the time was up, before an answer was complete."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `url` is absolute and plain http; a body's length is added by the client."""

    method: str
    url: str
    headers: Headers = ()
    body: bytes = b""

    @classmethod
    def form(
        cls, url: str, parameters: Iterable[tuple[str, str]], *headers: tuple[str, str]
    ) -> Self:
        """Build a POST of `application/x-www-form-urlencoded` parameters."""
        content_type = ("content-type", "application/x-www-form-urlencoded")
        return cls("POST", url, (content_type, *headers), urlencode(list(parameters)).encode())

    def moved_to(self, url: str) -> "Request":
        """Return the same request for another address."""
        return replace(self, url=url)


@dataclass(slots=True)
class Response:
    """What came back; header names are in lower case."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return next((value for known, value in self.headers if known == name), None)

    @property
    def error(self) -> str:
        """The error code of a refusal (RFC 6749 §5.2), or empty."""
        try:
            return str(self.json().get("error", ""))
        except msgspec.DecodeError:
            return ""

    def json(self) -> dict[str, object]:
        """Return the body's JSON object, or raise `msgspec.DecodeError`."""
        return msgspec.json.decode(self.body, type=dict[str, object])


class Client:
    """Sends requests, each on a connection of its own for as long as it takes.

    Connections are kept and reused; when none is idle a new one is opened, without limit.
    `timeout` is in seconds and covers connecting and the whole answer.
    """

    def __init__(self, *, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._idle: defaultdict[tuple[str, int], list[_Connection]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        """Return the client itself; leaving closes its idle connections."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close every idle connection."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def send(self, request: Request) -> Response:
        """Send once and return the answer, whatever its status, or raise `NoAnswer`."""
        parts = urlsplit(request.url)
        origin = (parts.hostname or "", parts.port or 80)
        octets = _octets(request, parts.netloc, parts.path or "/", parts.query)
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._timeout):
                connection = self._take_idle(origin) or await _connect(origin)
                response = await connection.exchange(octets)
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {self._timeout:g} s") from error
        except OSError as error:
            raise NoAnswer(os.strerror(error.errno) if error.errno else str(error)) from error
        finally:
            # Whatever went wrong: a connection in the middle of an answer is of no more use.
            if connection is not None and not connection.reusable:
                connection.close()
        if connection.reusable:
            self._idle[origin].append(connection)
        return response

    def _take_idle(self, origin: tuple[str, int]) -> "_Connection | None":
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.reusable:
                return connection
        return None


class _Connection(asyncio.Protocol):
    """One TCP connection, one exchange at a time; httptools calls the `on_…` methods."""

    def __init__(self) -> None:
        self.reusable = True
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Response] | None = None
        self._response = Response()
        self._parser = httptools.HttpResponseParser(self)

    async def exchange(self, octets: bytes) -> Response:
        """Write a request and wait for the whole answer."""
        assert self._transport is not None  # noqa: S101 - made by _connect
        self.reusable = False
        self._response = Response()
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(octets)
        return await self._answer

    def close(self) -> None:
        """Drop the connection at once."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by the event loop)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none, but like one

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the exchange under way, if any (called by the event loop)."""
        self.reusable = False
        self._fail(str(exc) if exc else "connection closed")

    def data_received(self, data: bytes) -> None:
        """Feed the parser (called by the event loop)."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not HTTP: {error}")
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._response.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, body: bytes) -> None:
        """Collect a piece of the body."""
        self._response.body += body

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        self._response.status = self._parser.get_status_code()
        self.reusable = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._response)

    def _fail(self, reason: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(NoAnswer(reason))


async def _connect(origin: tuple[str, int]) -> _Connection:
    _transport, connection = await asyncio.get_running_loop().create_connection(
        _Connection, *origin
    )
    return connection


def _octets(request: Request, host: str, path: str, query: str) -> bytes:
    target = f"{path}?{query}" if query else path
    lines = [f"{request.method} {target} HTTP/1.1", f"host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body or request.method in {"POST", "PUT", "PATCH"}:
        lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body
