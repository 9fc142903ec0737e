"""The auth service's admin commands, run as a person would run them."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping

from stack.errors import StackError
from stack.processes import REPOSITORY


async def run_admin_command(
    environment: Mapping[str, str], command: list[str], given: str = ""
) -> str:
    """Run an admin command with `given` as its input; return what it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "auth_service", *command),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environment),
        cwd=REPOSITORY,
    )
    output, errors = await process.communicate(f"{given}\n".encode())
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise StackError(f"`python -m auth_service {' '.join(command[:3])}` failed: {said[-1]}")
    return output.decode()
