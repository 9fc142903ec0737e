"""A closed-loop HTTP/1.1 client that costs the server's core nothing and measures no latency.

It keeps a few connections busy with requests that were built beforehand. It is for CPU per
request only; latency is measured by `lab.load`, which keeps a schedule.
"""

import asyncio
from collections.abc import Iterator
from itertools import cycle

CONNECTIONS = 8


class UnexpectedAnswer(Exception):
    """The server answered with another status than 200; the text holds the answer."""


async def saturate(port: int, requests: list[bytes], seconds: float) -> int:
    """Send `requests` in a cycle for that long; return how many were answered with 200."""
    loop = asyncio.get_running_loop()
    source = cycle(requests)
    deadline = loop.time() + seconds
    connections = []
    for _ in range(CONNECTIONS):
        _, connection = await loop.create_connection(
            lambda: _Connection(source, deadline), "127.0.0.1", port
        )
        connections.append(connection)
    answered = await asyncio.gather(*(connection.done for connection in connections))
    return sum(answered)


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Build the octets of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way at a time."""

    def __init__(self, source: Iterator[bytes], deadline: float) -> None:
        self._source = source
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._answered = 0
        self.done: asyncio.Future[int] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP always is
        self._transport = transport
        transport.write(next(self._source))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        if not head.startswith(b"HTTP/1.1 200 "):
            self._finish(UnexpectedAnswer(self._received.decode("latin-1")))
            return
        self._received = b""
        self._answered += 1
        if self._loop.time() < self._deadline:
            self._transport.write(next(self._source))
        else:
            self._finish(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish(exc or UnexpectedAnswer("the server closed the connection"))

    def _finish(self, error: Exception | None) -> None:
        self._transport.close()
        if self.done.done():
            return
        if error is None:
            self.done.set_result(self._answered)
        else:
            self.done.set_exception(error)


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)
