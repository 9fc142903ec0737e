"""What is known of a user: claims that an administrator sets, an address that the user verifies."""

from typing import Any

from auth_service import mails
from auth_service.mail_texts import DEFAULT_LANGUAGE
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, mail_tokens, users
from auth_service.store.audit_log import Event
from auth_service.store.mails import Kind
from auth_service.store.users import User


async def verify_email(
    server: AuthorizationServer, token_sha256: bytes, language: str = DEFAULT_LANGUAGE
) -> bool:
    """Note that the address to which this token was sent is its user's; False if it is used up."""
    now = server.time()
    since = now - mails.LIFETIMES[Kind.VERIFY]
    async with server.db.acquire() as connection, connection.transaction():
        token = await mail_tokens.take(connection, token_sha256, Kind.VERIFY, since, now)
        if token is None:
            return False
        before = await users.set_verified_email(connection, token.sub, token.email)
        await audit_log.record(connection, Event.EMAIL_VERIFIED, now, sub=token.sub)
        if before != token.email:
            kind = Kind.EMAIL_CHANGED
            await mails.notify(server, connection, kind, token.sub, language, before=before)
    return True


async def set_claims(
    server: AuthorizationServer, username: str, claims: dict[str, Any]
) -> User | None:
    """Replace what is known of a user, for an administrator; None if there is no such user."""
    async with server.db.acquire() as connection, connection.transaction():
        user = await users.find(connection, username)
        if user is None:
            return None
        before = await users.verified_email(connection, user.sub)
        changed = await users.set_claims(connection, username, claims)
        await audit_log.record(connection, Event.CLAIMS_CHANGED, server.time(), sub=user.sub)
        if before != await users.verified_email(connection, user.sub):
            kind, language = Kind.EMAIL_CHANGED, DEFAULT_LANGUAGE
            await mails.notify(server, connection, kind, user.sub, language, before=before)
    return changed
