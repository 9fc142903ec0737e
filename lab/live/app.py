"""The live page over HTTP: its files, what happens as it happens, and what is to be done."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from lab.live import actions
from lab.live.guard import Guard
from lab.live.numbers import numbers
from lab.live.stage import Refused, Stage

_FILES: Final = Path(__file__).parent / "static"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_SILENCE: Final = 15.0  # seconds until a comment is sent, so that a dead connection is noticed


def create_app(stage: Stage, port: int) -> ASGIApp:
    """Build the page's server, for the address that it will have."""

    async def events(_request: Request) -> Response:
        try:
            queue = stage.watch()
        except Refused as refusal:
            return _refused(refusal, HTTPStatus.SERVICE_UNAVAILABLE)
        return StreamingResponse(_lines(stage, queue), media_type="text/event-stream")

    async def act(request: Request) -> Response:
        try:
            action = actions.decode(await request.body())
        except (msgspec.DecodeError, RecursionError):
            return JSONResponse({"error": "not understood"}, HTTPStatus.BAD_REQUEST)
        try:
            await stage.act(action)
        except Refused as refusal:
            return _refused(refusal, HTTPStatus.CONFLICT)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def calculator(_request: Request) -> Response:
        return JSONResponse(numbers())

    routes = [
        Route("/events", events),
        Route("/act", act, methods=["POST"]),
        Route("/numbers.json", calculator),
        Route("/", _file(_FILES / "index.html")),
        *(Route(f"/{file.name}", _file(file)) for file in sorted(_FILES.iterdir())),
    ]
    return Guard(Starlette(routes=routes), port)


def _file(path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_request: Request) -> Response:
        return FileResponse(path, media_type=f"{_TYPES[path.suffix]}; charset=utf-8")

    return endpoint


def _refused(refusal: Refused, status: HTTPStatus) -> Response:
    return JSONResponse({"error": str(refusal)}, status)


async def _lines(stage: Stage, queue: "asyncio.Queue[dict[str, object]]") -> AsyncIterator[str]:
    try:
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), _SILENCE)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            yield f"data: {json.dumps(event)}\n\n"
    finally:
        stage.leave(queue)
