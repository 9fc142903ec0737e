"""Secrets of the service itself, encrypted under the key-encryption key."""

from auth_service.store import Database


async def find(db: Database, name: str) -> bytes | None:
    """Return the encrypted secret of this name."""
    encrypted: bytes | None = await db.fetchval(
        "SELECT encrypted FROM secrets WHERE name = $1", name
    )
    return encrypted


async def add(db: Database, name: str, encrypted: bytes) -> None:
    """Store a secret, unless there is one of this name: the first one stays."""
    await db.execute(
        "INSERT INTO secrets (name, encrypted) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        name,
        encrypted,
    )
