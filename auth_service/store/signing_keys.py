"""Signing keys through their states: published → active → retired → removed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from auth_service.store import Connection, Database

_LOCK = 0x5EA16A7E_0001  # one number for every change of the ring
State = Literal["published", "active", "retired", "removed"]


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key as it lies in the database; the private half is erased with its removal.

    `token_lifetime`: the longest life of anything signed with it. `jwks_max_age`: the longest
    max-age that the JWKS was served with while this key was the last one in it. Both in seconds.
    """

    kid: str
    encrypted_private: bytes | None
    published_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    removed_at: datetime | None
    revoked: bool
    token_lifetime: int
    jwks_max_age: int

    @property
    def state(self) -> State:
        """Where it stands; a removed key never comes back."""
        if self.removed_at is not None:
            return "removed"
        if self.activated_at is None:
            return "published"
        return "active" if self.retired_at is None else "retired"

    @property
    def since(self) -> datetime:
        """When it got into its state."""
        return self.removed_at or self.retired_at or self.activated_at or self.published_at


async def lock(connection: Connection) -> None:
    """Wait until nobody else changes the ring; held until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def ring(db: Database, now: datetime | None) -> tuple[StoredKey, ...]:
    """Return the keys that count, in the order of their publication; None: all there ever were.

    Those that are not removed, and those removed so lately that a verifier may still hold a
    JWKS that ends with them.
    """
    rows = await db.fetch(
        """
        SELECT kid, encrypted_private, published_at, activated_at, retired_at, removed_at,
            revoked, token_lifetime, jwks_max_age
        FROM signing_keys
        WHERE $1::timestamptz IS NULL
           OR removed_at IS NULL
           OR removed_at + make_interval(secs => 2 * jwks_max_age) > $1
        ORDER BY published_at, activated_at, kid
        """,
        now,
    )
    return tuple(StoredKey(*row.values()) for row in rows)


async def publish(
    db: Database, kid: str, encrypted_private: bytes, jwks_max_age: int, now: datetime
) -> None:
    """Add the next key."""
    await db.execute(
        """
        INSERT INTO signing_keys
            (kid, encrypted_private, published_at, token_lifetime, jwks_max_age)
        VALUES ($1, $2, $4, 0, $3)
        """,
        kid,
        encrypted_private,
        jwks_max_age,
        now,
    )


async def activate(db: Database, kid: str, now: datetime) -> None:
    """Let a published key sign; the one before must have been retired or removed."""
    await db.execute(
        """
        UPDATE signing_keys SET activated_at = $2
        WHERE kid = $1 AND activated_at IS NULL AND removed_at IS NULL
        """,
        kid,
        now,
    )


async def retire(db: Database, kid: str, now: datetime) -> None:
    """Stop a key from signing; it goes on verifying."""
    await db.execute(
        "UPDATE signing_keys SET retired_at = $2 WHERE kid = $1 AND retired_at IS NULL", kid, now
    )


async def remove(db: Database, kid: str, now: datetime, *, revoked: bool = False) -> None:
    """Take a key away for good, and erase its private half; `revoked`: before its time."""
    await db.execute(
        """
        UPDATE signing_keys
        SET removed_at = $2, revoked = $3, encrypted_private = NULL,
            retired_at = CASE WHEN activated_at IS NULL THEN NULL ELSE COALESCE(retired_at, $2) END
        WHERE kid = $1 AND removed_at IS NULL
        """,
        kid,
        now,
        revoked,
    )


async def extend_token_lifetime(db: Database, kid: str, token_lifetime: int) -> None:
    """Note that tokens under this key live so long, in seconds; it never gets shorter."""
    await db.execute(
        "UPDATE signing_keys SET token_lifetime = $2 WHERE kid = $1 AND token_lifetime < $2",
        kid,
        token_lifetime,
    )


async def extend_jwks_max_age(db: Database, kid: str, max_age: int) -> None:
    """Note that a JWKS that ends with this key is kept so long, in seconds."""
    await db.execute(
        "UPDATE signing_keys SET jwks_max_age = $2 WHERE kid = $1 AND jwks_max_age < $2",
        kid,
        max_age,
    )


async def rewrap(db: Database, kid: str, encrypted_private: bytes) -> None:
    """Replace the encrypted private half by the same one under another key."""
    await db.execute(
        "UPDATE signing_keys SET encrypted_private = $2 WHERE kid = $1 AND removed_at IS NULL",
        kid,
        encrypted_private,
    )
