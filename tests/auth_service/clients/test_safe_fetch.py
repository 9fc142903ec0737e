"""Fetching what strangers name: no way into our own network, no more than a little."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_service import safe_fetch
from auth_service.safe_fetch import FetchRefused, SafeFetch, Unreachable, is_public
from tests.resource_service.issuer import JwksServer, respond


@pytest.fixture
async def fetch() -> AsyncIterator[SafeFetch]:
    fetch = SafeFetch()
    yield fetch
    await fetch.close()


@pytest.fixture
async def local() -> AsyncIterator[SafeFetch]:
    """One that may fetch from this machine, and is impatient."""
    fetch = SafeFetch(loopback=True, timeout=0.5)
    yield fetch
    await fetch.close()


async def get(fetch: SafeFetch, url: str, maximum: int = 100) -> safe_fetch.Fetched:
    return await fetch.get(url, accept="application/json", maximum=maximum)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.1.2.3", "0.255.0.0", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2001:0:7f00:1::"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("http://client.example/", "ftp://client.example/", "//client.example/", "client.example"),
        *("https:///path", "https://user@client.example/", "https://client.example/#x"),
        *("https://client.example\\@other.example/", "https://[::1/", "https://x:99999/"),
        *(
            "https://client.example/ö",
            "https://client.example/a b",
            f"https://x.example/{'a' * 2000}",
        ),
        "https://client.example/\r\nHost: other",
    ],
)
async def test_addresses_that_are_not_fetched_at_all(fetch: SafeFetch, url: str) -> None:
    with pytest.raises(FetchRefused):
        await get(fetch, url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]"])
async def test_nothing_is_fetched_from_this_machine(
    fetch: SafeFetch, site: JwksServer, host: str
) -> None:
    with pytest.raises(FetchRefused, match="not public"):
        await get(fetch, f"https://{host}:{site.port}/")
    assert site.connections == 0


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let the resolver give these answers in turn; return the names that it is asked."""
    asked: list[str] = []

    def getaddrinfo(host: str, _port: Any, **_also: Any) -> list[Any]:
        answer = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 0)) for a in answer]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_one_private_address_among_public_ones_is_one_too_many(
    fetch: SafeFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(FetchRefused, match="not public"):
        await get(fetch, "https://client.example/")


async def test_a_name_is_asked_for_once_so_that_a_second_answer_leads_nowhere(
    site: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a harmless address for the check, and another one for the connection."""
    connected: list[str] = []

    async def connect(_self: Any, _parts: Any, address: Any, *_: Any) -> safe_fetch.Fetched:
        connected.append(str(address))
        return safe_fetch.Fetched(b"", "")

    monkeypatch.setattr(SafeFetch, "_get", connect)
    asked = resolve_to(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    fetch = SafeFetch()
    await get(fetch, f"https://client.example:{site.port}/")
    assert (asked, connected) == (["client.example"], ["93.184.215.14"])
    await fetch.close()


async def test_the_connection_goes_to_the_address_that_was_checked(
    local: SafeFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real connection: the name exists nowhere, and the server is asked by that name."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        await respond(b"{}")(reader, writer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    asked = resolve_to(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    assert (await get(local, f"http://client.example:{port}/keys?a=b")).body == b"{}"
    assert asked == ["client.example"]
    assert requests[0].startswith(b"GET /keys?a=b HTTP/1.1\r\n")
    assert f"host: client.example:{port}\r\n".encode() in requests[0].lower()
    server.close()
    await server.wait_closed()


async def test_http_is_for_this_machine_only_even_where_it_is_allowed(
    local: SafeFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["93.184.215.14"])
    with pytest.raises(FetchRefused, match="not public"):
        await get(local, "http://client.example/")


async def test_other_private_addresses_stay_closed_where_loopback_is_allowed(
    local: SafeFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["169.254.169.254"])
    with pytest.raises(FetchRefused, match="not public"):
        await get(local, "https://metadata.example/latest")


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param("302 Found", "Location: /other\r\n", b"", id="redirect"),
        pytest.param("201 Created", "", b"", id="201"),
        pytest.param("404 Not Found", "", b"", id="404"),
        pytest.param("200 OK", "Content-Encoding: gzip\r\n", b"", id="compressed"),
        pytest.param("200 OK", "", b"x" * 101, id="too long"),
    ],
)
async def test_answers_that_are_not_taken(
    local: SafeFetch, site: JwksServer, status: str, headers: str, body: bytes
) -> None:
    site.answer = respond(body, status=status, headers=headers)
    with pytest.raises(FetchRefused):
        await get(local, site.url)
    assert site.connections == 1


async def test_a_server_error_may_be_over_later(local: SafeFetch, site: JwksServer) -> None:
    site.answer = respond(b"", status="503 Service Unavailable")
    with pytest.raises(Unreachable):
        await get(local, site.url)


async def test_a_name_that_does_not_resolve_may_resolve_later(
    fetch: SafeFetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(*_: Any, **_also: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(Unreachable):
        await get(fetch, "https://client.example/")


async def test_no_server_can_make_us_wait_or_read_for_long(
    local: SafeFetch, site: JwksServer
) -> None:
    async def silent(_reader: Any, _writer: Any) -> None:
        await asyncio.sleep(5)

    async def dripping(_reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(50):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.1)

    async def endless(_reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while True:
            writer.write(b"x" * 1000)
            await writer.drain()

    for answer in (silent, dripping):
        site.answer = answer
        with pytest.raises(Unreachable):
            await asyncio.wait_for(get(local, site.url), 2)
    site.answer = endless
    with pytest.raises(FetchRefused, match="longer than 100"):
        await asyncio.wait_for(get(local, site.url), 2)
