"""A wire that can be made longer, cut, and counted: a TCP proxy between a replica and a store."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from stack.ports import free_ports


class Wire:
    """Passes octets on between its own port and `target`; an async context manager.

    `delay` is in seconds and added to each direction, so a round trip grows by twice as much.
    While `cut` is set, nothing passes and nobody is told, as when a cable is pulled. A `tap` is
    told all that passes, and whether it came from the client.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = free_ports(1)[0]
        self.delay = 0.0
        self.cut = False
        self.round_trips = 0  # times that the client spoke after the server, or first
        self.octets = 0  # both ways
        self.connections = 0
        self.tap: Callable[[bytes, bool], None] | None = None
        self._server: asyncio.Server | None = None
        self._ends: set[_End] = set()

    @classmethod
    def before(cls, url: str) -> Self:
        """Make a wire to the host and port of a URL."""
        parts = urlsplit(url)
        assert parts.hostname is not None  # noqa: S101 - it is an address of ours
        return cls((parts.hostname, parts.port or 0))

    def through(self, url: str) -> str:
        """Return the same URL by way of this wire."""
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{self.port}"))

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Near(self), "127.0.0.1", self.port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop every connection and listen no more."""
        if self._server is not None:
            self._server.close()
        for end in list(self._ends):
            end.drop()

    def mend(self) -> None:
        """Pass octets on again; connections that lost some are of no more use, and closed."""
        self.cut = False
        for end in list(self._ends):
            end.drop()

    def joined(self, end: "_End") -> None:
        """Count a connection's end in."""
        self._ends.add(end)

    def left(self, end: "_End") -> None:
        """Count it out."""
        self._ends.discard(end)


class _End(asyncio.Protocol):
    """One end of a connection that passes through; what it receives goes to the `other` end."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP always is
        self.transport = transport
        self.wire.joined(self)

    def data_received(self, data: bytes) -> None:
        self.wire.octets += len(data)
        if self.wire.tap is not None:
            self.wire.tap(data, isinstance(self, _Near))
        if self.wire.cut:
            return
        if self.wire.delay:
            asyncio.get_running_loop().call_later(self.wire.delay, self._pass_on, data)
        else:
            self._pass_on(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.wire.left(self)
        if self.other is not None and not self.wire.cut:
            self.other.drop()

    def drop(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def _pass_on(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None and not self.wire.cut:
            self.other.transport.write(data)


class _Near(_End):
    """The client's end: connects to the target, and keeps what comes before that is done."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._early: list[bytes] = []
        self._connecting: asyncio.Task[None] | None = None
        self.spoke_last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.wire.connections += 1
        self._connecting = asyncio.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        if not self.spoke_last:
            self.wire.round_trips += 1
            self.spoke_last = True
        if self.other is None:
            self._early.append(data)
        else:
            super().data_received(data)

    async def _connect(self) -> None:
        try:
            _, far = await asyncio.get_running_loop().create_connection(
                lambda: _Far(self.wire), *self.wire.target
            )
        except OSError:
            self.drop()
            return
        far.other, self.other = self, far
        early, self._early = self._early, []
        for data in early:
            super().data_received(data)


class _Far(_End):
    """The server's end."""

    def data_received(self, data: bytes) -> None:
        if isinstance(self.other, _Near):
            self.other.spoke_last = False
        super().data_received(data)
