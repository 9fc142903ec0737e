"""Who may talk to the live page: its own pages in a browser on this machine, and nobody else.

It can kill processes, so a page of another origin must not reach it: not by a form, not by a
script, and not by a name of its own that resolves to the loopback address (DNS rebinding).
"""

from collections.abc import Iterable
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAXIMUM_BODY: Final = 1024  # octets
_READING: Final = frozenset({"GET", "HEAD"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Refuses with 403 whatever was not meant for us, before anything reads it.

    The `Host` must be ours (RFC 9110 §7.2). An `Origin`, if there is one, must be ours too
    (RFC 6454 §7), and whatever may change something must have one, and be JSON of at most
    `MAXIMUM_BODY` octets: that cannot be sent across origins without asking first.
    """

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on, or refuse it."""
        if scope["type"] != "http":
            return
        headers = _by_name(scope["headers"])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *added]
            await send(message)

        reason = self._refusal(scope["method"], headers)
        app = self._app if reason is None else PlainTextResponse(reason + "\n", 403)
        await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: dict[str, list[str]]) -> str | None:
        host, origin = headers.get("host", []), headers.get("origin")
        if len(host) != 1 or host[0] not in self._hosts:
            return "This page is for a browser on this machine, by its own address."
        # The origin that belongs to this very host: 127.0.0.1 and localhost are two.
        if origin is not None and origin != [f"http://{host[0]}"]:
            return "Another page must not do this."
        if headers.get("sec-fetch-site", ["same-origin"]) not in (["same-origin"], ["none"]):
            return "Another page must not do this."
        if method in _READING:
            return None
        length = headers.get("content-length", [""])
        sized = len(length) == 1 and length[0].isdigit() and int(length[0]) <= MAXIMUM_BODY
        if origin is None or headers.get("content-type") != ["application/json"] or not sized:
            return "Only this page itself may do this."
        return None


def _by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return found
