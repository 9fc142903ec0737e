"""Migrations: each applied once by one of many, none changed afterwards, all or nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from shared.database import UNAVAILABLE, MigrationRefused, create_pool, migrate
from stack.postgres import EmbeddedPostgres


@pytest.fixture
async def url(postgres: EmbeddedPostgres) -> str:
    name = f"empty_{uuid4().hex}"
    return await postgres.create_database(name, owner=name, password="empty")


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a int); INSERT INTO one VALUES (1);")
    (tmp_path / "0002_two.sql").write_text("ALTER TABLE one ADD b int; -- needs the first\n")
    (tmp_path / "README.txt").write_text("not SQL")
    return tmp_path


async def test_new_files_are_applied_in_order_and_once(
    connection: asyncpg.Connection, files: Path
) -> None:
    assert await migrate(connection, files) == ["0001_one.sql", "0002_two.sql"]
    assert await migrate(connection, files) == []
    (files / "0003_three.sql").write_text("INSERT INTO one VALUES (2, 2)")
    assert await migrate(connection, files) == ["0003_three.sql"]
    assert await connection.fetchval("SELECT count(*) FROM one") == 2


async def test_of_twenty_that_start_together_one_applies_each(url: str, files: Path) -> None:
    connections = await asyncio.gather(*(asyncpg.connect(url) for _ in range(20)))
    applied = await asyncio.gather(*(migrate(connection, files) for connection in connections))
    assert sorted(name for names in applied for name in names) == ["0001_one.sql", "0002_two.sql"]
    assert await connections[0].fetchval("SELECT count(*) FROM one") == 1
    await asyncio.gather(*(connection.close() for connection in connections))


async def test_a_file_that_changed_afterwards_is_refused(
    connection: asyncpg.Connection, files: Path
) -> None:
    await migrate(connection, files)
    (files / "0001_one.sql").write_text("CREATE TABLE one (a text);")
    with pytest.raises(MigrationRefused, match=r"0001_one\.sql was applied and has changed"):
        await migrate(connection, files)


async def test_a_database_ahead_of_the_program_is_refused(
    connection: asyncpg.Connection, files: Path
) -> None:
    await migrate(connection, files)
    (files / "0002_two.sql").unlink()
    with pytest.raises(MigrationRefused, match=r"ahead of this program: 0002_two\.sql"):
        await migrate(connection, files)


async def test_a_file_that_fails_leaves_nothing_behind(
    connection: asyncpg.Connection, files: Path
) -> None:
    (files / "0003_bad.sql").write_text("INSERT INTO one VALUES (2, 2); SELECT nonsense")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await migrate(connection, files)
    assert await connection.fetchval("SELECT to_regclass('one')") is None
    (files / "0003_bad.sql").unlink()
    assert len(await migrate(connection, files)) == 2


async def test_a_pool_for_a_database_that_is_down_opens_and_then_is_unavailable() -> None:
    async with create_pool("postgresql://nobody@127.0.0.1:1/none", size=1) as pool:
        with pytest.raises(UNAVAILABLE):
            await pool.fetchval("SELECT 1")


async def test_a_frozen_database_is_unavailable_in_bounded_time(url: str) -> None:
    async with create_pool(url, size=1, command_timeout=0.1) as pool:
        with pytest.raises(UNAVAILABLE):
            await pool.fetchval("SELECT pg_sleep(10)")
        assert await pool.fetchval("SELECT 1") == 1


async def test_a_mistake_of_ours_is_not_taken_for_an_outage(url: str) -> None:
    async with create_pool(url, size=1) as pool:
        with pytest.raises(asyncpg.SyntaxOrAccessError) as mistake:
            await pool.fetchval("SELEC 1")
        assert not isinstance(mistake.value, UNAVAILABLE)
