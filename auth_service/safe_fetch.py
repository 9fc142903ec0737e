"""Fetching an address that a stranger has named, without becoming his tool (RFC 9728 §7.7, SSRF).

A client says where its keys or its metadata are. What is fetched there must not lead into our
own network, nor cost more than a few seconds and kilobytes.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import httpx

TIMEOUT: Final = 3.0  # seconds, from asking the resolver to the last octet
_CONNECT_WITHIN: Final = 1.0  # seconds, for each address
_ADDRESSES: Final = 3  # of one host, tried in turn
_RESOLVERS: Final = 16  # look-ups at a time: a slow one must not hold up other threads' work
_VISIBLE: Final = re.compile(r"[!-~]{1,2000}")
# Not private by Python's tables, and yet no hosts of the public internet, or a way to others that
# are not (RFC 6890, 3056, 4380, 6052, 8215).
_OTHERS: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("192.0.0.0/24", "192.88.99.0/24"),
        *("2002::/16", "2001::/32", "64:ff9b::/96", "64:ff9b:1::/48"),
    )
)

T = TypeVar("T")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchRefused(ValueError):
    """An address that is not fetched, or an answer that is not taken; the text says why."""


class DocumentRefused(FetchRefused):
    """A document that was fetched and is not taken; the text says why."""


class Unreachable(Exception):
    """No answer, or none in time: it may be another one later."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The body of a 200, its Cache-Control header, and its media type in lower case."""

    body: bytes
    cache_control: str = ""
    media_type: str = ""


class SafeFetch:
    """Fetches documents by GET: https, no redirects, public addresses, bounded in time and size.

    The address is checked and then connected to by its number, so a name that resolves to
    something else the next time leads nowhere. With `loopback` this machine may be fetched from
    too, by http as well: for development and tests.
    """

    def __init__(self, *, loopback: bool = False, timeout: float = TIMEOUT) -> None:
        self._loopback = loopback
        self._timeout = timeout
        self._resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolver")
        self._opening = asyncio.Lock()
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Give up what is under way."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)
        if self._http is not None:
            await self._http.aclose()

    def check(self, url: str) -> SplitResult:
        """Return the parts of an address that may be fetched, or raise `FetchRefused`.

        Not checked here: where the host leads.
        """
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise FetchRefused("it is no URL") from None
        if not _VISIBLE.fullmatch(url) or "\\" in url or not host or "@" in parts.netloc:
            raise FetchRefused("it is no URL of visible ASCII with a host and no user")
        if "#" in url:
            raise FetchRefused("it has a fragment")
        if parts.scheme != "https" and not (parts.scheme == "http" and self._loopback):
            raise FetchRefused("it is not https")
        return parts

    async def get(self, url: str, *, accept: str, maximum: int) -> Fetched:
        """Return what is there, of `maximum` octets at most.

        Raises `FetchRefused` or `Unreachable`.
        """
        parts = self.check(url)
        return await self._at_some_address(
            parts, lambda address: self._get(parts, address, accept, maximum)
        )

    async def post(self, url: str, body: bytes, content_type: str) -> int:
        """Send it there, and return the status; what else the answer says is not read.

        Raises `FetchRefused` or `Unreachable`.
        """
        parts = self.check(url)
        return await self._at_some_address(
            parts, lambda address: self._post(parts, address, body, content_type)
        )

    async def _at_some_address(
        self, parts: SplitResult, ask: Callable[[_Address], Awaitable[T]]
    ) -> T:
        """Ask at the first address that can be connected to."""
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._resolve(parts)
                for address in addresses[:-1]:
                    try:
                        return await ask(address)
                    except (httpx.ConnectError, httpx.ConnectTimeout):
                        continue
                return await ask(addresses[-1])
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    async def _client(self) -> httpx.AsyncClient:
        """Return the HTTP client, made when it is first needed.

        To read the certificates of all authorities takes 20 ms of CPU, and most commands, and
        most issuers, never fetch anything.

        No connection is kept: the next one may be for another name at the same address, whose
        certificate was never looked at. No proxy: it would resolve the name anew.
        """
        async with self._opening:
            if self._http is None:
                self._http = httpx.AsyncClient(
                    verify=await asyncio.to_thread(httpx.create_ssl_context),
                    trust_env=False,
                    follow_redirects=False,
                    limits=httpx.Limits(max_keepalive_connections=0),
                    timeout=httpx.Timeout(self._timeout, connect=_CONNECT_WITHIN),
                )
        return self._http

    async def _resolve(self, parts: SplitResult) -> list[_Address]:
        """Return where the host is; one address that must not be fetched spoils the others."""
        assert parts.hostname is not None  # noqa: S101 - see `check`
        found = await asyncio.get_running_loop().run_in_executor(
            self._resolvers, _look_up, parts.hostname
        )
        addresses = [ipaddress.ip_address(address) for address in dict.fromkeys(found)]
        for address in addresses:
            if not self._may_be_fetched(parts, address):
                raise FetchRefused(f"{parts.hostname!r} is at {address}, which is not public")
        return addresses[:_ADDRESSES]

    def _may_be_fetched(self, parts: SplitResult, address: _Address) -> bool:
        if address.is_loopback and self._loopback:
            return True
        return parts.scheme == "https" and is_public(address)

    async def _get(
        self, parts: SplitResult, address: _Address, accept: str, maximum: int
    ) -> Fetched:
        url = _by_number(parts, address)
        # Octets are counted as they arrive, so they must not be compressed.
        headers = {"host": parts.netloc, "accept": accept, "accept-encoding": "identity"}
        http = await self._client()
        async with http.stream(
            "GET", url, headers=headers, extensions={"sni_hostname": parts.hostname}
        ) as response:
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
            if response.status_code != httpx.codes.OK:
                raise FetchRefused(f"the answer is {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise FetchRefused("the answer is compressed, though we asked for it plain")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > maximum:
                    raise FetchRefused(f"the answer is longer than {maximum} octets")
        media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(bytes(body), response.headers.get("cache-control", ""), media_type)

    async def _post(
        self, parts: SplitResult, address: _Address, body: bytes, content_type: str
    ) -> int:
        http = await self._client()
        async with http.stream(
            "POST",
            _by_number(parts, address),
            content=body,
            headers={"host": parts.netloc, "content-type": content_type},
            extensions={"sni_hostname": parts.hostname},
        ) as response:
            return response.status_code


def _by_number(parts: SplitResult, address: _Address) -> str:
    host = f"[{address}]" if address.version == 6 else str(address)
    port = "" if parts.port is None else f":{parts.port}"
    return parts._replace(netloc=host + port).geturl()


def is_public(address: _Address) -> bool:
    """Tell whether an address is of the public internet and of nothing nearer."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _OTHERS)


def _look_up(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]
