"""Databases for tests: each test has one to itself, which is as its original is."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final, TypeAlias

import asyncpg

from stack.postgres import EmbeddedPostgres

# Whatever changes the schema leaves other row versions in one of these. Rows of the server's own
# (their number is below 16384) are left out, for speed.
_FINGERPRINT: Final = " UNION ALL ".join(
    f"SELECT count(*), sum(xmin::text::bigint) FROM {catalog} WHERE {mark}::bigint >= {least}"  # noqa: S608
    for catalog, mark, least in (
        ("pg_class", "oid", 16384),
        ("pg_attribute", "attrelid", 16384),
        ("pg_attrdef", "oid", 0),
        ("pg_constraint", "oid", 16384),
        ("pg_index", "indexrelid", 16384),
        ("pg_trigger", "oid", 0),
        ("pg_policy", "oid", 0),
        ("pg_proc", "oid", 16384),
        ("pg_type", "oid", 16384),
        ("pg_namespace", "oid", 0),
        ("pg_default_acl", "oid", 0),
    )
)
# What belongs to a database and is kept outside it.
_OUTSIDE: Final = """
    SELECT xmin::text, (SELECT count(*) FROM pg_db_role_setting WHERE setdatabase = d.oid)
    FROM pg_database d WHERE datname = current_database()
"""
_TABLES: Final = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::regnamespace"
)
_SEQUENCES: Final = "SELECT sequencename, start_value, last_value FROM pg_sequences"
# Waits until they have gone.
_SEND_EVERYBODY_AWAY: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True)
class _Original:
    """What a copy has to look like: its schema, its rows, and how to get there."""

    fingerprint: list[asyncpg.Record]
    emptying: str
    rows: dict[str, bytes]


class Copies:
    """Copies of one database, lent out one after the other.

    To make one takes 30 to 100 ms of CPU, since PostgreSQL copies 300 files; to put one back
    into its first state takes 5. That is done if only rows have changed; a copy whose schema or
    whose settings have changed is dropped.
    """

    def __init__(
        self, postgres: EmbeddedPostgres, original: str, *, role: str, owner: str, password: str
    ) -> None:
        self._postgres = postgres
        self._name = original
        self._role = role
        self._owner = owner
        self._password = password
        self._original: _Original | None = None
        self._free: dict[str, asyncpg.Record | None] = {}  # with what is kept outside it

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """Lend a copy; its address is for the role."""
        name, outside = await self._restored() or await self._new()
        yield self._postgres.url(name, self._role, self._password)
        self._free[name] = outside

    async def _restored(self) -> tuple[str, asyncpg.Record | None] | None:
        """Return a copy that was used before, as if it had not been; None if there is none."""
        while self._free:
            name, outside = self._free.popitem()
            async with self._connected(name) as connection:
                await connection.execute(_SEND_EVERYBODY_AWAY)
                if await self._restore(connection, outside):
                    return name, outside
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")
        return None

    async def _restore(self, connection: _Connection, outside: asyncpg.Record | None) -> bool:
        """Put every row back; False if there is more to be put back than rows."""
        assert self._original is not None
        if (
            await connection.fetch(_FINGERPRINT) != self._original.fingerprint
            or await connection.fetchrow(_OUTSIDE) != outside
        ):
            return False
        await connection.execute(self._original.emptying)
        for table, rows in self._original.rows.items():
            await connection.copy_to_table(table, source=BytesIO(rows), format="binary")
        return True

    async def _new(self) -> tuple[str, asyncpg.Record | None]:
        if self._original is None:
            async with self._connected(self._name) as connection:
                self._original = await _look_at(connection)
        name = f"{self._name}_{secrets.token_hex(6)}"
        await self._execute(
            f"CREATE DATABASE {name} TEMPLATE {self._name} OWNER {self._owner} STRATEGY file_copy"
        )
        async with self._connected(name) as connection:
            return name, await connection.fetchrow(_OUTSIDE)

    async def _execute(self, statement: str) -> None:
        async with self._connected("postgres") as connection:
            await connection.execute(statement)

    @asynccontextmanager
    async def _connected(self, name: str) -> AsyncIterator[_Connection]:
        connection = await asyncpg.connect(self._postgres.url(name))
        try:
            yield connection
        finally:
            await connection.close()


async def _look_at(connection: _Connection) -> _Original:
    rows = {}
    # No triggers: those of foreign keys want an order, and the audit log lets nothing be removed.
    emptying = ["SET session_replication_role = replica"]
    for (table,) in await connection.fetch(_TABLES, "public"):
        emptying.append(f"DELETE FROM {table}")  # noqa: S608
        kept = BytesIO()
        if (await connection.copy_from_table(table, output=kept, format="binary")) != "COPY 0":
            rows[table] = kept.getvalue()
    for name, start, last in await connection.fetch(_SEQUENCES):
        value = f"{start}, false" if last is None else f"{last}, true"
        emptying.append(f"SELECT setval('{name}', {value})")
    return _Original(await connection.fetch(_FINGERPRINT), "; ".join(emptying), rows)
