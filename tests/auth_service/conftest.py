"""Fixtures: the auth service in process, over a real PostgreSQL, with a clock that we set."""

import asyncio
import base64
import hashlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from auth_service import accounts
from auth_service.app import create_app
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.server import AuthorizationServer, open_server
from auth_service.settings import Settings
from auth_service.store import clients
from auth_service.store.clients import Client
from auth_service.throttling import Caller
from stack.postgres import EmbeddedPostgres
from tests.conftest import auth_databases
from tests.databases import Copies

REPOSITORY = Path(__file__).parent.parent.parent
PASSWORD = "correct horse battery staple"
SECRET = "s3cret-of-the-batch-client"
SOMEWHERE = Caller("192.0.2.1")


class Clock:
    """Stands still until it is moved; in seconds since 1970."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Issuer:
    """One running auth service: its app, its server, and an HTTP client for it."""

    def __init__(self, app: FastAPI, http: httpx.AsyncClient) -> None:
        self.app = app
        self.http = http

    @property
    def server(self) -> AuthorizationServer:
        server: AuthorizationServer = self.app.state.server
        return server

    async def token(self, client_id: str = "batch", **parameters: str) -> httpx.Response:
        """Call the token endpoint; a confidential client authenticates with Basic."""
        if client_id in ("docs", "mobile"):
            return await self.http.post("/token", data={"client_id": client_id, **parameters})
        return await self.http.post("/token", data=parameters, auth=(client_id, SECRET))

    async def log_in(self, client_id: str = "web", **parameters: str) -> dict[str, Any]:
        """Log alice in and return the token response."""
        response = await self.token(
            client_id, grant_type="password", username="alice", password=PASSWORD, **parameters
        )
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    async def refresh(self, token: str, client_id: str = "web", **also: str) -> httpx.Response:
        """Redeem a refresh token."""
        return await self.token(client_id, grant_type="refresh_token", refresh_token=token, **also)


Start = Callable[..., AbstractAsyncContextManager[Issuer]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
async def prepared_auth_databases(
    postgres: EmbeddedPostgres,
    migrated_auth_databases: Copies,
    key_encryption_key: bytes,
    state_folder: Path,
) -> AsyncIterator[Copies]:
    """Databases as an issuer's first start leaves them, which takes most of its time: with keys."""
    async with migrated_auth_databases.one() as url:
        file = _key_file(state_folder, key_encryption_key)
        settings = _settings(url, file)
        async with open_server(settings, KeyEncryptionKey.load(file), Clock()) as server:
            await server.prepare()
        yield auth_databases(postgres, url.rpartition("/")[2])


@pytest.fixture
def auth_copies(prepared_auth_databases: Copies) -> Copies:
    """Where a test's database comes from; commands, whose clock is not ours, find it empty."""
    return prepared_auth_databases


@pytest.fixture
def settings(auth_database_url: str, key_encryption_key_file: Path) -> Settings:
    """Settings for one machine, with hashes that cost next to nothing."""
    return _settings(auth_database_url, key_encryption_key_file)


def _settings(database_url: str, key_encryption_key_file: Path) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        key_encryption_key_file=key_encryption_key_file,
        cors_origins=("http://127.0.0.1:8080",),
        password_memory_kib=8,
        password_time_cost=1,
        password_queue=200,
        log_in_attempts=1000,
        address_attempts=1000,
    )


@pytest.fixture(scope="session")
def key_encryption_key() -> bytes:
    return base64.urlsafe_b64encode(secrets.token_bytes(32))


@pytest.fixture
def key_encryption_key_file(tmp_path: Path, key_encryption_key: bytes) -> Path:
    return _key_file(tmp_path, key_encryption_key)


def _key_file(folder: Path, key: bytes) -> Path:
    path = folder / "key-encryption-key"
    path.touch(mode=0o600)
    path.write_bytes(key)
    return path


@pytest.fixture
def start(settings: Settings, clock: Clock) -> Start:
    """Start an issuer with other settings than the usual ones; many may run at a time."""

    @asynccontextmanager
    async def started(**changes: Any) -> AsyncIterator[Issuer]:
        app = create_app(settings.model_copy(update=changes), now=clock)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=settings.issuer) as http,
        ):
            yield Issuer(app, http)

    return started


@pytest.fixture
async def issuer(
    start: Start, register: Callable[[AuthorizationServer], Awaitable[None]]
) -> AsyncIterator[Issuer]:
    """A running issuer with the user alice and the clients of `register`."""
    async with start() as running:
        await register(running.server)
        yield running


@pytest.fixture
def register() -> Callable[[AuthorizationServer], Awaitable[None]]:
    """Registers alice and a client of each kind."""
    return _register


async def _register(server: AuthorizationServer) -> None:
    await accounts.register(server, "alice", PASSWORD)
    everything = "client_credentials password refresh_token"
    await _add(server, "batch", "client_credentials", "notes:read notes:write admin")
    await _add(server, "web", everything, "notes:read notes:write", first_party=True)
    await _add(server, "other", everything, "notes:read notes:write", first_party=True)
    await _add(server, "third-party", everything, "notes:read")
    await _add(server, "docs", "password refresh_token", "notes:read", first_party=True)
    await _add(server, "mobile", "client_credentials refresh_token", "notes:read")


async def _add(
    server: AuthorizationServer, name: str, grants: str, scope: str, *, first_party: bool = False
) -> None:
    client = Client(
        client_id=name,
        name=name,
        secret_sha256=None
        if name in ("docs", "mobile")
        else hashlib.sha256(SECRET.encode()).digest(),
        grant_types=frozenset(grants.split()),
        scope=frozenset(scope.split()),
        first_party=first_party,
        created_at=server.time(),
        disabled_at=None,
    )
    assert await clients.add(server.db, client)


@pytest.fixture
def run(auth_database_url: str, key_encryption_key_file: Path) -> Any:
    """Run an admin command as a person or a script does: exit code, output and errors."""

    async def run(*words: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth_service", *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
            env={
                "PATH": os.environ["PATH"],
                "AUTH_DATABASE_URL": auth_database_url,
                "AUTH_KEY_ENCRYPTION_KEY_FILE": str(key_encryption_key_file),
                **environment,
            },
        )
        output, errors = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    return run
