"""Which pages of other origins may call what (the Fetch standard, §3.3), and safe headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_ALLOWED_HEADERS: Final = b"Authorization, Content-Type, X-Requested-With"
_MAX_AGE: Final = b"600"  # seconds


@dataclass(frozen=True, slots=True)
class Policy:
    """The origins that may call one path with some methods; None: any origin.

    Credentials of the browser (cookies) are never allowed, so an open path gives nothing away.
    """

    methods: bytes
    origins: frozenset[bytes] | None

    def allows(self, origin: bytes) -> bool:
        """Tell whether pages of this origin may read the answer; the comparison is exact."""
        return self.origins is None or origin in self.origins


def policies(origins: tuple[str, ...]) -> dict[str, Policy]:
    """Open the token endpoint to `origins`, and what is public anyway to all (RFC 9700 §2.6)."""
    public = Policy(b"GET", None)
    return {
        "/token": Policy(b"POST", frozenset(origin.encode() for origin in origins)),
        "/.well-known/jwks.json": public,
        "/.well-known/openid-configuration": public,
        "/.well-known/oauth-authorization-server": public,
    }


class CrossOrigin:
    """ASGI middleware: answers preflights and names the allowed origin; `nosniff` on everything."""

    def __init__(self, app: ASGIApp, policies: Mapping[str, Policy]) -> None:
        self._app = app
        self._policies = policies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it is a preflight."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = [_NOSNIFF]
        policy = self._policies.get(scope["path"])
        if policy is not None:
            headers = dict(scope["headers"])
            origin = headers.get(b"origin")
            if policy.origins is not None:
                added.append((b"vary", b"Origin"))
            if origin is not None and policy.allows(origin):
                allowed = b"*" if policy.origins is None else origin
                added.append((b"access-control-allow-origin", allowed))
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _answer_preflight(policy, added, send)
                return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _answer_preflight(policy: Policy, added: list[tuple[bytes, bytes]], send: Send) -> None:
    """Say what is allowed; a browser that finds its origin missing goes no further."""
    headers = [
        *added,
        (b"access-control-allow-methods", policy.methods),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", _MAX_AGE),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
