"""`python -m resource_service serve`: one replica, on RESOURCE_* settings."""

import sys

import typer
import uvicorn

from resource_service.app import create_app
from resource_service.settings import Settings
from shared import logs
from shared.settings import UnusableSettings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="The resource service.")


@cli.callback()
def _main() -> None:
    """Have `serve` as a command, even while it is the only one."""


@cli.command()
def serve() -> None:
    """Serve one replica until SIGTERM or SIGINT."""
    try:
        settings = Settings.load()
    except UnusableSettings as error:
        sys.stderr.write(f"resource_service: {error}\n")
        raise typer.Exit(2) from None
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    cli()
