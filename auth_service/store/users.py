"""Users: people who log in with a password.

A name is stored and compared as it was typed, and no two names differ in case only: the
login of `Alice` is not the login of `alice`, but `alice` cannot be registered beside her.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from auth_service.store import Database


@dataclass(frozen=True, slots=True)
class User:
    """A user; `sub` is the subject identifier (OIDC Core §2), never reused.

    `has_second_factor`: whether a password alone is not enough (see `second_factors`).
    """

    sub: uuid.UUID
    username: str
    password_hash: str
    password_version: int
    created_at: datetime
    disabled_at: datetime | None
    has_second_factor: bool


COLUMNS = """
    sub, username, password_hash, password_version, created_at, disabled_at,
    EXISTS (SELECT FROM second_factors AS factor
            WHERE factor.sub = users.sub AND confirmed_at IS NOT NULL)
"""


# lower() is for the index; the comparison as typed decides.
NAMED: Final = "lower(username) = lower({0}) AND username = {0}"


async def add(db: Database, username: str, password_hash: str, now: datetime) -> User | None:
    """Add a user; None if the name is taken, whatever its case."""
    row = await db.fetchrow(
        f"""
        INSERT INTO users (sub, username, password_hash, created_at)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        RETURNING {COLUMNS}
        """,  # noqa: S608 - a constant
        uuid.uuid4(),
        username,
        password_hash,
        now,
    )
    return None if row is None else _user(row)


async def find(db: Database, username: str) -> User | None:
    """Return the user with exactly this name, disabled or not."""
    row = await db.fetchrow(
        f"SELECT {COLUMNS} FROM users WHERE {NAMED.format('$1')}",  # noqa: S608
        username,
    )
    return None if row is None else _user(row)


async def find_by_sub(db: Database, sub: uuid.UUID) -> User | None:
    """Return the user with this subject identifier, disabled or not."""
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM users WHERE sub = $1", sub)  # noqa: S608
    return None if row is None else _user(row)


async def find_by_verified_email(db: Database, email: str) -> list[User]:
    """Return the users who have verified this address, whatever its case; not the disabled."""
    rows = await db.fetch(
        f"""
        SELECT {COLUMNS} FROM users
        WHERE lower(email) = lower($1) AND email_verified AND disabled_at IS NULL
        ORDER BY username LIMIT 5
        """,  # noqa: S608
        email,
    )
    return [_user(row) for row in rows]


async def verified_email(db: Database, sub: uuid.UUID) -> str | None:
    """Return the address that the user has verified; None if there is none."""
    email: str | None = await db.fetchval(
        "SELECT email FROM users WHERE sub = $1 AND email_verified", sub
    )
    return email


async def set_verified_email(db: Database, sub: uuid.UUID, email: str) -> str | None:
    """Store an address that the user has shown to be his; return the one verified before."""
    before: str | None = await db.fetchval(
        """
        WITH before AS (SELECT sub, email, email_verified FROM users WHERE sub = $1 FOR UPDATE)
        UPDATE users SET email = $2, email_verified = true
        FROM before WHERE users.sub = before.sub
        RETURNING CASE WHEN before.email_verified THEN before.email END
        """,
        sub,
        email,
    )
    return before


async def list_all(db: Database, *, after: str = "", most: int | None = None) -> list[User]:
    """Return users by name: those `after` one, `most` at most; without either, all."""
    rows = await db.fetch(
        f"SELECT {COLUMNS} FROM users WHERE username > $1 ORDER BY username LIMIT $2",  # noqa: S608
        after,
        most,
    )
    return [_user(row) for row in rows]


async def claims(db: Database, sub: uuid.UUID) -> dict[str, Any]:
    """Return what is known of a user, by the names of OIDC Core §5.1; never null."""
    row = await db.fetchrow(
        "SELECT username, email, email_verified, claims FROM users WHERE sub = $1", sub
    )
    if row is None:
        return {}
    known: dict[str, Any] = {**json.loads(row["claims"]), "preferred_username": row["username"]}
    if row["email"] is not None:
        known |= {"email": row["email"], "email_verified": row["email_verified"]}
    return known


async def set_claims(db: Database, username: str, claims: dict[str, Any]) -> User | None:
    """Replace what is known of a user; None if there is no such user.

    An e-mail address counts as verified only if `email_verified` says so.
    """
    others = {name: value for name, value in claims.items() if not name.startswith("email")}
    row = await db.fetchrow(
        f"""
        UPDATE users SET email = $2, email_verified = $3, claims = $4 WHERE username = $1
        RETURNING {COLUMNS}
        """,  # noqa: S608
        username,
        claims.get("email"),
        claims.get("email_verified", False),
        json.dumps(others),
    )
    return None if row is None else _user(row)


async def rehash(db: Database, user: User, password_hash: str) -> None:
    """Store another hash of the same password, unless the password has changed meanwhile."""
    await db.execute(
        "UPDATE users SET password_hash = $2 WHERE sub = $1 AND password_hash = $3",
        user.sub,
        password_hash,
        user.password_hash,
    )


async def change_password(db: Database, user: User, password_hash: str) -> bool:
    """Store a new password; False if it was changed, or the user disabled, since `user` was read.

    A login that has checked the old password is refused from now on; see
    `refresh_token_families.begin`. Its caller ends the families in the same transaction.
    """
    changed = await db.fetchval(
        """
        UPDATE users SET password_hash = $2, password_version = password_version + 1
        WHERE sub = $1 AND password_version = $3 AND disabled_at IS NULL
        RETURNING true
        """,
        user.sub,
        password_hash,
        user.password_version,
    )
    return changed is not None


async def disable(db: Database, username: str, now: datetime) -> User | None:
    """Disable a user, who may be disabled already; None if there is no such user."""
    row = await db.fetchrow(
        f"""
        UPDATE users SET disabled_at = COALESCE(disabled_at, $2) WHERE username = $1
        RETURNING {COLUMNS}
        """,  # noqa: S608
        username,
        now,
    )
    return None if row is None else _user(row)


async def enable(db: Database, username: str) -> User | None:
    """Let a disabled user in again; None if there is no such user."""
    row = await db.fetchrow(
        f"UPDATE users SET disabled_at = NULL WHERE username = $1 RETURNING {COLUMNS}",  # noqa: S608
        username,
    )
    return None if row is None else _user(row)


def _user(row: asyncpg.Record) -> User:
    return User(*row.values())
