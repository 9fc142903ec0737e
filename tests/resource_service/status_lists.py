"""An issuer's status lists as the resource service sees them, honest or not."""

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Any, Final

from resource_service.remote_status_lists import RemoteStatusLists
from shared.jws import SigningKey
from shared.status_list import Reference, pack
from tests.resource_service.issuer import JwksServer, respond

SIZE: Final = 1000


def revoked(lists: RemoteStatusLists, reference: Reference) -> bool | None:
    """Read the entry by what is in memory, as the verifier does for every request."""
    entries = lists.at_hand(reference.uri)
    return None if entries is None else entries.is_revoked(reference.idx, lists._now())


class ListServer(JwksServer):
    """A server of one list, and of whatever else a test wants it to answer.

    It listens on a port of its own, so it is an issuer of its own: `issuer` is its name. With
    `answer` left alone it serves `token` with an entity tag, and knows 304.
    """

    def __init__(self, key: SigningKey) -> None:
        super().__init__()
        self.key = key
        self.requests: list[str] = []
        self.token = ""
        self.iat = 0  # of the newest list that was signed, unless a change says otherwise
        self.honest = True

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def uri(self) -> str:
        return f"{self.issuer}/status-lists/0"

    def publish(self, *revoked: int, **changes: Any) -> str:
        """Serve a list with these entries set from now on; returns the token."""
        self.token = self.sign(revoked, **changes)
        return self.token

    def sign(
        self,
        revoked: Iterable[int] = (),
        *,
        typ: str = "statuslist+jwt",
        key: SigningKey | None = None,
        lst: str | None = None,
        **claims: Any,
    ) -> str:
        """Make a Status List Token that is good unless a change says otherwise; None leaves out."""
        now = self.iat = int(time.time())
        good = {
            "sub": self.uri,
            "iat": now,
            "exp": now + 600,
            "ttl": 5,
            "status_list": {"bits": 1, "lst": pack(revoked, SIZE) if lst is None else lst},
        }
        members = {name: value for name, value in (good | claims).items() if value is not None}
        return (key or self.key).sign(json.dumps(members).encode(), typ=typ)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._arrival.set()
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(request)
            if self.honest and request.startswith("GET /status-lists/0 "):
                await self._answer(request)(reader, writer)
            else:
                await self.answer(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()

    def _answer(self, request: str) -> Any:
        etag = f'W/"{hash(self.token) & 0xFFFFFFFF:x}"'
        headers = f"ETag: {etag}\r\nContent-Type: application/statuslist+jwt\r\n"
        if f"if-none-match: {etag}" in request:
            return respond(b"", status="304 Not Modified", headers=headers)
        return respond(self.token.encode(), headers=headers)
