"""Secrets of the service itself, encrypted under the key-encryption key."""

from auth_service.store import Connection, Database


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


async def lock_all(connection: Connection) -> dict[str, bytes]:
    """Return every encrypted secret by its name; nobody changes them until the transaction ends."""
    rows = await connection.fetch("SELECT name, encrypted FROM secrets ORDER BY name FOR UPDATE")
    return {row["name"]: row["encrypted"] for row in rows}


async def replace(connection: Connection, name: str, encrypted: bytes) -> None:
    """Replace a secret by the same one under another key."""
    await connection.execute("UPDATE secrets SET encrypted = $2 WHERE name = $1", name, encrypted)
