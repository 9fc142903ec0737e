"""405 with every method that a path has (RFC 9110 §15.5.6).

The framework names those of the first route that matches, though `GET /notes` and
`POST /notes` are two.
"""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.status import HTTP_405_METHOD_NOT_ALLOWED


def install(app: FastAPI) -> None:
    """Answer every 405 of `app` with a complete `Allow`."""

    async def method_not_allowed(request: Request, _error: Exception) -> JSONResponse:
        headers = {"allow": ", ".join(sorted(_allowed(app, request))), "cache-control": "no-store"}
        return JSONResponse({"error": "method_not_allowed"}, HTTP_405_METHOD_NOT_ALLOWED, headers)

    app.add_exception_handler(HTTP_405_METHOD_NOT_ALLOWED, method_not_allowed)


def _allowed(app: FastAPI, request: Request) -> set[str]:
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return {
        method
        for route in iter_route_contexts(app.routes)
        if route.methods and route.path_regex.match(path)
        for method in route.methods
    }
