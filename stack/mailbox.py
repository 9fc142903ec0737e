"""The mailbox of `make run`: takes every mail that the auth service sends, and shows it on a page.

`python -m stack.mailbox serve`, with MAILBOX_PORT for the page, MAILBOX_SMTP_PORT for mails and
MAILBOX_FOLDER for what is kept. It listens on the loopback interface only, and answers under no
other name than that: a page of another site cannot have its own name lead here and read what is
in it (DNS rebinding). For one machine: anybody on it may read along.
"""

import asyncio
import base64
import hashlib
import html
import os
import re
import time
from collections.abc import Callable, Coroutine
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

HOST: Final = "127.0.0.1"
_SHOWN: Final = 50  # mails, the newest
_LONGEST: Final = 1_000_000  # octets of a mail
_WITHIN: Final = 30.0  # seconds for a whole conversation
_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
_STYLE: Final = (
    ":root{color-scheme:light dark}body{background:#fff;color:#222}a{color:#00c}"
    "@media(prefers-color-scheme:dark){body{background:#1a1a1a;color:#eee}a{color:#9bf}}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;"
    "margin:2rem auto;padding:0 1rem}article{border:1px solid #888;border-radius:.6rem;"
    "padding:0 1rem;margin:1rem 0}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = (
    "content-type: text/html; charset=utf-8\r\ncache-control: no-store\r\n"
    f"content-security-policy: default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
    "x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\nconnection: close\r\n"
)


class Mailbox:
    """Mails in a folder, a file each, which only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, mail: bytes) -> None:
        """Keep a mail."""
        file = self.folder / f"{time.time_ns()}.eml"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(mail)

    def newest(self) -> list[EmailMessage]:
        """Return the newest mails, the last one first."""
        files = sorted(self.folder.glob("*.eml"), reverse=True)[:_SHOWN]
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


def page(mails: list[EmailMessage]) -> str:
    """Return the page; what is in a mail is text, and its links can be followed."""
    articles = "".join(_article(mail) for mail in mails) or "<p>No mails yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mailbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main><h1>Mailbox</h1>"
        "<p>Every mail that the auth service has sent; none has left this machine. "
        f"Load the page again for newer ones.</p>{articles}</main></body></html>"
    )


def _article(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    content = body.get_content().replace("\r\n", "\n") if body else ""
    text = html.escape(content, quote=False)
    linked = _LINK.sub(lambda link: f'<a href="{link[0]}">{link[0]}</a>', text)
    subject, to, date = (html.escape(str(mail[name])) for name in ("subject", "to", "date"))
    return f"<article><h2>{subject}</h2><p>To {to}, {date}</p><pre>{linked}</pre></article>"


async def receive(
    mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Talk to one sender (RFC 5321): every mail is taken, whoever it is for."""

    async def say(line: str) -> None:
        writer.write(f"{line}\r\n".encode())
        await writer.drain()

    await say("220 mailbox")
    while command := await reader.readline():
        match command[:4].strip().upper():
            case b"DATA":
                await say("354 go on")
                mail = await reader.readuntil(b"\r\n.\r\n")
                mailbox.keep(mail[:-3].replace(b"\r\n..", b"\r\n."))
                await say("250 kept")
            case b"EHLO" | b"HELO" | b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                await say("250 ok")
            case b"QUIT":
                return await say("221 bye")
            case _:
                await say("502 not here")
    return None


async def show(
    mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request for the page."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    port = writer.get_extra_info("sockname")[1]
    hosts = re.findall(r"(?im)^host:[ \t]*(\S+)[ \t]*\r?$", head)
    if hosts not in ([f"{HOST}:{port}"], [f"localhost:{port}"]):
        status, body = "421 Misdirected Request", "This is not what you think it is."
    elif head.startswith("GET /health/ready "):
        status, body = "200 OK", "ready"
    elif head.startswith("GET / "):
        status, body = "200 OK", page(mailbox.newest())
    else:
        status, body = "404 Not Found", "There is only one page here: /"
    octets = body.encode()
    head = f"HTTP/1.1 {status}\r\n{_HEADERS}content-length: {len(octets)}\r\n\r\n"
    writer.write(head.encode() + octets)
    await writer.drain()


async def listen(
    mailbox: Mailbox, talk: Callable[..., Coroutine[Any, Any, None]], port: int
) -> asyncio.Server:
    """Listen on loopback; who breaks off, says nothing or too much is hung up on."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                await talk(mailbox, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(served, HOST, port, limit=_LONGEST)


async def _serve() -> None:
    folder = Path(os.environ["MAILBOX_FOLDER"])
    mailbox = Mailbox(folder)
    ports = int(os.environ["MAILBOX_SMTP_PORT"]), int(os.environ["MAILBOX_PORT"])
    servers = [
        await listen(mailbox, talk, port) for talk, port in zip((receive, show), ports, strict=True)
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_serve())
