"""The second step of a log-in: a code from a generator, or a recovery code."""

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from typing import Final

from auth_service import mails, throttling, totp
from auth_service.authentication_context import RECOVERY_CODE, TOTP
from auth_service.mail_texts import DEFAULT_LANGUAGE
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, second_factors
from auth_service.store.audit_log import Event
from auth_service.store.mails import Kind
from auth_service.store.second_factors import SecondFactor
from auth_service.store.users import User
from auth_service.throttling import Caller
from shared import jws
from shared.errors import AccessDenied, Conflict, TooManyRequests

TICKET_LIFETIME: Final = 600  # seconds
RECOVERY_CODES: Final = 10
_RECOVERY: Final = 15  # octets: 120 bits, so that a plain hash will do (ASVS 6.5.2)
_SEPARATORS: Final = re.compile(r"[\s-]+")
_TICKET: Final = 16 + 4 + 8  # octets: sub, password version, time


def encryption_name(sub: uuid.UUID) -> str:
    """Return what the encrypted secret of a user is bound to."""
    return f"second factor of {sub}"


async def begin(server: AuthorizationServer, sub: uuid.UUID) -> bytes:
    """Make a secret for a user's generator; `Conflict` if he has one already."""
    secret = totp.new_secret()
    encrypted = server.key_encryption_key.encrypt(secret, name=encryption_name(sub))
    if not await second_factors.begin(server.db, sub, encrypted, server.time()):
        raise Conflict("there is a second factor already")
    return secret


async def unconfirmed(server: AuthorizationServer, sub: uuid.UUID) -> bytes | None:
    """Return the secret that was made and not confirmed yet."""
    factor = await second_factors.find(server.db, sub)
    if factor is None or factor.confirmed_at is not None:
        return None
    return _secret(server, factor)


async def confirm(
    server: AuthorizationServer, sub: uuid.UUID, code: str, language: str = DEFAULT_LANGUAGE
) -> list[str]:
    """Switch it on, if the code is one of the generator's; return recovery codes, shown once.

    `language`: of the notice that is sent, here and below. Raises `AccessDenied` for any other
    code.
    """
    factor = await second_factors.find(server.db, sub)
    if factor is None or factor.confirmed_at is not None:
        raise AccessDenied("there is nothing to confirm")
    step = totp.step_of(_secret(server, factor), _SEPARATORS.sub("", code), server.now())
    if step is None:
        raise AccessDenied("this is not the code")
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        if not await second_factors.confirm(connection, factor, step, now):
            raise AccessDenied("there is nothing to confirm")
        await second_factors.replace_recovery_codes(connection, sub, list(map(_sha256, codes)))
        await audit_log.record(connection, Event.SECOND_FACTOR_ON, now, sub=sub)
        await mails.notify(server, connection, Kind.SECOND_FACTOR_ON, sub, language)
    return codes


async def renew_recovery_codes(
    server: AuthorizationServer, sub: uuid.UUID, language: str = DEFAULT_LANGUAGE
) -> list[str]:
    """Return new recovery codes, shown once; the old ones are worth nothing then.

    Raises `AccessDenied` if it was switched off meanwhile.
    """
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    async with server.db.acquire() as connection, connection.transaction():
        if not await second_factors.lock(connection, sub):
            raise AccessDenied("there is no second factor any more")
        await second_factors.replace_recovery_codes(connection, sub, list(map(_sha256, codes)))
        await audit_log.record(connection, Event.RECOVERY_CODES_RENEWED, server.time(), sub=sub)
        await mails.notify(server, connection, Kind.RECOVERY_CODES_RENEWED, sub, language)
    return codes


async def remove(
    server: AuthorizationServer, sub: uuid.UUID, language: str = DEFAULT_LANGUAGE
) -> bool:
    """Switch it off; False if it was not on."""
    async with server.db.acquire() as connection, connection.transaction():
        removed = await second_factors.remove(connection, sub)
        if removed:
            await audit_log.record(connection, Event.SECOND_FACTOR_OFF, server.time(), sub=sub)
            await mails.notify(server, connection, Kind.SECOND_FACTOR_OFF, sub, language)
    return removed


