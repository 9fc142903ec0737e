"""A careful HTTP client for looking at what strangers serve: bounded in time and size."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx

from resource_service.diagnosis.findings import cut

MAXIMUM_OCTETS: Final = 256 * 1024
TIMEOUT: Final = 5.0  # seconds for one answer, from connecting to the last octet


class NoAnswer(Exception):
    """Nobody answered, or not in a way that can be read; the text says which."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read whole; the times are in seconds since 1970, by our clock."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    asked_at: float
    received_at: float

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case (RFC 9110 §8.3.1)."""
        content_type: str = self.headers.get("content-type", "")
        return content_type.partition(";")[0].strip().lower()

    @property
    def summary(self) -> str:
        """What came, on a line."""
        location = self.headers.get("location")
        where = f", a redirect to {location}" if location and 300 <= self.status < 400 else ""
        return cut(f"{self.status} {self.media_type or 'without a media type'}{where}")

    def document(self) -> dict[str, Any] | None:
        """Return the body if it is a JSON object, whatever the media type says."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None


class Client:
    """Asks, and never follows a redirect: a strict client does not, and so it can be shown."""

    def __init__(self, http: httpx.AsyncClient, *, now: Callable[[], float] = time.time) -> None:
        self._http = http
        self._now = now

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the answer, or raise `NoAnswer`."""
        asked_at = self._now()
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._http.stream(method, url, headers=headers, data=form) as response,
            ):
                body = await _read(response)
        except (TimeoutError, httpx.TimeoutException):
            raise NoAnswer(f"no complete answer within {TIMEOUT:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswer(cut(str(error) or type(error).__name__)) from None
        return Answer(url, response.status_code, response.headers, body, asked_at, self._now())

    async def get(self, url: str) -> Answer:
        """Ask for a JSON document."""
        return await self.ask("GET", url, headers={"accept": "application/json"})


@asynccontextmanager
async def open_client(url: str, *, now: Callable[[], float] = time.time) -> AsyncIterator[Client]:
    """Make a client; a proxy from the environment is not asked for plain http on loopback."""
    async with httpx.AsyncClient(
        headers={"accept-encoding": "identity", "user-agent": "sealgate-doctor"},
        follow_redirects=False,
        timeout=TIMEOUT,
        trust_env=not url.startswith("http://"),
    ) as http:
        yield Client(http, now=now)


async def _read(response: httpx.Response) -> bytes:
    """Count octets as they come: they must not be compressed, as we asked."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("the answer is compressed, though we asked for it plain")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAXIMUM_OCTETS:
            raise NoAnswer(f"the answer is longer than {MAXIMUM_OCTETS} octets")
    return bytes(body)
