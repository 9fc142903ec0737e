"""Notes, each owned by the `sub` of a token. No statement touches a note without its owner."""

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from resource_service.store.database import Database


@dataclass(frozen=True, slots=True)
class Note:
    """A row of `notes`, without its owner."""

    id: UUID
    title: str
    body: str
    created_at: datetime
    updated_at: datetime


async def create(db: Database, owner: str, title: str, body: str) -> Note:
    """Store a new note."""
    async with db.connection() as connection:
        row = await connection.fetchrow(
            "INSERT INTO notes (owner, id, title, body) VALUES ($1, $2, $3, $4)"
            " RETURNING id, title, body, created_at, updated_at",
            owner,
            _new_id(),
            title,
            body,
        )
    assert row is not None  # noqa: S101 - an INSERT without a condition returns its row
    return Note(*row)


async def read(db: Database, owner: str, note_id: UUID) -> Note | None:
    """Return the note, or None if the owner has none with this id."""
    async with db.connection() as connection:
        row = await connection.fetchrow(
            "SELECT id, title, body, created_at, updated_at FROM notes"
            " WHERE owner = $1 AND id = $2",
            owner,
            note_id,
        )
    return Note(*row) if row else None


async def read_page(db: Database, owner: str, *, after: UUID | None, limit: int) -> list[Note]:
    """Return up to `limit` notes in the order of their ids, from the one that follows `after`."""
    async with db.connection() as connection:
        rows = await connection.fetch(
            "SELECT id, title, body, created_at, updated_at FROM notes"
            " WHERE owner = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3",
            owner,
            after,
            limit,
        )
    return [Note(*row) for row in rows]


async def update(db: Database, owner: str, note_id: UUID, title: str, body: str) -> Note | None:
    """Replace title and body; return the note, or None if the owner has none with this id."""
    async with db.connection() as connection:
        row = await connection.fetchrow(
            "UPDATE notes SET title = $3, body = $4, updated_at = now()"
            " WHERE owner = $1 AND id = $2 RETURNING id, title, body, created_at, updated_at",
            owner,
            note_id,
            title,
            body,
        )
    return Note(*row) if row else None


async def delete(db: Database, owner: str, note_id: UUID) -> bool:
    """Delete the note; False if the owner has none with this id."""
    async with db.connection() as connection:
        status = await connection.execute(
            "DELETE FROM notes WHERE owner = $1 AND id = $2", owner, note_id
        )
    return status == "DELETE 1"


def _new_id() -> UUID:
    """Make a UUID of version 7: milliseconds since 1970, then 74 bits of chance (RFC 9562 §5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    chance = secrets.randbits(74)
    return UUID(
        int=milliseconds << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1
    )
