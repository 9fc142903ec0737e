"""An ASGI application on a real socket, through uvicorn as both services run it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.server import configuration


async def caller(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with the address that an application is told the caller has."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(scope["client"][0]).encode()})


@asynccontextmanager
async def served(
    app: ASGIApp, trusted_proxies: Sequence[str] = (), *, port: int = 0, lifespan: bool = False
) -> AsyncIterator[int]:
    """Serve it on the loopback interface, on a free port; its lifespan runs if it has one."""
    config = configuration(app, "127.0.0.1", port, trusted_proxies)
    config.lifespan = "on" if lifespan else "off"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    [port] = [socket.getsockname()[1] for each in server.servers for socket in each.sockets]
    yield port
    server.should_exit = True
    await task
