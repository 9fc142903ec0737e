"""Second factors: generators of one-time codes, and the recovery codes for when one is lost.

Secrets are encrypted, of recovery codes only hashes are stored. Each code counts once.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from auth_service.store import Connection, Database


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """A user's generator; until it is confirmed nobody is asked for its codes."""

    sub: uuid.UUID
    encrypted_secret: bytes
    confirmed_at: datetime | None


async def begin(db: Database, sub: uuid.UUID, encrypted_secret: bytes, now: datetime) -> bool:
    """Store a generator that is to be confirmed; False if the user has one that was."""
    begun = await db.fetchval(
        """
        INSERT INTO second_factors AS old (sub, encrypted_secret, created_at) VALUES ($1, $2, $3)
        ON CONFLICT (sub) DO UPDATE SET encrypted_secret = $2, created_at = $3
        WHERE old.confirmed_at IS NULL
        RETURNING true
        """,
        sub,
        encrypted_secret,
        now,
    )
    return begun is not None


async def find(db: Database, sub: uuid.UUID) -> SecondFactor | None:
    """Return a user's generator, confirmed or not."""
    row = await db.fetchrow(
        "SELECT sub, encrypted_secret, confirmed_at FROM second_factors WHERE sub = $1", sub
    )
    return None if row is None else SecondFactor(*row.values())


async def is_on(db: Database, sub: uuid.UUID) -> bool:
    """Tell whether the user's log-ins need a code."""
    on: bool = await db.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM second_factors WHERE sub = $1 AND confirmed_at IS NOT NULL)
        """,
        sub,
    )
    return on


async def confirm(db: Database, factor: SecondFactor, step: int, now: datetime) -> bool:
    """Note that a code of this very generator has come; False if it was replaced, or confirmed."""
    confirmed = await db.fetchval(
        """
        UPDATE second_factors SET confirmed_at = $4, last_step = $3
        WHERE sub = $1 AND encrypted_secret = $2 AND confirmed_at IS NULL
        RETURNING true
        """,
        factor.sub,
        factor.encrypted_secret,
        step,
        now,
    )
    return confirmed is not None


async def take(db: Database, sub: uuid.UUID, step: int) -> bool:
    """Take the code of a step; False if it, or a later one, was taken before (RFC 6238 §5.2)."""
    taken = await db.fetchval(
        """
        UPDATE second_factors SET last_step = $2
        WHERE sub = $1 AND confirmed_at IS NOT NULL AND last_step < $2
        RETURNING true
        """,
        sub,
        step,
    )
    return taken is not None


async def take_recovery_code(
    db: Database, sub: uuid.UUID, code_sha256: bytes, now: datetime
) -> bool:
    """Take a recovery code; False if it is not the user's, or was taken before."""
    taken = await db.fetchval(
        """
        UPDATE recovery_codes SET used_at = $3
        WHERE sub = $1 AND code_sha256 = $2 AND used_at IS NULL
        RETURNING true
        """,
        sub,
        code_sha256,
        now,
    )
    return taken is not None


async def count_recovery_codes(db: Database, sub: uuid.UUID) -> int:
    """Return how many the user has left."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM recovery_codes WHERE sub = $1 AND used_at IS NULL", sub
    )
    return count


async def lock(connection: Connection, sub: uuid.UUID) -> bool:
    """Keep a confirmed generator as it is until the transaction ends; False if there is none."""
    locked = await connection.fetchval(
        """
        SELECT true FROM second_factors WHERE sub = $1 AND confirmed_at IS NOT NULL FOR UPDATE
        """,
        sub,
    )
    return locked is not None


async def replace_recovery_codes(
    connection: Connection, sub: uuid.UUID, codes_sha256: Collection[bytes]
) -> None:
    """Store new ones; the old ones are worth nothing then.

    In a transaction that has the generator's row: two at a time would leave the codes of both.
    """
    await connection.execute("DELETE FROM recovery_codes WHERE sub = $1", sub)
    await connection.execute(
        "INSERT INTO recovery_codes (code_sha256, sub) SELECT unnest($2::bytea[]), $1",
        sub,
        codes_sha256,
    )


async def remove(connection: Connection, sub: uuid.UUID) -> bool:
    """Forget the generator and its recovery codes; False if there was none that was confirmed."""
    removed: datetime | None = await connection.fetchval(
        "DELETE FROM second_factors WHERE sub = $1 RETURNING confirmed_at", sub
    )
    await connection.execute("DELETE FROM recovery_codes WHERE sub = $1", sub)
    return removed is not None


async def lock_all(connection: Connection) -> dict[uuid.UUID, bytes]:
    """Return every encrypted secret; nobody changes them until the transaction ends."""
    rows = await connection.fetch(
        "SELECT sub, encrypted_secret FROM second_factors ORDER BY sub FOR UPDATE"
    )
    return {row["sub"]: row["encrypted_secret"] for row in rows}


async def rewrap(connection: Connection, sub: uuid.UUID, encrypted_secret: bytes) -> None:
    """Replace a secret by the same one under another key."""
    await connection.execute(
        "UPDATE second_factors SET encrypted_secret = $2 WHERE sub = $1", sub, encrypted_secret
    )
