"""What happens to a user's account: registration, a new password, being disabled.

Whatever ends a user's logins ends them in the same transaction.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from auth_service import mails, throttling
from auth_service import scope as scopes
from auth_service.mail_texts import DEFAULT_LANGUAGE
from auth_service.passwords import check_policy
from auth_service.server import AuthorizationServer
from auth_service.store import (
    Connection,
    audit_log,
    authorization_codes,
    consents,
    device_codes,
    log_in_attempts,
    logout_deliveries,
    mail_tokens,
    refresh_token_families,
    users,
)
from auth_service.store.audit_log import Event
from auth_service.store.mails import Kind
from auth_service.store.sessions import Limits
from auth_service.store.users import User
from auth_service.throttling import Caller
from shared.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    TemporarilyUnavailable,
    TooManyRequests,
)

# ASCII only, so that no two names look the same; no leading dot, so that it is fit for a path.
USERNAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"


async def register(
    server: AuthorizationServer,
    username: str,
    password: str,
    address: str | None = None,
    *,
    by: str | None = None,
) -> User:
    """Add a user; `Conflict` if the name is taken; see `check_policy` for bad passwords.

    A name that is taken costs a hash too. That it is taken is said all the same: whoever
    registers must know. `address`: where the request comes from, None for an
    administrator; `TooManyRequests` if there were too many from there. `by`: see `audit_log`.
    """
    if re.fullmatch(USERNAME, username) is None:
        raise InvalidRequest("the user name must be 1 to 64 of A-Z a-z 0-9 . _ @ + -")
    check_policy(password, username)
    if address is not None:
        await throttling.admit(server, throttling.registration(server, address))
    password_hash = await server.passwords.hash(password)
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        user = await users.add(connection, username, password_hash, now)
        if user is None:
            raise Conflict("the user name is taken")
        await audit_log.record(connection, Event.REGISTERED, now, sub=user.sub, by=by)
    return user


async def verified_user(
    server: AuthorizationServer,
    username: str,
    password: str,
    caller: Caller,
    client_id: str | None = None,
    *,
    alone: bool = False,
) -> User | None:
    """Return the user who has this name and password; None for whatever is wrong.

    `alone`: nothing else will be asked for, so a user who has a second factor is refused, like a
    wrong password in every way: whoever guesses learns nothing, by the throttles neither.
    An unknown user and a disabled one cost a hash like a known one, and the same statements for
    the throttles and for the audit log. A hash made with other parameters than those of the
    settings is replaced. `TooManyRequests` if there were too many wrong ones, whether this one
    is right or not.
    """
    counted = throttling.log_in(server, username, caller)
    user, seconds = await log_in_attempts.begin(server.statements, username, counted, server.time())
    if seconds:
        await _note_failure(server, user, client_id, "too many attempts")
        raise TooManyRequests(retry_after=seconds)
    try:
        password_hash = None if user is None else user.password_hash
        verified = await server.passwords.verify(password, password_hash)
    except TemporarilyUnavailable:
        await throttling.undo(server, counted)
        raise
    if user is None or not verified or user.disabled_at or (alone and user.has_second_factor):
        await _note_failure(server, user, client_id, _reason(user, verified=verified))
        return None
    await throttling.succeeded(server, counted)
    if server.passwords.is_outdated(user.password_hash):
        await users.rehash(server.db, user, await server.passwords.hash(password))
    return user


async def change_password(
    server: AuthorizationServer,
    username: str,
    old_password: str,
    new_password: str,
    caller: Caller,
    *,
    logged_in: bool = False,
    language: str = DEFAULT_LANGUAGE,
) -> User:
    """Replace the password and end every login; the old password is the proof of who asks.

    Returns the user as he is from now on. Unless he is `logged_in`, with all his factors, one who
    has a second factor is refused. `language`: of the notice that is sent.

    Raises `AccessDenied`, the same and at the same cost for an unknown user, a disabled one and
    a wrong password, and what `verified_user` and `check_policy` raise.
    """
    check_policy(new_password, username)
    user = await verified_user(server, username, old_password, caller, alone=not logged_in)
    if user is None:
        raise AccessDenied("wrong user name or password")
    password_hash = await server.passwords.hash(new_password)
    async with server.db.acquire() as connection, connection.transaction():
        if not await _store_password(
            server, connection, user, password_hash, by="old password", language=language
        ):
            raise AccessDenied("wrong user name or password", reason="changed meanwhile")
    return replace(user, password_hash=password_hash, password_version=user.password_version + 1)


async def reset_password(
    server: AuthorizationServer,
    token_sha256: bytes,
    new_password: str,
    language: str = DEFAULT_LANGUAGE,
) -> bool:
    """Replace the password of whoever was sent this token, and end every login of his.

    False if the token has been used, is too old, or its user has another password by now. The
    password is as `check_policy` wants it.
    """
    password_hash = await server.passwords.hash(new_password)
    now = server.time()
    since = now - mails.LIFETIMES[Kind.RESET]
    async with server.db.acquire() as connection, connection.transaction():
        token = await mail_tokens.take(connection, token_sha256, Kind.RESET, since, now)
        user = None if token is None else await users.find_by_sub(connection, token.sub)
        return user is not None and await _store_password(
            server, connection, user, password_hash, by="mail", language=language
        )


async def _store_password(
    server: AuthorizationServer,
    connection: Connection,
    user: User,
    password_hash: str,
    *,
    by: str,
    language: str,
) -> bool:
    """Store it and end every login; False if it was changed, or the user disabled, meanwhile."""
    if not await users.change_password(connection, user, password_hash):
        return False
    now = server.time()
    await mails.notify(server, connection, Kind.PASSWORD_CHANGED, user.sub, language)
    await audit_log.record(connection, Event.PASSWORD_CHANGED, now, sub=user.sub, by=by)
    await logout_deliveries.add_all_of(connection, user.sub, now)
    why = Event.PASSWORD_CHANGED
    await refresh_token_families.revoke_all_of(connection, user.sub, now, why)
    return True


async def give_consent(
    connection: Connection,
    sub: UUID,
    client_id: str,
    scope: frozenset[str],
    resource: str,
    now: datetime,
) -> None:
    """Remember what the user agrees to, within the transaction that acts on it."""
    await consents.grant(connection, sub, client_id, scope, resource, now)
    await audit_log.record(
        connection,
        Event.CONSENT_GIVEN,
        now,
        sub=sub,
        client_id=client_id,
        scope=scopes.render(scope)[:500],
        resource=resource or None,
    )


async def withdraw_consent(server: AuthorizationServer, sub: UUID, client_id: str) -> None:
    """Take away what the user has allowed a client: its codes, and its log-ins, end with it.

    The consent before the codes: one that is being given at this moment has its code by then, or
    its yes to a device. The codes before the log-ins: one that is being redeemed has given its
    log-in by then.
    """
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        withdrawn = await consents.withdraw(connection, sub, client_id)
        await authorization_codes.withdraw(connection, sub, client_id, now)
        await device_codes.withdraw(connection, sub, client_id)
        ended = await refresh_token_families.revoke_all_between(connection, sub, client_id, now)
        if withdrawn or ended:
            await audit_log.record(
                connection, Event.CONSENT_WITHDRAWN, now, sub=sub, client_id=client_id
            )


def alive_since(server: AuthorizationServer) -> Limits:
    """Return what a login at a client must not be older than, to be refreshed."""
    now, settings = server.time(), server.settings
    return Limits(
        used_after=now - timedelta(seconds=settings.refresh_token_idle_lifetime),
        authenticated_after=now - timedelta(seconds=settings.refresh_token_lifetime),
    )


async def disable(
    server: AuthorizationServer, username: str, *, by: str | None = None
) -> User | None:
    """Disable a user and end every login; None if there is no such user."""
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        user = await users.disable(connection, username, now)
        if user is not None:
            await audit_log.record(connection, Event.USER_DISABLED, now, sub=user.sub, by=by)
            await logout_deliveries.add_all_of(connection, user.sub, now)
            why = Event.USER_DISABLED
            await refresh_token_families.revoke_all_of(connection, user.sub, now, why)
    return user


async def enable(
    server: AuthorizationServer, username: str, *, by: str | None = None
) -> User | None:
    """Let a disabled user in again, who has to log in anew; None if there is no such user."""
    async with server.db.acquire() as connection, connection.transaction():
        user = await users.enable(connection, username)
        if user is not None:
            now = server.time()
            await audit_log.record(connection, Event.USER_ENABLED, now, sub=user.sub, by=by)
    return user


def _reason(user: User | None, *, verified: bool) -> str:
    if user is None:
        return "unknown user"
    if not verified:
        return "wrong password"
    return "user disabled" if user.disabled_at is not None else "second factor missing"


async def _note_failure(
    server: AuthorizationServer, user: User | None, client_id: str | None, reason: str
) -> None:
    server.metrics.log_in_failures[reason] += 1
    await audit_log.log_in_failed(
        server.db,
        server.time(),
        sub=None if user is None else user.sub,
        client_id=client_id,
        reason=reason,
    )
