"""Fixtures for every test: a real PostgreSQL server, and fresh migrated databases on it."""

import base64
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import auth_service.app
import resource_service.app
from auth_service import store
from auth_service.settings import Settings as AuthSettings
from auth_service.store import privileges
from resource_service.settings import Settings as ResourceSettings
from shared.database import Connection, migrate
from stack.layout import UNTHROTTLED, Ports, Settings
from stack.postgres import EmbeddedPostgres
from stack.stack import Stack
from tests.databases import Copies

REPOSITORY = Path(__file__).parent.parent
AUTH_OWNER = "auth_owner"
OTHER_RESOURCE = "https://files.example/mcp"  # of the shared stack's issuer, beside its API
NO_DATABASE = SecretStr("postgresql://nobody@127.0.0.1:1/none")  # for what needs none
# The data of a test is thrown away: no waiting for the disk.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


# Here, tests mostly wait for processes; they begin first, so that no worker is left alone with
# them at the end.
_SLOW = ("lab", "system", "browser", "stack")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow folders first; the order within them stays."""
    tests = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(tests).parts[0] not in _SLOW)


@pytest.fixture(scope="session")
def state_folder() -> Iterator[Path]:
    """A state folder for the whole session, where an unprivileged server can get at it."""
    path = Path(tempfile.mkdtemp(prefix="sealgate-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def postgres(state_folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running server, one per test process."""
    # No vacuum by itself: it writes, at any time, what a test would count as its own.
    options = {**QUICK, "autovacuum": "off"}
    server = EmbeddedPostgres(state_folder / "database-tests", options=options)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def system(state_folder: Path) -> AsyncIterator[Stack]:
    """A whole running stack on free ports, for tests that leave its processes alone."""
    settings = Settings(postgres=QUICK, auth={**UNTHROTTLED, "AUTH_RESOURCES": OTHER_RESOURCE})
    async with Stack(state_folder / "system", Ports.free(), settings) as stack:
        yield stack


@pytest.fixture(scope="session")
async def auth_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database of the auth service, to make copies of.

    The service's role, of the same name, owns nothing: what it may not do, no test can.
    """
    url = await postgres.create_database("auth", owner=AUTH_OWNER, password=_password(AUTH_OWNER))
    await postgres.create_guest("auth", role="auth", owner=AUTH_OWNER, password=_password("auth"))
    async with store.connected(url) as connection:
        await migrate(connection, store.MIGRATIONS)
        await privileges.grant(connection, "auth")
    return "auth"


@pytest.fixture(scope="session")
async def resource_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database of the resource service, to make copies of."""
    password = _password("resource")
    url = await postgres.create_database("resource", owner="resource", password=password)
    connection = await asyncpg.connect(url)
    await migrate(connection, REPOSITORY / "resource_service/store/migrations")
    await connection.close()
    return "resource"


@pytest.fixture(scope="session")
def migrated_auth_databases(postgres: EmbeddedPostgres, auth_template: str) -> Copies:
    """Migrated databases of the auth service with nothing in them."""
    return auth_databases(postgres, auth_template)


@pytest.fixture
def auth_copies(migrated_auth_databases: Copies) -> Copies:
    """Where the database of a test of the auth service comes from."""
    return migrated_auth_databases


@pytest.fixture
async def auth_database_url(auth_copies: Copies) -> AsyncIterator[str]:
    """The address of a fresh, migrated database of the auth service, for its own role."""
    async with auth_copies.one() as url:
        yield url


@pytest.fixture
async def auth_owner(
    postgres: EmbeddedPostgres, auth_database_url: str
) -> AsyncIterator[Connection]:
    """A connection to the same database as its owner, for what the service may not do."""
    name = auth_database_url.rpartition("/")[2]
    async with store.connected(postgres.url(name, AUTH_OWNER, _password(AUTH_OWNER))) as connection:
        yield connection


@pytest.fixture(scope="session")
def resource_databases(postgres: EmbeddedPostgres, resource_template: str) -> Copies:
    """Migrated databases of the resource service with nothing in them."""
    password = _password("resource")
    return Copies(postgres, resource_template, role="resource", owner="resource", password=password)


@pytest.fixture
async def resource_database_url(resource_databases: Copies) -> AsyncIterator[str]:
    """The address of a fresh, migrated, empty database of the resource service."""
    async with resource_databases.one() as url:
        yield url


@pytest.fixture(params=["auth service", "resource service"])
def unstarted_app(request: pytest.FixtureRequest, tmp_path: Path) -> FastAPI:
    """An application that was never started."""
    if request.param == "resource service":
        settings = ResourceSettings.load(database_url=NO_DATABASE)
        return resource_service.app.create_app(settings)
    key_file = tmp_path / "key-encryption-key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(base64.urlsafe_b64encode(bytes(32)))
    return auth_service.app.create_app(
        AuthSettings.load(database_url=NO_DATABASE, key_encryption_key_file=key_file)
    )


def auth_databases(postgres: EmbeddedPostgres, original: str) -> Copies:
    """Copies of a database of the auth service."""
    return Copies(postgres, original, role="auth", owner=AUTH_OWNER, password=_password("auth"))


def _password(name: str) -> str:
    return f"{name}-{os.getpid()}"
