"""In a stack of `make run`, the auth service may add to the audit log and nothing else."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from auth_service import store
from stack.admin_commands import run_admin_command
from stack.databases import Databases
from stack.layout import Ports, Settings
from stack.postgres import EmbeddedPostgres
from stack.stack import Stack
from stack.state import State

LogIn = Callable[[dict[str, str]], str]
QUICK = {"fsync": "off"}


@pytest.fixture
async def service(system: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A connection with the very address that the running auth service has."""
    connection = await asyncpg.connect(system.databases.auth_url)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET sub = NULL",
        "UPDATE audit_log SET event = 'registered' WHERE id = 1",
        "DELETE FROM audit_log",
        "DELETE FROM audit_log WHERE id = 1",
        "TRUNCATE audit_log",
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log RENAME TO other",
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "ALTER TABLE audit_log OWNER TO sealgate_auth",
        "INSERT INTO audit_log (id, at, event) OVERRIDING SYSTEM VALUE VALUES (1, now(), 'x')"
        " ON CONFLICT (id) DO UPDATE SET event = 'x'",
        "MERGE INTO audit_log USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "SELECT * FROM audit_log FOR UPDATE",
        "CREATE RULE r AS ON INSERT TO audit_log DO INSTEAD NOTHING",
        "CREATE TRIGGER t BEFORE INSERT ON audit_log "
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE TABLE other (a int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE sealgate_auth_owner",
        "SET SESSION AUTHORIZATION sealgate_auth_owner",
        "SET session_replication_role = replica",
        "GRANT sealgate_auth_owner TO sealgate_auth",
        "CREATE ROLE other",
        "DELETE FROM migrations",
        "DROP SCHEMA public CASCADE",
        "DROP DATABASE sealgate_auth",
    ],
)
async def test_the_service_cannot(service: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.execute(statement)


async def test_the_service_owns_nothing_and_has_no_privilege_on_the_log_but_two(
    service: asyncpg.Connection,
) -> None:
    owned = "SELECT count(*) FROM pg_class WHERE pg_has_role(relowner, 'USAGE')"
    assert await service.fetchval(owned) == 0
    await service.execute("GRANT ALL ON audit_log TO PUBLIC")  # says no by a warning only
    privileges = await service.fetch(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE table_name = 'audit_log' AND grantee IN (current_user, 'PUBLIC')"
    )
    assert {row[0] for row in privileges} == {"INSERT", "SELECT"}
    columns = "SELECT has_any_column_privilege('audit_log', 'UPDATE')"
    assert await service.fetchval(columns) is False


async def test_the_running_service_writes_with_it_and_knows_that_it_may_not_change_it(
    system: Stack, service: asyncpg.Connection, log_in: LogIn
) -> None:
    count = "SELECT count(*) FROM audit_log WHERE event = 'logged in'"
    before = await service.fetchval(count)
    await asyncio.to_thread(log_in, system.demo)
    assert await service.fetchval(count) == before + 1
    log = (system.state.logs / "auth.log").read_text()
    assert "not append-only" not in log
    assert "AUTH_MIGRATION_DATABASE_URL" not in log


async def test_the_owners_address_is_for_the_commands_and_not_in_the_services_environment(
    system: Stack,
) -> None:
    variables = system.state.read_variables("auth.env")
    assert "sealgate_auth_owner" in variables["AUTH_MIGRATION_DATABASE_URL"]
    file = Path(f"/proc/{system.auth.pid}/environ")
    environment = await asyncio.to_thread(file.read_bytes)
    assert b"AUTH_DATABASE_URL" in environment
    assert b"AUTH_MIGRATION_DATABASE_URL" not in environment


async def test_a_state_folder_from_before_there_were_two_roles_changes_its_owner(
    state_folder: Path,
) -> None:
    state = State(state_folder / "one-role")
    state.acquire()
    server = EmbeddedPostgres(state.path, options=QUICK)
    server.start()
    old = await server.create_database("sealgate_auth", owner="sealgate_auth", password="old")
    key_file = state.key_encryption_key_file()
    try:
        environment = {"AUTH_DATABASE_URL": old, "AUTH_KEY_ENCRYPTION_KEY_FILE": str(key_file)}
        await run_admin_command(environment, ["users", "create", "veteran"])
        await _as_before_the_audit_log(old)
    finally:
        server.stop()
        state.release()

    settings = Settings(postgres=QUICK)
    async with Stack(state.path, Ports.free(replicas=1), settings) as stack:
        connection = await asyncpg.connect(stack.databases.auth_url)
        try:
            assert await connection.fetchval("SELECT username FROM users ORDER BY created_at")
            owned = "SELECT count(*) FROM pg_class WHERE pg_has_role(relowner, 'USAGE')"
            assert await connection.fetchval(owned) == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("DELETE FROM audit_log")
        finally:
            await connection.close()
    assert stack.demo["DEMO_USERNAME"]


async def _as_before_the_audit_log(url: str) -> None:
    """Undo the last migrations, so that the database is one of an older version."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "DROP TABLE audit_log; ALTER TABLE refresh_token_families DROP COLUMN repeats;"
        " DELETE FROM migrations WHERE name = '0030_audit_log.sql'"
    )
    await connection.close()


async def test_given_addresses_are_migrated_by_their_owner(
    state_folder: Path, postgres: EmbeddedPostgres
) -> None:
    name = f"given_{secrets.token_hex(4)}"
    owner = await postgres.create_database(name, owner=f"{name}_owner", password="o")
    guest = await postgres.create_guest(name, role=name, owner=f"{name}_owner", password="g")
    settings = Settings(auth_database_url=guest, auth_owner_database_url=owner, postgres=QUICK)
    databases = Databases(State(state_folder / "given"), settings, lambda _line: None)
    databases._state.path.mkdir()
    await databases.start()
    try:
        assert (databases.auth_url, databases.auth_owner_url) == (guest, owner)
        assert await store.migrate_up(owner)
    finally:
        await databases.stop()
