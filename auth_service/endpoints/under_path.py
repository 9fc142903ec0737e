"""An issuer that has a path: `https://host/tenant`, and everything of ours below it."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send


class UnderPath:
    """ASGI middleware: takes the issuer's path off, so that the application knows nothing of it.

    A well-known document has the path behind its name too: `/.well-known/NAME/tenant` (RFC 8414
    §3.1), beside `/tenant/.well-known/NAME` (OpenID Connect Discovery §4). What comes without the
    path is answered as well: a proxy may have taken it off, and load balancers ask the process
    itself about its health.
    """

    def __init__(self, app: ASGIApp, path: str, well_known: Collection[str]) -> None:
        self._app = app
        self._prefix = f"{path}/"
        self._named = {f"{name}{path}": name for name in well_known}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path in self._named:
                scope = {**scope, "path": self._named[path]}
            elif path.startswith(self._prefix):
                scope = {**scope, "path": path[len(self._prefix) - 1 :]}
        await self._app(scope, receive, send)
