"""Fixtures for every test: a real PostgreSQL server, and fresh migrated databases on it."""

import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

import auth_service.app
import resource_service.app
from auth_service.settings import Settings as AuthSettings
from resource_service.settings import Settings as ResourceSettings
from shared.database import migrate
from stack.layout import Ports, Settings
from stack.postgres import EmbeddedPostgres
from stack.stack import Stack

REPOSITORY = Path(__file__).parent.parent
NO_DATABASE = SecretStr("postgresql://nobody@127.0.0.1:1/none")  # for what needs none
# The data of a test is thrown away: no waiting for the disk.
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


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
    server = EmbeddedPostgres(state_folder / "database-tests", options=QUICK)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
async def system(state_folder: Path) -> AsyncIterator[Stack]:
    """A whole running stack on free ports, for tests that leave its processes alone."""
    async with Stack(state_folder / "system", Ports.free(), Settings(postgres=QUICK)) as stack:
        yield stack


@pytest.fixture(scope="session")
async def auth_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database of the auth service, to make copies of."""
    return await _template(postgres, "auth", REPOSITORY / "auth_service/store/migrations")


@pytest.fixture(scope="session")
async def resource_template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database of the resource service, to make copies of."""
    return await _template(postgres, "resource", REPOSITORY / "resource_service/store/migrations")


@pytest.fixture
async def auth_database_url(postgres: EmbeddedPostgres, auth_template: str) -> AsyncIterator[str]:
    """The address of a fresh, migrated, empty database of the auth service."""
    async with _copy(postgres, auth_template) as url:
        yield url


@pytest.fixture
async def resource_database_url(
    postgres: EmbeddedPostgres, resource_template: str
) -> AsyncIterator[str]:
    """The address of a fresh, migrated, empty database of the resource service."""
    async with _copy(postgres, resource_template) as url:
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


async def _template(postgres: EmbeddedPostgres, name: str, migrations: Path) -> str:
    url = await postgres.create_database(name, owner=name, password=_password(name))
    connection = await asyncpg.connect(url)
    await migrate(connection, migrations)
    await connection.close()
    return name


@asynccontextmanager
async def _copy(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[str]:
    """Copy a template's files, which takes about 20 ms; the role is the unprivileged owner."""
    name = f"{template}_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(postgres.url())
    try:
        await connection.execute(
            f"CREATE DATABASE {name} TEMPLATE {template} OWNER {template} STRATEGY file_copy"
        )
        yield postgres.url(name, template, _password(template))
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def _password(name: str) -> str:
    return f"{name}-{os.getpid()}"
