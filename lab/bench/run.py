"""One run of the bench: a stack of its own beside whatever runs, measured and taken down."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from lab.bench import figures, revocation, services, status_lists, verification
from lab.bench.figures import Revocation
from lab.bench.measure import LOAD_CORE, Ratio
from stack.errors import StackError
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.ports import free_ports
from stack.stack import Stack

RESULTS = Path(".sealgate/bench.json")
# One thread for passwords, since the server has one core: two would only push each other's
# 19 MiB out of the processor's cache.
_AUTH = {
    **UNTHROTTLED,
    "AUTH_ACCESS_TOKEN_LIFETIME": "3600",
    "AUTH_PASSWORD_WORKERS": "1",
}


def run(rounds: int, seconds: float) -> int:
    """Measure, print and keep the figures; 0 if every one reached its bound, else 1."""
    console = Console()
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        console.print("The bench needs Linux and two cores: one for the server, one for the load.")
        return 2
    try:
        measured, revoked = asyncio.run(_measure(console, rounds, seconds))
    except StackError as error:
        console.print(f"[red]{error}[/]")
        return 1
    figures.show(console, measured)
    figures.show_revocation(console, revoked)
    figures.keep(RESULTS, measured, revoked)
    console.print(f"Kept in {RESULTS}.")
    ratios = (f.reached_by(measured[f.name].median) for f in figures.FIGURES)
    return 0 if all(ratios) and revoked.is_good else 1


async def _measure(
    console: Console, rounds: int, seconds: float
) -> tuple[dict[str, Ratio], Revocation]:
    with console.status("verifying, in process") as status:
        measured = await verification.measure(rounds)
        check = await status_lists.measure_check(rounds)
        octets = await asyncio.to_thread(status_lists.measure_octets)
        status.update("starting a stack of our own")
        os.sched_setaffinity(0, {LOAD_CORE})  # and so everything that is started from here
        settings = Settings(auth=_AUTH, restart=False)
        with tempfile.TemporaryDirectory() as folder:
            async with Stack(Path(folder), Ports.free(replicas=1), settings) as stack:
                auth = services.Server(stack.auth, stack.ports.auth_process)
                status.update("/whoami against its unprotected twin")
                measured |= await _measure_routes(stack, auth, rounds, seconds)
                status.update("issuing tokens")
                measured |= await services.measure_issuing(stack, auth, rounds, seconds)
                status.update("logging in")
                measured |= await services.measure_login(stack, auth, rounds, seconds)
                status.update("revoking tokens, on two replicas")
                lag = await _measure_revocation(stack)
    return measured, Revocation(lag, check, octets)


async def _measure_revocation(stack: Stack) -> revocation.Lag:
    [port] = free_ports(1)
    second = await stack.start_replica("replica-2", port)
    await second.wait_until_ready()
    return await revocation.measure(stack, [stack.ports.replicas[0], port])


async def _measure_routes(
    stack: Stack, auth: services.Server, rounds: int, seconds: float
) -> dict[str, Ratio]:
    tokens = await services.new_tokens(stack, auth)

    @asynccontextmanager
    async def started(name: str, module: str) -> AsyncIterator[services.Server]:
        [port] = free_ports(1)
        process = await stack.start_replica(name, port, module)
        await process.wait_until_ready()
        yield services.Server(process, port)
        await process.stop()

    return await services.measure_routes(tokens, started, rounds, seconds)
