"""What an issuer may answer in the place of its key set."""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeAlias

from tests.resource_service.issuer import Answer, jwk_set, respond
from tests.system.faults.gate import SHORT

JsonWebKey: TypeAlias = Mapping[str, str]

_SYMMETRIC: Final = {"kty": "oct", "kid": "symmetric", "k": "AAAA"}
_FILLER: Final = {"kty": "oct", "kid": "filler", "k": "A" * 7000}


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(4)


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An octet now and then: no single wait is long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(40):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.1)


async def redirect(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    port = writer.get_extra_info("sockname")[1]
    location = f"Location: http://127.0.0.1:{port}/elsewhere\r\nContent-Length: 0\r\n"
    writer.write(f"HTTP/1.1 302 Found\r\n{location}\r\n".encode())


async def truncate(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"keys": [')


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """100 MB, for as long as somebody reads them."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for _ in range(0, 100_000_000, 65536):
        writer.write(b" " * 65536)
        await writer.drain()


def hostile_answers(good: JsonWebKey) -> dict[str, tuple[Answer, str]]:
    """Return each with the outcome that the replica counts; `good` is a key that stays usable."""
    return {
        "slow": (drip, "timeout"),
        "hung": (hang, "timeout"),
        "an error": (respond(b"", status="500 Internal Server Error"), "refused"),
        "a redirect": (redirect, "refused"),
        "truncated": (truncate, "unreachable"),
        "HTML": (respond(b"<!doctype html><title>Welcome</title>"), "refused"),
        "empty": (respond(b""), "refused"),
        "100 MB": (flood, "refused"),
        "10,000 keys": (respond(jwk_set(*({"kid": str(n)} for n in range(10_000)))), "refused"),
        "deeply nested": (respond(b'{"keys":' + b"[" * 100_000), "refused"),
        "one bad key among good ones": (
            respond(jwk_set(_SYMMETRIC, good, 7), headers=SHORT),
            "ok",
        ),
        "as long as may be": (
            respond(jwk_set(*[_FILLER] * 31, good), headers=SHORT),
            "ok",
        ),
    }
