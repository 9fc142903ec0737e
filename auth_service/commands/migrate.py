"""`migrate`: bring the database up to date, as its owner."""

import typer

from auth_service import store
from auth_service.commands import load_settings, refuse, run
from auth_service.settings import Settings
from auth_service.store import privileges


def migrate() -> None:
    """Apply new migrations as AUTH_MIGRATION_DATABASE_URL; let AUTH_DATABASE_URL use the tables.

    The first is the owner of the database, the second the service's own role, which may only
    add to the audit log and read it. May be run again at any time.
    """
    settings = load_settings()
    if settings.migration_database_url is None:
        refuse("AUTH_MIGRATION_DATABASE_URL is not set: the database as its owner", 2)
    owner_url = settings.migration_database_url.get_secret_value()
    run(lambda: _migrate(settings, owner_url))


async def _migrate(settings: Settings, owner_url: str) -> None:
    async with (
        store.connected(settings.database_url.get_secret_value()) as service,
        store.connected(owner_url) as owner,
    ):
        role = await privileges.current_role(service)
        if role == await privileges.current_role(owner):
            refuse(f"both addresses are those of the role {role}; the service needs its own")
        applied = await store.migrate_up(owner_url)
        await privileges.grant(owner, role)
        if await privileges.may_change_audit_log(service):
            refuse(f"the role {role} may still change the audit log: is it a superuser or owner?")
    for name in applied:
        typer.echo(f"applied {name}")
    typer.echo(f"up to date; the role {role} may add to the audit log and read it, and no more")
