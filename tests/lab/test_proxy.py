"""The wire between a replica and a store: longer, cut, and counted."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.proxy import Wire


@asynccontextmanager
async def _echo() -> AsyncIterator[Wire]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            writer.write(data)
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, Wire(("127.0.0.1", server.sockets[0].getsockname()[1])) as wire:
        yield wire


async def _ask(wire: Wire, times: int = 1) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    began = time.monotonic()
    try:
        for number in range(times):
            said = f"{number:04}".encode()
            writer.write(said)
            assert await reader.readexactly(4) == said
        return time.monotonic() - began
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def test_what_is_said_arrives_and_every_exchange_is_counted() -> None:
    async with _echo() as wire:
        await _ask(wire, times=25)
        assert (wire.round_trips, wire.octets, wire.connections) == (25, 200, 1)


async def test_a_delay_counts_both_ways() -> None:
    async with _echo() as wire:
        wire.delay = 0.02
        # The least of some tries: a machine may add to a delay, and the wire must not.
        least = min([await _ask(wire, times=5) for _ in range(5)])
        assert 5 * 0.04 <= least == pytest.approx(5 * 0.04, abs=0.12)


async def test_nothing_passes_a_cut_wire_and_nobody_is_told() -> None:
    async with _echo() as wire:
        wire.cut = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_ask(wire), 0.2)
        wire.mend()
        await _ask(wire)


async def test_a_server_that_is_gone_shows_as_a_closed_connection() -> None:
    async with _echo() as wire:
        wire.target = ("127.0.0.1", 1)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await _ask(wire)


def test_an_address_keeps_all_but_its_place() -> None:
    wire = Wire.before("postgresql://user:secret@127.0.0.1:5432/lab")
    assert wire.target == ("127.0.0.1", 5432)
    through = wire.through("postgresql://user:secret@127.0.0.1:5432/lab")
    assert through == f"postgresql://user:secret@127.0.0.1:{wire.port}/lab"
