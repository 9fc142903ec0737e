"""PostgreSQL for both services: the pool, and migrations under an advisory lock."""

import hashlib
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)

_WAIT: Final = 5.0  # seconds
_LOCK = 0x5EA16A7E  # one number for all migrations of one database


# What the database raises when it cannot be asked now: it is down, starting, full, read-only
# or not migrated yet. Whoever asked may come again, so it is 503 and no fault of ours.
UNAVAILABLE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.UndefinedTableError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's farewell arrived on an idle connection
    OSError,
    TimeoutError,
)


InsufficientPrivilege: TypeAlias = asyncpg.InsufficientPrivilegeError


class MigrationRefused(Exception):
    """The migrations in the database are not the ones in this program; the text says which."""


def create_pool(url: str, *, size: int, command_timeout: float = 10.0) -> Pool:
    """Make a pool that opens its first connection when it is first used.

    Nobody waits without end: 5 s for a connection to open, 5 s for one to be free, and
    `command_timeout` seconds for a statement; then `TimeoutError`. Enter the pool as an async
    context manager.
    """
    return _Pool(
        url,
        min_size=0,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        command_timeout=command_timeout,
        timeout=_WAIT,
        loop=None,
        connection_class=_Connection,
        record_class=asyncpg.Record,
    )


class _Pool(asyncpg.Pool):
    """Waits for a connection for a bounded time, if it has to wait at all."""

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Lend a connection; the timer costs something, so there is none when one is free."""
        if timeout is None and not self.get_idle_size():
            timeout = _WAIT
        return super().acquire(timeout=timeout)


class _Connection(asyncpg.Connection):
    """Goes back to the pool without the query that resets a session: it doubles the traffic.

    Nothing here changes a session: no SET, no LISTEN, no advisory lock beyond a transaction.
    """

    def get_reset_query(self) -> str:
        """Say that there is none."""
        return ""


class NotMigrated(Exception):
    """The database lacks migrations, and this role is not the one that applies them."""


async def migrate(connection: Connection, directory: Path) -> list[str]:
    """Apply what is new in `directory`, in the order of the names; return those names.

    All in one transaction under an advisory lock, so of any number of processes that start
    together one applies each file and the others find it done. A file that was applied and
    then changed is refused with `MigrationRefused`, as is a database that is ahead of us.
    """
    files = _read(directory)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations ("
            " name text PRIMARY KEY, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        new = await _new(connection, files)
        for name in new:
            await connection.execute(files[name])
            await connection.execute(
                "INSERT INTO migrations (name, sha256) VALUES ($1, $2)", name, _sha256(files[name])
            )
    return new


async def require_migrated(connection: Connection, directory: Path) -> None:
    """Raise `NotMigrated` if something in `directory` is still to be applied.

    `MigrationRefused` as in `migrate`.
    """
    try:
        new = await _new(connection, _read(directory))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError) as error:
        raise NotMigrated(f"its owner has to run `migrate` first: {error}") from error
    if new:
        raise NotMigrated(f"the database lacks {new[0]}: its owner has to run `migrate` first")


async def _new(connection: Connection, files: dict[str, str]) -> list[str]:
    """Return the names that are not applied yet; refuse a history that is not ours."""
    applied = {
        row["name"]: row["sha256"]
        for row in await connection.fetch("SELECT name, sha256 FROM migrations")
    }
    if unknown := applied.keys() - files.keys():
        raise MigrationRefused(f"the database is ahead of this program: {min(unknown)}")
    for name, sha256 in applied.items():
        if _sha256(files[name]) != sha256:
            raise MigrationRefused(f"{name} was applied and has changed since")
    return [name for name in files if name not in applied]


def _read(directory: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(directory.glob("*.sql"))}


def _sha256(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
