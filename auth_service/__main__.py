"""`python -m auth_service`: serve, and the admin commands."""

import logging
from typing import Final

import typer

from auth_service.commands import audit, check_before_serving, clients, keys, load_settings, users
from auth_service.commands.migrate import migrate

_LOG: Final = logging.getLogger("auth_service")

app = typer.Typer(
    help="The auth service of Sealgate. Settings are AUTH_* variables; see the README.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.command()(migrate)


@app.command()
def serve() -> None:
    """Serve HTTP until SIGTERM or SIGINT; what is under way may finish within 5 s."""
    # The web framework takes as long to import as all the rest, and no other command needs it.
    from auth_service.app import create_app
    from shared import logs
    from shared.http.server import serve as serve_http

    settings = load_settings()
    check_before_serving(settings)
    logs.configure(settings.log_level)
    if settings.migration_database_url is not None:
        _LOG.warning("AUTH_MIGRATION_DATABASE_URL is set: whoever takes over this process has it")
    serve_http(
        create_app(settings),
        settings.host,
        settings.port,
        trusted_proxies=settings.trusted_proxies,
    )


if __name__ == "__main__":
    app()
