"""PostgreSQL: the only package that speaks SQL.

One module per table, one function per statement. Every function is atomic on its own, so what
it promises holds however many processes share the database. The time is always the caller's.
"""

from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from shared.database import Connection, Pool, migrate

__all__ = ["MIGRATIONS", "Connection", "Database", "Pool", "migrate_up"]

Database: TypeAlias = "Pool | Connection"

MIGRATIONS: Final = Path(__file__).parent / "migrations"


async def migrate_up(url: str) -> None:
    """Apply the migrations that are new, however long that takes."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await migrate(connection, MIGRATIONS)
    finally:
        await connection.close(timeout=1)
