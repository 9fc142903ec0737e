"""An API and its issuer on one port, right in all but what a test makes wrong."""

import asyncio
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import parse_qs

from shared import jws
from shared.access_token import TYPE
from shared.jws import SigningKey

CLIENT_ID: Final = "the client"
CLIENT_SECRET: Final = "s:e+c%r&e=t"
BOTH: Final = "notes:read notes:write"
_BASIC: Final = b64encode(b"the+client:s%3Ae%2Bc%25r%26e%3Dt").decode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[Request], Reply]


def as_json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    named = {"content-type": "application/json"} | dict(headers or {})
    return Reply(status, json.dumps(document).encode(), named)


def html(status: int = 200) -> Reply:
    return Reply(status, b"<!doctype html><title>It works</title>", {"content-type": "text/html"})


def redirect(to: str) -> Reply:
    return Reply(301, b"", {"location": to})


class Pair:
    """Change the documents, or what a path answers, before it is examined."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.requests: list[Request] = []
        self.clock_ahead = 0.0
        self.answers: dict[str, Respond] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"
        self.resource = f"{self.issuer}/api"
        self.resource_metadata: dict[str, Any] = {
            "resource": self.resource,
            "authorization_servers": [self.issuer],
        }
        self.server_metadata: dict[str, Any] = {
            "issuer": self.issuer,
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": [],
        }
        self.keys: list[Any] = [dict(self.key.public_jwk)]
        self.key_set_headers = {"cache-control": "max-age=300"}
        self.token_response: dict[str, Any] = {"token_type": "bearer", "expires_in": 300}
        self.token_headers = {"cache-control": "no-store"}
        self.token_claims: dict[str, Any] = {}
        self.answers |= {
            "/.well-known/oauth-protected-resource/api": lambda _: as_json(self.resource_metadata),
            "/.well-known/oauth-authorization-server": lambda _: as_json(self.server_metadata),
            "/keys": lambda _: as_json({"keys": self.keys}, headers=self.key_set_headers),
            "/token": self._token,
            "/api": self._api,
        }

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def sign(self, scope: str = BOTH, **changes: Any) -> str:
        now = int(time.time() + self.clock_ahead)
        claims = {
            "iss": self.issuer,
            "aud": self.resource,
            "sub": "somebody",
            "client_id": CLIENT_ID,
            "jti": secrets.token_urlsafe(),
            "iat": now,
            "exp": now + 300,
            "scope": scope,
        }
        return self.key.sign(json.dumps(claims | changes).encode(), typ=TYPE)

    def challenge(self, *parameters: str) -> str:
        metadata = f"{self.issuer}/.well-known/oauth-protected-resource/api"
        return "Bearer " + ", ".join([f'resource_metadata="{metadata}"', *parameters])

    def refusal(self, status: int, *parameters: str) -> Reply:
        return as_json({"error": "x"}, status, {"www-authenticate": self.challenge(*parameters)})

    def _token(self, request: Request) -> Reply:
        parameters = parse_qs(request.body)
        if parameters.get("grant_type") != ["client_credentials"]:
            return as_json({"error": "unsupported_grant_type"}, 400)
        if request.headers.get("authorization") != f"Basic {_BASIC}":
            return as_json({"error": "invalid_client"}, 401)
        scope = parameters.get("scope", [BOTH])[0]
        token = self.sign(scope, **self.token_claims)
        answer = {"access_token": token, "scope": scope} | self.token_response
        return as_json(answer, headers=self.token_headers)

    def _api(self, request: Request) -> Reply:
        if request.method != "GET":
            return as_json({"error": "method_not_allowed"}, 405, {"allow": "GET"})
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer":
            return self.refusal(401, 'scope="notes:read"')
        scope = self.scope_of(token)
        if scope is None:
            return self.refusal(401, 'error="invalid_token"')
        if "notes:read" not in scope.split():
            return self.refusal(403, 'error="insufficient_scope"', 'scope="notes:read"')
        return as_json({"notes": []})

    def scope_of(self, token: str) -> str | None:
        header, payload, signature = token.encode().split(b".")
        if not self.key.verification_key().verify(header + b"." + payload, jws.decode(signature)):
            return None
        scope: str = json.loads(jws.decode(payload))["scope"]
        return scope

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            self.requests.append(request)
            respond = self.answers.get(request.path)
            writer.write(self._rendered(respond(request) if respond else as_json({}, 404)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    def _rendered(self, reply: Reply) -> bytes:
        headers = {
            "content-length": str(len(reply.body)),
            "date": formatdate(time.time() + self.clock_ahead, usegmt=True),
            "connection": "close",
            **reply.headers,
        }
        lines = [
            f"HTTP/1.1 {reply.status} x",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, target.partition("?")[0], headers, body.decode())
