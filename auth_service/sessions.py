"""The browser's session at the issuer: a random secret in a cookie, its hash in the database.

A browser has the cookie before anybody logs in, for the sake of the forms' CSRF tokens; a
session begins at the log-in, always with a new cookie (OWASP ASVS 7.2.4).
"""

import hashlib
import secrets
import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from auth_service.server import AuthorizationServer
from auth_service.store import Connection, audit_log, logout_deliveries, refresh_token_families
from auth_service.store import sessions as stored_sessions
from auth_service.store.audit_log import Event
from auth_service.store.sessions import Limits, Session
from auth_service.store.users import User
from shared.errors import AccessDenied

_TOUCH_AFTER: Final = timedelta(minutes=1)
_USER_AGENT: Final = 300  # characters


def new_cookie() -> str:
    """Make the secret of a browser: 256 bits."""
    return secrets.token_urlsafe(32)


def csrf_token(cookie: str) -> str:
    """Return what the forms of this browser bear: who does not have the cookie cannot know it.

    Made from the cookie, so there is nothing to store; it changes with every log-in. The hash
    in the database is another one and does not give it away.
    """
    return hashlib.sha256(b"csrf " + cookie.encode()).hexdigest()


def is_csrf_token(token: str, cookie: str | None) -> bool:
    """Tell whether a form came from a page that we gave to this browser."""
    return cookie is not None and secrets.compare_digest(
        token.encode(), csrf_token(cookie).encode()
    )


async def current(server: AuthorizationServer, cookie: str | None) -> Session | None:
    """Return the session of the browser with this cookie; None if nobody is logged in there."""
    if cookie is None:
        return None
    session = await stored_sessions.find(server.db, _sha256(cookie), limits(server))
    now = server.time()
    if session is not None and session.used_at < now - _TOUCH_AFTER:
        await stored_sessions.touch(server.db, session.session_id, now)
    return session


async def log_in(
    server: AuthorizationServer,
    user: User,
    amr: tuple[str, ...],
    user_agent: str,
    before: Session | None,
) -> str:
    """Begin a session, or renew the one `before` if it is this user's; return the new cookie.

    The session of somebody else in the same browser ends. `AccessDenied` if the user was
    disabled, or got a new password, since `user` was read.
    """
    cookie, now = new_cookie(), server.time()
    session = Session(
        session_id=uuid.uuid4(),
        sub=user.sub,
        username=user.username,
        password_version=user.password_version,
        auth_time=now,
        amr=amr,
        user_agent=user_agent[:_USER_AGENT],
        created_at=now,
        used_at=now,
    )
    if before is not None and before.sub != user.sub:
        await end(server, before)
        before = None
    if not await _store(server, session, before, _sha256(cookie)):
        raise AccessDenied("wrong user name or password", reason="changed during log-in")
    return cookie


async def _store(
    server: AuthorizationServer, session: Session, before: Session | None, cookie_sha256: bytes
) -> bool:
    async with server.db.acquire() as connection, connection.transaction():
        stored = before is not None and await stored_sessions.renew(
            connection, replace(session, session_id=before.session_id), cookie_sha256
        )
        stored = stored or await stored_sessions.begin(connection, session, cookie_sha256)
        if stored:
            await _record(connection, Event.LOGGED_IN, session, session.auth_time)
    return stored


async def _record(connection: Connection, event: Event, session: Session, now: datetime) -> None:
    """Say by what the log-in is proved (ASVS 16.3.1)."""
    await audit_log.record(connection, event, now, sub=session.sub, amr=" ".join(session.amr))


async def go_on(server: AuthorizationServer, session: Session, user: User) -> str:
    """Let a session outlive the new password of its user, and return its new cookie.

    `user` is as he is with that password. When and how he logged in stays as it was.
    """
    cookie = new_cookie()
    changed = replace(session, password_version=user.password_version, used_at=server.time())
    if not await stored_sessions.renew(server.db, changed, _sha256(cookie)):
        raise AccessDenied("the log-in has ended", reason="changed meanwhile")
    return cookie


async def strengthen(server: AuthorizationServer, session: Session, amr: tuple[str, ...]) -> str:
    """Note that a second factor came to a log-in, which gets no younger; return the new cookie."""
    cookie, now = new_cookie(), server.time()
    changed = replace(session, amr=amr, used_at=now)
    async with server.db.acquire() as connection, connection.transaction():
        if not await stored_sessions.renew(connection, changed, _sha256(cookie)):
            raise AccessDenied("the log-in has ended", reason="changed meanwhile")
        await _record(connection, Event.STRENGTHENED, changed, now)
    return cookie


async def end(server: AuthorizationServer, session: Session) -> None:
    """End a session, and every grant that began in it (see `revoke_all_in`).

    Its clients are told of it soon (see `backchannel_logout`).
    """
    now = server.time()
    async with server.db.acquire() as connection, connection.transaction():
        if await stored_sessions.end(connection, session.session_id, now):
            await audit_log.record(connection, Event.LOGGED_OUT, now, sub=session.sub)
            await logout_deliveries.add(connection, session.session_id, now)
        await refresh_token_families.revoke_all_in(connection, session.session_id, now)


def limits(server: AuthorizationServer) -> Limits:
    """Return what a session must not be older than, to be alive."""
    now, settings = server.time(), server.settings
    return Limits(
        used_after=now - timedelta(seconds=settings.session_idle_lifetime),
        authenticated_after=now - timedelta(seconds=settings.session_lifetime),
    )


def _sha256(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()
