"""`python -m lab live`: everything that the live page shows, for as long as it runs."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import uvicorn
from rich.console import Console

from lab.live.app import create_app
from lab.live.side import KEYS_LIVE
from lab.live.stage import Stage
from lab.premises import laboratory
from lab.proxy import Wire
from lab.stopping import stoppable
from stack.errors import StackError
from stack.layout import Ports, Settings
from stack.ports import require_free

PORT: Final = 8090


def run(port: int = PORT) -> int:
    """Serve the page until Ctrl-C; return the exit status. No process is left behind."""
    console = Console(highlight=False)
    try:
        require_free(port, "the live page")
    except StackError:
        other = "stop what is there, or name another: make live ARGS='--port 9090'"
        console.print(f"Port {port} is in use: {other}", style="red")
        return 1
    try:
        asyncio.run(stoppable(_serve(console, port)))
    except KeyboardInterrupt:
        return _stopped(console, signal.SIGINT)
    except asyncio.CancelledError:
        return _stopped(console, signal.SIGTERM)
    except StackError as error:
        console.print(f"The live page cannot start: {error}", style="red")
        return 1
    return 0


def _stopped(console: Console, number: signal.Signals) -> int:
    console.print("Stopped: no process and no file is left behind.")
    return 128 + number


async def _serve(console: Console, port: int) -> None:
    console.print("Starting issuer, PostgreSQL, Redis, load balancers and eight replicas …")
    async with stage() as opened:
        console.print(f"[bold]http://127.0.0.1:{port}[/] is ready; Ctrl-C stops everything.")
        await serve(opened, port)


async def serve(opened: Stage, port: int) -> None:
    """Serve the page of this stage, on loopback, until cancelled."""
    config = uvicorn.Config(
        create_app(opened, port), host="127.0.0.1", port=port, log_config=None, access_log=False
    )
    server = _Server(config)
    following = asyncio.create_task(opened.follow_lists())
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.wait([serving])
    finally:
        following.cancel()
        server.should_exit = server.force_exit = True  # whoever watches would watch for ever
        await asyncio.wait([serving])


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Start everything that can be seen and broken; all is gone afterwards."""
    ports = Ports.free(replicas=1)
    async with Wire(("127.0.0.1", ports.auth)) as wire:
        # The replicas know the issuer by this wire, so that it can be cut.
        issuer = f"http://127.0.0.1:{wire.port}"
        settings = Settings(
            auth={
                "AUTH_ISSUER": issuer,
                "AUTH_ACCESS_TOKEN_LIFETIME": "900",
                "AUTH_JWKS_MAX_AGE": KEYS_LIVE,
            },
            resource={"RESOURCE_ISSUER": issuer},
            restart=False,
        )
        chance = random.Random()  # noqa: S311 - an order, no secret
        async with laboratory(settings, chance, ports=ports) as lab:
            opened = Stage(lab, wire)
            try:
                await opened.open()
                yield opened
            finally:
                await opened.close()


class _Server(uvicorn.Server):
    """Leaves signals to `stoppable`, which ends everything else as well."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
