"""The commands of `python -m auth_service`: one module per noun."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from auth_service.key_encryption import KeyEncryptionKey, KeyEncryptionKeyRefused
from auth_service.server import AuthorizationServer, open_server
from auth_service.settings import Settings
from shared.database import UNAVAILABLE, InsufficientPrivilege, MigrationRefused, NotMigrated
from shared.settings import UnusableSettings

R = TypeVar("R")


def refuse(message: str, code: int = 1) -> NoReturn:
    """Say on one line why not, and exit."""
    typer.echo(f"auth_service: {' '.join(message.splitlines())}", err=True)
    raise typer.Exit(code)


def load_settings() -> Settings:
    """Read the settings, or say what is wrong with them and exit with 2."""
    try:
        return Settings.load()
    except UnusableSettings as error:
        refuse(str(error), 2)


def with_server(work: Callable[[AuthorizationServer], Awaitable[R]]) -> R:
    """Run `work` on a prepared server; what can be foreseen to fail becomes one line."""
    settings = load_settings()
    return run(lambda: _on_prepared_server(settings, work))


def run(work: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Run it to its end; what can be foreseen to fail becomes one line."""
    try:
        return asyncio.run(work())
    except (KeyEncryptionKeyRefused, MigrationRefused, NotMigrated) as error:
        refuse(str(error))
    except InsufficientPrivilege as error:
        refuse(f"this role may not do that in the database: {error}")
    except UNAVAILABLE as error:
        refuse(f"the database does not answer: {str(error) or type(error).__name__}")


def check_before_serving(settings: Settings) -> None:
    """Stop the start for what no waiting would mend.

    A database that is down may come up, and one that is not migrated may be migrated.
    """

    async def nothing_more(_server: AuthorizationServer) -> None:
        pass

    with suppress(*UNAVAILABLE, NotMigrated):
        try:
            asyncio.run(_on_prepared_server(settings, nothing_more))
        except (KeyEncryptionKeyRefused, MigrationRefused) as error:
            refuse(str(error))


async def _on_prepared_server(
    settings: Settings, work: Callable[[AuthorizationServer], Awaitable[R]]
) -> R:
    key_encryption_key = KeyEncryptionKey.load(settings.key_encryption_key_file)
    async with open_server(settings, key_encryption_key) as server:
        await server.prepare()
        return await work(server)


def show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as a table, or as one JSON array for scripts."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table(*(rows[0] if rows else ["nothing yet"]), box=None)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    width = None if sys.stdout.isatty() else 200
    Console(width=width, highlight=False).print(table)
