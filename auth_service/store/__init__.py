"""PostgreSQL: the only package that speaks SQL.

One module per table, one function per statement. Every function is atomic on its own, so what
it promises holds however many processes share the database. The time is always the caller's.
"""

from pathlib import Path
from typing import Final, TypeAlias

from shared.database import Connection, Pool

__all__ = ["MIGRATIONS", "Connection", "Database", "Pool"]

Database: TypeAlias = "Pool | Connection"

MIGRATIONS: Final = Path(__file__).parent / "migrations"
