"""A relay that is not ours, and a person who wants something sent."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP

from auth_service import mails
from tests.auth_service.browser_flow.person import Person

NEW = "another horse battery"
ADDRESS = "alice@example.org"


class Relay(Message):
    """What the relay was given."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Any] = []
        self.read = 0  # how many of them the test has looked at
        self.refuses = False
        self.url = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuses:
            return "451 not now"
        return str(await super().handle_DATA(server, session, envelope))

    def handle_message(self, message: Any) -> None:
        self.mails.append(message)

    def links(self) -> list[str]:
        """The links in what it was given, the newest last."""
        return re.findall(r"http://\S+", "".join(map(text_of, self.mails)))


@asynccontextmanager
async def relaying(
    handler: Relay, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[int]:
    """Run a relay on loopback; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, **options), "127.0.0.1", 0, ssl=tls
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


def text_of(mail: Any) -> str:
    """What a person reads in it."""
    text: str = mail.get_payload(decode=True).decode()
    return text


async def ask(person: Person, email: str = ADDRESS) -> httpx.Response:
    return await person.submit(await person.get("/password/forgot"), email=email)


async def all_sent(app: Any) -> None:
    """Until every mail has been sent: here, or by the issuer's upkeep."""
    async with asyncio.timeout(10):
        while await app.server.db.fetchval("SELECT count(*) FROM mails"):
            await mails.send_due(app.server)
            await asyncio.sleep(0.01)


async def link(app: Any, relay: Relay) -> str:
    """The link in the newest mail."""
    await all_sent(app)
    relay.read = len(relay.mails)
    return str(relay.links()[-1])


async def set_password(person: Person, address: str, password: str = NEW) -> httpx.Response:
    page = await person.get(address)
    return await person.submit(page, new_password=password)
