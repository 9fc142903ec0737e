"""Which pages of other origins may call what (the Fetch standard, §3.3); `nosniff` everywhere."""

from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_ONLY_HTTPS: Final = (b"strict-transport-security", b"max-age=31536000")  # a year (RFC 6797)
_ALLOWED_HEADERS: Final = b"Authorization, Content-Type, MCP-Protocol-Version, X-Requested-With"
_MAX_AGE: Final = b"600"  # seconds that a browser may remember a preflight


class Policy:
    """The origins that may call one path with one method; None: any origin.

    Credentials of the browser, such as cookies, are never allowed along.
    """

    def __init__(self, method: str, origins: frozenset[str] | None = None) -> None:
        self._origins = None if origins is None else {origin.encode() for origin in origins}
        self._preflight = [
            (b"access-control-allow-methods", method.encode()),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _MAX_AGE),
        ]

    def headers(self, origin: bytes | None) -> Headers:
        """Return what lets pages of this origin read the answer; the comparison is exact."""
        if self._origins is None:
            return [(b"access-control-allow-origin", b"*")]
        varying = [(b"vary", b"Origin")]
        if origin not in self._origins:
            return varying
        return [*varying, (b"access-control-allow-origin", origin)]

    async def answer_preflight(self, headers: Headers, send: Send) -> None:
        """Say what is allowed; a browser that does not find its origin goes no further."""
        headers = [*headers, *self._preflight]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class CrossOrigin:
    """ASGI middleware: answers preflights, and adds to every answer what browsers must know."""

    def __init__(self, app: ASGIApp, policies: Mapping[str, Policy], *, https: bool) -> None:
        """Take policies by path; one that ends in a slash is for all that lies just below it.

        `https`: browsers are told to come by no other way.
        """
        self._app = app
        self._everywhere = [_NOSNIFF, _ONLY_HTTPS] if https else [_NOSNIFF]
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is a preflight."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = [*self._everywhere]
        path = scope["path"]
        policy = self._policies.get(path) or self._policies.get(path[: path.rfind("/") + 1])
        if policy is not None:
            request_headers = dict(scope["headers"])
            added += policy.headers(request_headers.get(b"origin"))
            preflight = b"access-control-request-method" in request_headers
            if preflight and scope["method"] == "OPTIONS":
                await policy.answer_preflight(added, send)
                return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)
