"""`python -m resource_service`: serve one replica, and find out what is wrong."""

import typer

from resource_service.commands import refuse, tokens
from resource_service.commands.doctor import doctor
from resource_service.settings import Settings
from shared.settings import UnusableSettings

cli = typer.Typer(
    help="The resource service of Sealgate. Settings are RESOURCE_* variables; see the README.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(tokens.app, name="tokens")
cli.command()(doctor)


@cli.command()
def serve() -> None:
    """Serve one replica until SIGTERM or SIGINT."""
    # The web framework takes as long to import as all the rest, and no other command needs it.
    from resource_service.app import create_app
    from shared import logs
    from shared.http.server import serve as serve_http

    try:
        settings = Settings.load()
    except UnusableSettings as error:
        refuse(str(error), 2)
    logs.configure(settings.log_level)
    serve_http(create_app(settings), settings.host, settings.port)


if __name__ == "__main__":
    cli()