async def prove(
    server: AuthorizationServer,
    sub: uuid.UUID,
    username: str,
    code: str,
    caller: Caller,
    language: str = DEFAULT_LANGUAGE,
) -> tuple[str, ...]:
    """Take a code, once, and return the `amr` of a password with it.

    Raises `AccessDenied` if it is none, or came before; `TooManyRequests` after too many of
    these, whether this one is right or not.
    """
    counted = throttling.second_factor(server, username, caller)
    try:
        await throttling.admit(server, counted)
    except TooManyRequests:
        await _note_failure(server, sub, "too many attempts")
        raise
    amr = await _take(server, sub, _SEPARATORS.sub("", code), language)
    if amr is None:
        await _note_failure(server, sub, "wrong code")
        raise AccessDenied("this is not the code")
    await throttling.succeeded(server, counted)
    return amr


async def _take(
    server: AuthorizationServer, sub: uuid.UUID, code: str, language: str
) -> tuple[str, ...] | None:
    factor = await second_factors.find(server.db, sub)
    if factor is None or factor.confirmed_at is None:
        return None
    step = totp.step_of(_secret(server, factor), code, server.now())
    if step is not None:
        return TOTP if await second_factors.take(server.db, sub, step) else None
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        if not await second_factors.take_recovery_code(connection, sub, _sha256(code), now):
            return None
        await audit_log.record(connection, Event.RECOVERY_CODE_USED, now, sub=sub)
        await mails.notify(server, connection, Kind.RECOVERY_CODE_USED, sub, language)
    return RECOVERY_CODE


def ticket(server: AuthorizationServer, user: User, cookie: str) -> str:
    """Return what says that the password was right, in this browser, for ten minutes.

    It opens nothing without a code, so it may be used more than once.
    """
    octets = (
        user.sub.bytes
        + user.password_version.to_bytes(4, "big")
        + int(server.now()).to_bytes(8, "big")
    )
    return jws.encode(octets + _ticket_mac(server, octets, cookie)).decode("ascii")


def read_ticket(
    server: AuthorizationServer, presented: str, cookie: str
) -> tuple[uuid.UUID, int] | None:
    """Return whose password, and which version of it, was right; None if it is no such ticket."""
    try:
        octets = jws.decode(presented.encode("ascii"))
    except ValueError:
        return None
    octets, mac = octets[:_TICKET], octets[_TICKET:]
    if not hmac.compare_digest(mac, _ticket_mac(server, octets, cookie)):
        return None
    if int.from_bytes(octets[20:], "big") <= server.now() - TICKET_LIFETIME:
        return None
    return uuid.UUID(bytes=octets[:16]), int.from_bytes(octets[16:20], "big")


def _ticket_mac(server: AuthorizationServer, octets: bytes, cookie: str) -> bytes:
    return server.visitor_key.mac(b"\0".join((b"ticket", cookie.encode(), octets)))


def _secret(server: AuthorizationServer, factor: SecondFactor) -> bytes:
    return server.key_encryption_key.decrypt(
        factor.encrypted_secret, name=encryption_name(factor.sub)
    )


def _new_recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_RECOVERY)).decode("ascii").lower()
    return "-".join(text[start : start + 6] for start in range(0, len(text), 6))


def _sha256(code: str) -> bytes:
    return hashlib.sha256(_SEPARATORS.sub("", code).lower().encode()).digest()


async def _note_failure(server: AuthorizationServer, sub: uuid.UUID, reason: str) -> None:
    server.metrics.log_in_failures[reason] += 1
    await audit_log.log_in_failed(server.db, server.time(), sub=sub, client_id=None, reason=reason)
