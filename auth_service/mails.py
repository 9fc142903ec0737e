"""Mails to users: a link to verify an address or to set a new password, or notice of a change.

They are asked for in a queue (see `store.mails`) and sent by whichever process comes first. A
token is made when its mail is sent: only its hash is stored.
"""

import hashlib
import logging
import re
import secrets
import uuid
from datetime import timedelta
from typing import Final

from auth_service import smtp
from auth_service.mail_texts import MAILS
from auth_service.server import AuthorizationServer
from auth_service.store import Connection, audit_log, mail_tokens, users
from auth_service.store import mails as stored_mails
from auth_service.store.audit_log import Event
from auth_service.store.mail_tokens import MailToken
from auth_service.store.mails import Kind, Mail
from auth_service.store.users import User
from shared.errors import InvalidRequest

LIFETIMES: Final = {Kind.RESET: timedelta(minutes=15), Kind.VERIFY: timedelta(hours=1)}
PATHS: Final = {Kind.RESET: "/password/reset", Kind.VERIFY: "/email/verify"}
_WAITED_FOR: Final = timedelta(hours=1)  # by then nobody waits for a link any more
_KEPT: Final = timedelta(days=1)  # while the relay does not take it
_AT_ONCE: Final = 5
# ASCII, one @, nothing that a header or a relay would read otherwise (RFC 5321 §4.1.2).
_ADDRESS: Final = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
)
_LOG = logging.getLogger(__name__)


async def ask(
    server: AuthorizationServer, kind: Kind, sub: uuid.UUID | None, email: str, language: str
) -> None:
    """Have a mail sent; `InvalidRequest` for what cannot be an address.

    Not looked at here: whether anybody has this address.
    """
    if not _ADDRESS.fullmatch(email):
        raise InvalidRequest("this is no e-mail address")
    await stored_mails.add(server.db, kind, sub, email, language, server.time())


async def notify(
    server: AuthorizationServer,
    connection: Connection,
    kind: Kind,
    sub: uuid.UUID,
    language: str,
    *,
    before: str | None = None,
) -> None:
    """Have a person told of a change to the account (NIST SP 800-63B §4.6, ASVS 6.3.7).

    Within the transaction that makes it, so that both happen or neither. It goes to the address
    that the person has verified, and to the one `before` if that was another. There is no link
    in it. Where no mail can be sent, or none is verified, nobody is told.
    """
    if server.settings.smtp_url is None:
        return
    known = {before, await users.verified_email(connection, sub)} - {None}
    for email in {str(address).lower(): str(address) for address in known}.values():
        if _ADDRESS.fullmatch(email):  # which an administrator need not have looked at
            await stored_mails.add(connection, kind, sub, email, language, server.time())


async def send_due(server: AuthorizationServer) -> int:
    """Send the mails whose turn it is; return how many there were."""
    url = server.settings.smtp_url
    if url is None:
        return 0
    due = await stored_mails.take(server.db, _AT_ONCE, server.time())
    for mail in due:
        try:
            await _send(server, mail, url.get_secret_value())
        except smtp.FAILURES as error:
            _LOG.warning("a mail was not taken by the relay: %s", type(error).__name__)
            server.metrics.mails["failed"] += 1
            if server.time() < mail.asked_at + (_WAITED_FOR if mail.kind in LIFETIMES else _KEPT):
                continue
        await stored_mails.done(server.db, mail.mail_id)
    return len(due)


async def forget(server: AuthorizationServer) -> None:
    """Remove tokens that are too old, and mails that nobody sends."""
    await mail_tokens.forget(server.db, server.time() - max(LIFETIMES.values()))
    await stored_mails.forget(server.db, server.time() - _KEPT)


def sha256(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


async def _send(server: AuthorizationServer, mail: Mail, url: str) -> None:
    for user in await _recipients(server, mail):
        subject, text = MAILS[mail.language][mail.kind]
        values = {"username": user.username, "at": f"{mail.asked_at:%Y-%m-%d %H:%M}"}
        if mail.kind in LIFETIMES:
            values |= await _link(server, mail, user)
        body = text.format(**values)
        message = smtp.compose(server.settings.mail_sender, mail.email, subject, body)
        await smtp.send(url, message)
        server.metrics.mails["sent"] += 1
        now = server.time()
        await audit_log.record(server.db, Event.MAIL_SENT, now, sub=user.sub, kind=mail.kind)


async def _recipients(server: AuthorizationServer, mail: Mail) -> list[User]:
    if mail.sub is None:
        return await users.find_by_verified_email(server.db, mail.email)
    user = await users.find_by_sub(server.db, mail.sub)
    return [] if user is None or user.disabled_at is not None else [user]


async def _link(server: AuthorizationServer, mail: Mail, user: User) -> dict[str, str]:
    token = await _token(server, mail, user)
    return {
        "link": f"{server.settings.issuer}{PATHS[mail.kind]}?token={token}",
        "minutes": str(LIFETIMES[mail.kind] // timedelta(minutes=1)),
    }


async def _token(server: AuthorizationServer, mail: Mail, user: User) -> str:
    token = secrets.token_urlsafe(32)
    stored = MailToken(
        token_sha256=sha256(token),
        kind=mail.kind,
        sub=user.sub,
        email=mail.email,
        password_version=user.password_version,
        issued_at=server.time(),
    )
    await mail_tokens.add(server.db, stored)
    return token
