"""What the links in mails bear: only hashes, each good for once and for a while."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Database
from auth_service.store.mails import Kind


@dataclass(frozen=True, slots=True)
class MailToken:
    """A token, and whose it is; `password_version`: with another password it is worthless."""

    token_sha256: bytes
    kind: Kind
    sub: uuid.UUID
    email: str
    password_version: int
    issued_at: datetime


async def add(db: Database, token: MailToken) -> None:
    """Store a token."""
    await db.execute(
        """
        INSERT INTO mail_tokens (token_sha256, kind, sub, email, password_version, issued_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        token.token_sha256,
        token.kind,
        token.sub,
        token.email,
        token.password_version,
        token.issued_at,
    )


_USABLE = """
    token_sha256 = $1 AND kind = $2 AND issued_at > $3 AND used_at IS NULL
    AND users.sub = mail_tokens.sub AND users.disabled_at IS NULL
    AND users.password_version = mail_tokens.password_version
"""


async def find(db: Database, token_sha256: bytes, kind: Kind, since: datetime) -> str | None:
    """Return whose token it is, by name, if it can be used."""
    username: str | None = await db.fetchval(
        f"SELECT username FROM mail_tokens, users WHERE {_USABLE}",  # noqa: S608 - a constant
        token_sha256,
        kind,
        since,
    )
    return username


async def take(
    db: Database, token_sha256: bytes, kind: Kind, since: datetime, now: datetime
) -> MailToken | None:
    """Take a token; None if it is used, too old, or its user has another password by now.

    The one UPDATE both tests and sets, so of any number of concurrent calls one gets it.
    """
    row = await db.fetchrow(
        f"""
        UPDATE mail_tokens SET used_at = $4 FROM users WHERE {_USABLE}
        RETURNING token_sha256, kind, mail_tokens.sub, mail_tokens.email,
                  mail_tokens.password_version, issued_at
        """,  # noqa: S608 - a constant
        token_sha256,
        kind,
        since,
        now,
    )
    if row is None:
        return None
    return MailToken(row["token_sha256"], Kind(row["kind"]), *list(row.values())[2:])


async def forget(db: Database, since: datetime) -> None:
    """Remove what was issued before `since`."""
    await db.execute("DELETE FROM mail_tokens WHERE issued_at <= $1", since)
