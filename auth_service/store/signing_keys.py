"""Signing keys through their states: published → active → retired → removed."""

from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Connection, Database

_LOCK = 0x5EA16A7E_0001  # one number for every change of the ring


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it lies in the database; `token_lifetime` is in seconds."""

    kid: str
    encrypted_private: bytes
    published_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    token_lifetime: int

    @property
    def state(self) -> str:
        """One of published, active, retired; a removed key is not to be had."""
        if self.activated_at is None:
            return "published"
        return "active" if self.retired_at is None else "retired"


async def lock(connection: Connection) -> None:
    """Wait until nobody else changes the ring; held until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def present(db: Database) -> list[StoredKey]:
    """Return the keys that are not removed, the oldest first."""
    rows = await db.fetch(
        """
        SELECT kid, encrypted_private, published_at, activated_at, retired_at, token_lifetime
        FROM signing_keys
        WHERE removed_at IS NULL
        ORDER BY published_at, activated_at
        """
    )
    return [StoredKey(*row.values()) for row in rows]


async def publish(db: Database, kid: str, encrypted_private: bytes, now: datetime) -> None:
    """Add the next key."""
    await db.execute(
        """
        INSERT INTO signing_keys (kid, encrypted_private, published_at, token_lifetime)
        VALUES ($1, $2, $3, 0)
        """,
        kid,
        encrypted_private,
        now,
    )


async def activate(db: Database, kid: str, now: datetime) -> None:
    """Let a published key sign; the one before must have been retired."""
    await db.execute("UPDATE signing_keys SET activated_at = $2 WHERE kid = $1", kid, now)


async def retire(db: Database, kid: str, now: datetime) -> None:
    """Stop a key from signing; it goes on verifying."""
    await db.execute("UPDATE signing_keys SET retired_at = $2 WHERE kid = $1", kid, now)


async def extend_token_lifetime(db: Database, kid: str, token_lifetime: int) -> None:
    """Note that tokens under this key live so long, in seconds; it never gets shorter."""
    await db.execute(
        "UPDATE signing_keys SET token_lifetime = $2 WHERE kid = $1 AND token_lifetime < $2",
        kid,
        token_lifetime,
    )


async def remove(db: Database, margin: int, now: datetime) -> list[str]:
    """Remove each key that no token can need any more, and erase its private half.

    That is when its longest-lived token has expired, plus `margin` in seconds. Returns the
    `kid`s.
    """
    rows = await db.fetch(
        """
        UPDATE signing_keys SET removed_at = $2, encrypted_private = NULL
        WHERE removed_at IS NULL
          AND retired_at + make_interval(secs => token_lifetime + $1) <= $2
        RETURNING kid
        """,
        margin,
        now,
    )
    return [row["kid"] for row in rows]
