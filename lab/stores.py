"""What the schemes keep things in: a PostgreSQL server, a Redis server, a shared key."""

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lab.redis_server import RedisServer
from lab.schemes import Places, Scheme
from stack.postgres import EmbeddedPostgres
from stack.stack import Stack

REDIS_URL_VARIABLE: Final = "LAB_REDIS_URL"


@dataclass(frozen=True)
class Issuer:
    """The issuer as a store: where its process answers, and which processes do the work."""

    url: str
    pids: Callable[[], list[int]]


class Stores:
    """The stores of one lab, apart from the issuer's database, so that either can die alone.

    `redis` is None where the variable `LAB_REDIS_URL` names a server that is not ours.
    """

    def __init__(self, folder: Path, issuer: Issuer | None = None) -> None:
        """Take a folder of their own; without an `issuer` nothing can be introspected."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._issuer = issuer or Issuer("", list)
        self._starter = ThreadPoolExecutor(1, "stores")
        self.postgres = EmbeddedPostgres(folder)
        self.redis = None if REDIS_URL_VARIABLE in os.environ else RedisServer(folder)
        self.places = Places("", "", secrets.token_urlsafe(32), folder / "sessions.json")

    async def __aenter__(self) -> "Stores":
        """Start both servers and make the database."""
        await self.start()
        database_url = await self.postgres.create_database(
            "lab", owner="lab", password=secrets.token_urlsafe(24)
        )
        redis_url = os.environ[REDIS_URL_VARIABLE] if self.redis is None else self.redis.url
        self.places = replace(self.places, database_url=database_url, redis_url=redis_url)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop both servers."""
        if self.redis is not None:
            self.redis.stop()
        self.postgres.stop()
        self._starter.shutdown()

    async def start(self) -> None:
        """Start both, again if need be: PostgreSQL still has its data, Redis has nothing.

        In one thread that stays: servers end with the thread that started them.
        """
        run = asyncio.get_running_loop().run_in_executor
        if self.redis is not None:
            await run(self._starter, self.redis.start)
        await run(self._starter, self.postgres.start)

    async def kill(self) -> None:
        """SIGKILL both at once, PostgreSQL with all its processes."""
        if self.redis is not None:
            self.redis.kill()
        for pid in self._postgres_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while self.postgres.pid is not None:  # noqa: ASYNC110 - the kernel tells nobody else
            await asyncio.sleep(0.01)

    def url(self, scheme: Scheme) -> str:
        """Return the address of what the scheme's replicas ask; empty if they ask nobody."""
        urls = {
            "none": "",
            "postgres": self.places.database_url,
            "redis": self.places.redis_url,
            "issuer": self._issuer.url,
        }
        return urls[scheme.store]

    def pids(self, scheme: Scheme) -> list[int]:
        """Return the processes of the scheme's store; none if it has none, or it is not ours."""
        if scheme.store == "redis":
            return [self.redis.pid] if self.redis is not None and self.redis.pid else []
        if scheme.store == "issuer":
            return self._issuer.pids()
        return self._postgres_pids() if scheme.store == "postgres" else []

    def environment(self, scheme: Scheme, demo: Mapping[str, str]) -> dict[str, str]:
        """Return the LAB_* variables of a replica: those that the scheme needs, and no others.

        `demo` are the stack's demo accounts: the application is one of its clients.
        """
        known = {
            "LAB_CLIENT_ID": demo["DEMO_CLIENT_ID"],
            "LAB_CLIENT_SECRET": demo["DEMO_CLIENT_SECRET"],
            "LAB_HS256_SECRET": self.places.hs256_secret,
            "LAB_SESSIONS_FILE": str(self.places.sessions_file),
            "LAB_STORE_URL": self.url(scheme),
        }
        return {name: known[name] for name in scheme.variables}

    def _postgres_pids(self) -> list[int]:
        return processes_of(self.postgres)


def processes_of(postgres: EmbeddedPostgres) -> list[int]:
    """Return the server's process and those of its connections and background work."""
    return [] if postgres.pid is None else [postgres.pid, *_children(postgres.pid)]


def issuer_of(stack: Stack) -> Issuer:
    """Return a stack's issuer: its process, and its own database's."""

    def pids() -> list[int]:
        postgres = stack.databases.postgres
        database = [] if postgres is None else processes_of(postgres)
        return [*([] if stack.auth.pid is None else [stack.auth.pid]), *database]

    return Issuer(f"http://127.0.0.1:{stack.ports.auth_process}", pids)


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []
