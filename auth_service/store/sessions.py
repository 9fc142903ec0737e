"""Browser sessions: one row per browser in which somebody is logged in.

Of the secret in the cookie only the hash is stored. A session is alive as long as it is neither
ended nor too old nor unused for too long, its user is not disabled, and the password is the one
that it began with.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from auth_service.store import Database


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in; `session_id` is the `sid` of tokens."""

    session_id: uuid.UUID
    sub: uuid.UUID
    username: str
    password_version: int
    auth_time: datetime
    amr: tuple[str, ...]
    user_agent: str
    created_at: datetime
    used_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """What is used or authenticated later than this is alive."""

    used_after: datetime
    authenticated_after: datetime


_COLUMNS = (
    "session_id, sub, username, sessions.password_version, auth_time, amr, user_agent, "
    "sessions.created_at, used_at"
)
# The user's row is joined as `users`; $2 and $3 are the limits.
_ALIVE = """
    ended_at IS NULL AND used_at > $2 AND auth_time > $3
    AND users.disabled_at IS NULL AND users.password_version = sessions.password_version
"""


async def begin(db: Database, session: Session, cookie_sha256: bytes) -> bool:
    """Store a session; False if the user was disabled, or got a new password, since it was checked.

    FOR SHARE makes a change of the user that is under way come first.
    """
    begun = await db.fetchval(
        """
        INSERT INTO sessions (session_id, cookie_sha256, sub, password_version, auth_time, amr,
                              user_agent, created_at, used_at)
        SELECT $1, $2, sub, password_version, $5, $6, $7, $8, $9
        FROM users WHERE sub = $3 AND password_version = $4 AND disabled_at IS NULL
        FOR SHARE
        RETURNING true
        """,
        session.session_id,
        cookie_sha256,
        session.sub,
        session.password_version,
        session.auth_time,
        session.amr,
        session.user_agent,
        session.created_at,
        session.used_at,
    )
    return begun is not None


async def renew(db: Database, session: Session, cookie_sha256: bytes) -> bool:
    """Note that the user of a session has logged in again; the old cookie is worth nothing then.

    False if the session is not the user's or has ended.
    """
    renewed = await db.fetchval(
        """
        UPDATE sessions
        SET cookie_sha256 = $2, password_version = $4, auth_time = $5, amr = $6, user_agent = $7,
            used_at = $8
        FROM users
        WHERE session_id = $1 AND sessions.sub = $3 AND ended_at IS NULL
          AND users.sub = sessions.sub AND users.password_version = $4
          AND users.disabled_at IS NULL
        RETURNING true
        """,
        session.session_id,
        cookie_sha256,
        session.sub,
        session.password_version,
        session.auth_time,
        session.amr,
        session.user_agent,
        session.used_at,
    )
    return renewed is not None


async def find(db: Database, cookie_sha256: bytes, limits: Limits) -> Session | None:
    """Return the session of this cookie, if it is alive."""
    row = await db.fetchrow(
        f"""
        SELECT {_COLUMNS} FROM sessions JOIN users USING (sub)
        WHERE cookie_sha256 = $1 AND {_ALIVE}
        """,  # noqa: S608 - constants
        cookie_sha256,
        limits.used_after,
        limits.authenticated_after,
    )
    return None if row is None else _session(row)


async def find_all_of(db: Database, sub: uuid.UUID, limits: Limits) -> list[Session]:
    """Return a user's sessions that are alive, the one used last first."""
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS} FROM sessions JOIN users USING (sub)
        WHERE sub = $1 AND {_ALIVE} ORDER BY used_at DESC
        """,  # noqa: S608
        sub,
        limits.used_after,
        limits.authenticated_after,
    )
    return [_session(row) for row in rows]


async def touch(db: Database, session_id: uuid.UUID, now: datetime) -> None:
    """Note that a session is in use."""
    await db.execute("UPDATE sessions SET used_at = $2 WHERE session_id = $1", session_id, now)


async def end(db: Database, session_id: uuid.UUID, now: datetime) -> bool:
    """End a session; False if it has ended before."""
    ended = await db.fetchval(
        """
        UPDATE sessions SET ended_at = $2 WHERE session_id = $1 AND ended_at IS NULL
        RETURNING true
        """,
        session_id,
        now,
    )
    return ended is not None


async def forget(db: Database, limits: Limits) -> None:
    """Remove what can never be alive again."""
    await db.execute(
        "DELETE FROM sessions WHERE used_at <= $1 OR auth_time <= $2",
        limits.used_after,
        limits.authenticated_after,
    )


def _session(row: asyncpg.Record) -> Session:
    session_id, sub, username, version, auth_time, amr, *rest = row.values()
    return Session(session_id, sub, username, version, auth_time, tuple(amr), *rest)
