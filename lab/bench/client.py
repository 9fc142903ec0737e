"""A closed-loop HTTP/1.1 client that costs the server's core nothing and measures no latency.

It keeps a few connections busy with requests that were built beforehand. It is for CPU per
request only; latency is measured by `lab.load`, which keeps a schedule.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, repeat

CONNECTIONS = 8


class UnexpectedAnswer(Exception):
    """The server answered with another status than 200; the text holds the answer."""


async def saturate(port: int, requests: list[bytes] | Iterator[bytes], seconds: float) -> int:
    """Send `requests` for that long; return how many were answered with 200.

    A list is sent in a cycle from its beginning. An iterator is gone on with: it must not end.
    """
    now = asyncio.get_running_loop().time
    deadline = now() + seconds

    def source() -> Iterator[bytes]:
        for octets in cycle(requests) if isinstance(requests, list) else requests:
            if now() >= deadline:
                return
            yield octets

    answered = 0

    def count(_body: bytes) -> None:
        nonlocal answered
        answered += 1

    await _send(port, source(), count)
    return answered


async def collect(port: int, octets: bytes, count: int) -> list[bytes]:
    """Send one request `count` times; return the bodies of the answers."""
    bodies: list[bytes] = []
    await _send(port, repeat(octets, count), bodies.append)
    return bodies


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Build the octets of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


async def _send(port: int, requests: Iterable[bytes], answer: Callable[[bytes], None]) -> None:
    loop = asyncio.get_running_loop()
    source = iter(requests)
    connections = [
        (await loop.create_connection(lambda: _Connection(source, answer), "127.0.0.1", port))[1]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(connection.done for connection in connections))


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time, until there are no more."""

    def __init__(self, source: Iterator[bytes], answer: Callable[[bytes], None]) -> None:
        self._source = source
        self._answer = answer
        self._received = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP always is
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        """Go on to the next request once the answer is whole."""
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._finish(UnexpectedAnswer(self._received.decode("latin-1")))
            return
        self._received = b""
        self._answer(body)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so, unless all was done."""
        self._finish(exc or UnexpectedAnswer("the server closed the connection"))

    def _next(self) -> None:
        octets = next(self._source, None)
        if octets is None:
            self._finish(None)
        else:
            self._transport.write(octets)

    def _finish(self, error: Exception | None) -> None:
        self._transport.close()
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)
