"""HEAD wherever there is GET (RFC 9110 §9.1), and 405 with every method of a path (§15.5.6).

The framework answers HEAD with 405, and names in `Allow` the methods of the first route that
matches, though `GET /notes` and `POST /notes` are two.
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.status import HTTP_405_METHOD_NOT_ALLOWED
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def install(app: FastAPI) -> None:
    """Answer HEAD like GET, and every 405 of `app` with a complete `Allow`."""

    async def method_not_allowed(request: Request, _error: Exception) -> JSONResponse:
        headers = {"allow": ", ".join(sorted(_allowed(app, request))), "cache-control": "no-store"}
        return JSONResponse({"error": "method_not_allowed"}, HTTP_405_METHOD_NOT_ALLOWED, headers)

    app.add_exception_handler(HTTP_405_METHOD_NOT_ALLOWED, method_not_allowed)
    app.add_middleware(_HeadAsGet)


def _allowed(app: FastAPI, request: Request) -> set[str]:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    methods = {
        method
        for route in iter_route_contexts(app.routes)
        if route.methods and route.path_regex.match(path)
        for method in route.methods
    }
    return methods | {"HEAD"} if "GET" in methods else methods


class _HeadAsGet:
    """Lets the application see GET, and sends the head of its answer only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)
