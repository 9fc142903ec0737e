"""`clients initial-token`: let somebody register clients (RFC 7591 §3)."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from auth_service import registration
from auth_service.commands import with_server


def initial_token(
    note: Annotated[str, typer.Option(help="What it is for; it stands in the audit log.")],
    uses: Annotated[int, typer.Option(min=1, max=1000, help="How many may register.")] = 1,
    hours: Annotated[int, typer.Option(min=1, max=8760, help="For how long.")] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Make an initial access token, for AUTH_CLIENT_REGISTRATION=token; it is printed once."""
    token = with_server(
        lambda server: registration.create_initial_token(
            server, note[:200], timedelta(hours=hours), uses
        )
    )
    if as_json:
        typer.echo(json.dumps({"initial_access_token": token}))
    else:
        typer.echo(f"initial access token, shown only now: {token}")
