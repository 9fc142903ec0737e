"""A proxy before PostgreSQL that has a session ended at a chosen statement.

It follows the frontend's messages (PostgreSQL documentation, "Message Flow") far enough to know
when a statement begins and when its answer is complete.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import asyncpg

from shared.database import Connection
from stack.postgres import EmbeddedPostgres

Moment = Literal["before", "after"]  # it ran; or when it had run, and nobody was told


@dataclass
class Blow:
    """What is to happen at the `number`th statement from now, and what came of it.

    Statements that contain one of `ignoring` do not count.
    """

    number: int
    moment: Moment
    ignoring: tuple[str, ...] = ()
    seen: int = 0
    struck: str = ""  # the statement; empty as long as it did not come


class CuttingProxy:
    """Lets everything through, until there is a `blow` to deal."""

    def __init__(self, server: EmbeddedPostgres, superuser: Connection) -> None:
        self.port = 0
        self.blow: Blow | None = None
        self._server = server
        self._superuser = superuser
        self._one_at_a_time = asyncio.Lock()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what a client and the server say until one of them goes."""
        near = _End(reader, writer)
        try:
            far = _End(*await asyncio.open_connection("127.0.0.1", self._server.port))
            session = _Session(self, near, far)
            await session.run()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            near.writer.close()

    def begins(self, statement: str) -> Blow | None:
        """Count a statement; the blow, if it is this one's turn."""
        blow = self.blow
        if blow is None or blow.struck or any(part in statement for part in blow.ignoring):
            return None
        blow.seen += 1
        if blow.seen < blow.number:
            return None
        blow.struck = " ".join(statement.split())
        return blow

    async def terminate(self, backend: int) -> None:
        """End a session as an administrator does, and wait for its end."""
        async with self._one_at_a_time:
            await self._superuser.fetchval("SELECT pg_terminate_backend($1, 5000)", backend)


@asynccontextmanager
async def cutting_proxy(server: EmbeddedPostgres) -> AsyncIterator[CuttingProxy]:
    superuser = await asyncpg.connect(server.url())
    proxy = CuttingProxy(server, superuser)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await superuser.close()


@dataclass
class _End:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def message(self) -> tuple[bytes, bytes]:
        """Read a message; its type and all of its octets."""
        head = await self.reader.readexactly(5)
        return head[:1], head + await self.reader.readexactly(int.from_bytes(head[1:], "big") - 4)


@dataclass
class _Session:
    proxy: CuttingProxy
    near: _End
    far: _End
    backend: int = 0
    blow: Blow | None = None  # dealt to this session
    prepared: dict[bytes, bytes] = field(default_factory=dict)  # statements by name
    bound: bytes = b""

    async def run(self) -> None:
        # The first message has no type; its length comes first.
        length = await self.near.reader.readexactly(4)
        rest = await self.near.reader.readexactly(int.from_bytes(length, "big") - 4)
        self.far.writer.write(length + rest)
        there, back = asyncio.create_task(self._there()), asyncio.create_task(self._back())
        try:
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            if self.blow is not None:
                await asyncio.wait([back])
        finally:
            for task in (there, back):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
                    await task
            self.far.writer.close()

    async def _there(self) -> None:
        """From the client to the server; a statement that is struck before it runs is lost."""
        while True:
            kind, message = await self.near.message()
            statement = self._statement(kind, message[5:])
            if statement is not None:
                self.blow = self.proxy.begins(statement)
                if self.blow is not None and self.blow.moment == "before":
                    await self.proxy.terminate(self.backend)
                    return
            self.far.writer.write(message)

    def _statement(self, kind: bytes, body: bytes) -> str | None:
        """Return the statement that this message runs, if it runs one."""
        if kind == b"P":
            name, sql, _ = body.split(b"\0", 2)
            self.prepared[name] = sql
        elif kind == b"B":
            _portal, name, _ = body.split(b"\0", 2)
            self.bound = self.prepared[name]
        elif kind == b"E":
            return self.bound.decode()
        elif kind == b"Q":
            return body.rstrip(b"\0").decode()
        return None

    async def _back(self) -> None:
        """From the server to the client, who does not hear of what was struck after it ran."""
        while True:
            kind, message = await self.far.message()
            if kind == b"K":
                self.backend = int.from_bytes(message[5:9], "big")
            if self.blow is not None and self.blow.moment == "after":
                if kind == b"Z":
                    await self.proxy.terminate(self.backend)
                    return
                continue
            self.near.writer.write(message)
