"""Running `python -m resource_service` as a person does, beside servers in this process."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent.parent


@dataclass(frozen=True)
class Done:
    code: int
    output: str
    errors: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
def run() -> Run:
    """Run a command with `given` on standard input and nothing but `settings` in its mind."""

    async def run(*arguments: str, given: str = "", **settings: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "resource_service", *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={"PATH": os.environ["PATH"], **settings},
            cwd=REPOSITORY,
        )
        async with asyncio.timeout(30):
            output, errors = await process.communicate(given.encode())
        return Done(process.returncode or 0, output.decode(), errors.decode())

    return run
