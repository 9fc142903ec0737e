"""`basic`: HTTP Basic, and what somebody on the way can read: with http, and with https."""

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from lab import demand, schemes
from lab.bench.client import request
from lab.client import Headers
from lab.exhibits import Exhibit, tls
from lab.exhibits.sheet import Sheet
from lab.laboratory import Laboratory
from lab.proxy import Wire
from lab.schemes import Person
from lab.schemes.password_check import claims

PASSWORD: Final = "correct horse battery"  # noqa: S105 - of somebody made up, to be read below


async def run(sheet: Sheet, lab: Laboratory) -> None:
    """Send the password once in clear and once in TLS, and listen on the way."""
    [anybody] = await lab.people(1)
    person = Person("mary", PASSWORD, "", claims(anybody.token))
    [credential] = await lab.seed(schemes.find("basic"), [person])
    async with lab.replica("basic") as (process, port):
        sheet.title("What the client sends")
        sheet.line(f"  Authorization: {credential[0][1]}")
        sheet.title("What a proxy on the way reads")
        rows = [("http", *await _listen(port, credential, None))]
        context, certificate = tls.server_context()
        async with _encrypting(port, context) as secured:
            rows.append(("https", *await _listen(secured, credential, certificate)))
        sheet.table(("by", "answer", "octets seen", "the password, read back"), rows)
        assert process.pid is not None  # noqa: S101 - it is ready
        asked = [request("GET", "/whoami", dict(credential))]
        slow = await demand.measure(process.pid, [], port, asked, 1.0)
    async with lab.replica("none") as (control, open_port):
        assert control.pid is not None  # noqa: S101 - it is ready
        asked = [request("GET", "/whoami", {})]
        quick = await demand.measure(control.pid, [], open_port, asked, 0.5)
    sheet.title("And the price of a password in every request")
    sheet.table(
        ("scheme", "CPU per request"),
        [
            ("none", f"{quick.app_us / 1e3:.2f} ms"),
            ("basic, Argon2id as it must be", f"{slow.app_us / 1e3:.0f} ms"),
        ],
    )
    sheet.say(
        "base64 is a spelling, not encryption: Basic needs https (RFC 7617 §4). And each service"
        " sees the password itself, which a token spares it."
    )


async def _listen(port: int, credential: Headers, certificate: bytes | None) -> tuple[object, ...]:
    """Ask by a wire that is listened to; return status, octets and what could be read."""
    heard = bytearray()
    async with Wire(("127.0.0.1", port)) as wire:
        wire.tap = lambda octets, from_client: heard.extend(octets if from_client else b"")
        context = None if certificate is None else tls.client_context(certificate)
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port, ssl=context)
        lines = ["GET /whoami HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in credential]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        status = (await reader.readline()).split()[1].decode()
        writer.close()
    return status, len(heard), _read_back(bytes(heard))


def _read_back(heard: bytes) -> str:
    found = re.search(rb"authorization: Basic (\S+)", heard, re.IGNORECASE)
    if found is None:
        return "nothing: records of TLS"
    return base64.b64decode(found.group(1)).decode().partition(":")[2]


@asynccontextmanager
async def _encrypting(port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Stand before a replica and speak TLS for it; yields the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", port)
        far.write(await reader.readuntil(b"\r\n\r\n"))
        writer.write(await near.read())
        far.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


EXHIBIT: Final = Exhibit("HTTP Basic, and why it needs HTTPS", run)
