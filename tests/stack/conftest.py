"""Fixtures: real processes on free ports, all stopped afterwards."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from stack.ports import free_ports
from stack.processes import Process, Program

UPSTREAM = Path(__file__).with_name("upstream.py")
StartUpstream = Callable[..., Awaitable[Process]]


@pytest.fixture
async def processes() -> AsyncIterator[list[Process]]:
    """Whatever a test puts here is stopped at its end."""
    started: list[Process] = []
    yield started
    for process in started:
        await process.stop()


@pytest.fixture
def start_upstream(tmp_path: Path, processes: list[Process]) -> StartUpstream:
    """Start a small server and wait until it is ready: port, name, restart."""

    async def start(
        port: int | None = None,
        name: str = "upstream",
        *,
        restart: bool = False,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> Process:
        port = port or free_ports(1)[0]
        program = Program(
            name,
            [sys.executable, str(UPSTREAM), str(port), name, str(tmp_path)],
            f"http://127.0.0.1:{port}/health/ready",
            {"PATH": os.defpath},
        )
        process = Process(program, tmp_path, restart=restart, tell=tell)
        processes.append(process)
        await process.start()
        await process.wait_until_ready()
        return process

    return start
