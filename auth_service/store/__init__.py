"""PostgreSQL: the only package that speaks SQL.

One module per table, one function per statement. Every function is atomic on its own, so what
it promises holds however many processes share the database. The time is always the caller's.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from auth_service.store import privileges
from shared.database import Connection, Pool, migrate, require_migrated

__all__ = [
    "MIGRATIONS",
    "WITHOUT_WAITING",
    "Connection",
    "Database",
    "Pool",
    "connected",
    "migrate_up",
]

Database: TypeAlias = "Pool | Connection"

MIGRATIONS: Final = Path(__file__).parent / "migrations"
# Before a statement that is a transaction of its own, and reads FROM this: it does not wait for
# the disk. What it wrote in the last half second or so may be lost when PostgreSQL crashes.
WITHOUT_WAITING: Final = (
    "WITH without_waiting AS (SELECT set_config('synchronous_commit', 'off', true))"
)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """Open one connection, for a while."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        yield connection
    finally:
        await connection.close(timeout=1)


async def migrate_up(url: str) -> list[str]:
    """Apply the migrations that are new, however long that takes; return their names.

    A role that may not apply them, since another one owns the tables, only sees that none is
    missing, or raises `NotMigrated`.
    """
    async with connected(url) as connection:
        if await privileges.may_migrate(connection):
            return await migrate(connection, MIGRATIONS)
        await require_migrated(connection, MIGRATIONS)
        return []
