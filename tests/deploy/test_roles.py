"""`deploy/roles.sql`, run by psql as its first lines say, and then `migrate`."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from stack import postgres_installation
from stack.admin_commands import run_admin_command
from stack.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    """A server of somebody else's, with nothing of ours on it."""
    with tempfile.TemporaryDirectory(prefix="sealgate-roles-") as folder:
        path = Path(folder)
        path.chmod(0o711)
        server = EmbeddedPostgres(path / "state", options={"fsync": "off"})
        server.start()
        yield server
        server.stop()


async def test_the_roles_are_as_the_audit_log_needs_them(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    _run_as_superuser(server, REPOSITORY / "deploy/roles.sql")
    key_file = tmp_path / "key"
    key_file.touch(mode=0o600)
    key_file.write_text("A" * 43)
    service = server.url("sealgate_auth", "sealgate_auth", "service")
    environment = {
        "AUTH_DATABASE_URL": service,
        "AUTH_KEY_ENCRYPTION_KEY_FILE": str(key_file),
    }
    owner = server.url("sealgate_auth", "sealgate_auth_owner", "o'wner")
    said = await run_admin_command(
        environment | {"AUTH_MIGRATION_DATABASE_URL": owner}, ["migrate"]
    )
    assert "the role sealgate_auth may add to the audit log and read it, and no more" in said
    await run_admin_command(environment, ["users", "create", "alice"])
    connection = await asyncpg.connect(service)
    try:
        assert await connection.fetchval("SELECT count(*) FROM audit_log") > 0
        for statement in ("DELETE FROM audit_log", "DROP TABLE users", "CREATE TABLE x (a int)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


def _run_as_superuser(server: EmbeddedPostgres, file: Path) -> None:
    psql = postgres_installation.programs(postgres_installation.server_user(), None) / "psql"
    done = subprocess.run(
        [
            *(str(psql), "--no-psqlrc", "-v", "ON_ERROR_STOP=1"),
            *("-v", "owner_password=o'wner", "-v", "service_password=service"),
            *("-f", str(file), server.url()),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
