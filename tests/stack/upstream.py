"""A small real server to stand behind Caddy: upstream.py PORT NAME FOLDER.

It writes the name of each request it got to FOLDER/requests, and can die while it answers.
"""

import os
import signal
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PORT, NAME, FOLDER = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])


async def ready(_: Request) -> Response:
    return Response()


async def echo(request: Request) -> Response:
    body = await request.body()
    forwarded = request.headers.get("x-forwarded-for", "")
    return JSONResponse({"name": NAME, "length": len(body), "forwarded": forwarded})


async def die_once(request: Request) -> Response:
    """The first of all upstreams that gets this one dies before it answers."""
    with (FOLDER / "requests").open("a") as requests:
        requests.write(f"{request.method} {NAME}\n")
    try:
        (FOLDER / "died").touch(exist_ok=False)
    except FileExistsError:
        return JSONResponse({"name": NAME})
    os.kill(os.getpid(), signal.SIGKILL)
    return Response()


app = Starlette(
    routes=[
        Route("/health/ready", ready),
        Route("/echo", echo, methods=["GET", "POST"]),
        Route("/die-once", die_once, methods=["GET", "POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", proxy_headers=False)
