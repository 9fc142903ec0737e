"""The two databases of a stack: on our own server, or wherever their addresses say."""

import asyncio
import secrets
from collections.abc import Callable

import asyncpg

from stack.errors import StackError
from stack.layout import Settings
from stack.postgres import EmbeddedPostgres
from stack.state import State


class Databases:
    """The addresses of both databases, and the embedded server if one is needed."""

    def __init__(self, state: State, settings: Settings, tell: Callable[[str], None]) -> None:
        self.auth_url = ""
        self.auth_owner_url: str | None = None  # None: the auth service migrates by itself
        self.resource_url = ""
        self.postgres: EmbeddedPostgres | None = None
        self._state = state
        self._settings = settings
        self._tell = tell
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Check the addresses that are given; start our own server for the others."""
        auth, resource = self._settings.auth_database_url, self._settings.resource_database_url
        if auth is not None:
            await _require_reachable(auth, "AUTH_DATABASE_URL")
            self.auth_owner_url = self._settings.auth_owner_database_url
        if resource is not None:
            await _require_reachable(resource, "RESOURCE_DATABASE_URL")
        if auth is None or resource is None:
            self.postgres = EmbeddedPostgres(self._state.path, options=self._settings.postgres)
            self.postgres.start()
            self._watch = asyncio.create_task(self._start_again_when_it_dies(self.postgres))
            if auth is None:
                self.auth_owner_url, auth = await _with_owner(self.postgres, "sealgate_auth")
            resource = resource or await _own(self.postgres, "sealgate_resource")
        self.auth_url, self.resource_url = auth, resource

    async def stop(self) -> None:
        """Stop our own server, if there is one."""
        if self._watch is not None:
            self._watch.cancel()
        if self.postgres is not None:
            await asyncio.to_thread(self.postgres.stop)

    async def _start_again_when_it_dies(self, postgres: EmbeddedPostgres) -> None:
        while self._settings.restart:
            await asyncio.sleep(0.5)
            if postgres.crashed:
                self._tell("postgres ended; starting it again")
                try:
                    postgres.start()
                except StackError as error:
                    self._tell(str(error))


async def _own(postgres: EmbeddedPostgres, name: str) -> str:
    """Return the address of a database whose owner bears its name, with a new password."""
    return await postgres.create_database(name, owner=name, password=secrets.token_urlsafe(24))


async def _with_owner(postgres: EmbeddedPostgres, name: str) -> tuple[str, str]:
    """Return the addresses of a database for its owner, and for a role that owns nothing in it."""
    owner = await postgres.create_database(
        name, owner=f"{name}_owner", password=secrets.token_urlsafe(24)
    )
    return owner, await postgres.create_guest(
        name, role=name, owner=f"{name}_owner", password=secrets.token_urlsafe(24)
    )


async def _require_reachable(url: str, variable: str) -> None:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        why = str(error) or type(error).__name__
        raise StackError(f"{variable} names a database that does not answer: {why}") from None
    await connection.close()
