"""`python -m auth_service`: serve, and the admin commands."""

import typer
import uvicorn

from auth_service.app import create_app
from auth_service.commands import check_before_serving, clients, keys, load_settings, users
from shared import logs

app = typer.Typer(
    help="The auth service of Sealgate. Settings are AUTH_* variables; see the README.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.app, name="users")
app.add_typer(clients.app, name="clients")
app.add_typer(keys.app, name="keys")


@app.command()
def serve() -> None:
    """Serve HTTP until SIGTERM or SIGINT; what is under way may finish within 5 s."""
    settings = load_settings()
    check_before_serving(settings)
    logs.configure(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        # The address in X-Forwarded-For is used for nothing, so no proxy is trusted to say it.
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    app()
