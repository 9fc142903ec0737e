"""The commands of `python -m resource_service` beside `serve`: one module per command."""

import sys
from typing import Annotated, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_MOST_READ = 64 * 1024  # characters; a token may have 8192


def refuse(message: str, code: int) -> NoReturn:
    """Say on one line why not, and exit."""
    typer.echo(f"resource_service: {message}", err=True)
    raise typer.Exit(code)


def read_token(argument: str) -> str:
    """Return the token given as an argument, or for `-` what comes on standard input.

    On standard input, white space around the token is not part of it.
    """
    if argument != "-":
        return argument
    if sys.stdin.isatty():
        typer.echo("Paste the token, press Enter and Ctrl-D:", err=True)
    token = sys.stdin.buffer.read(_MOST_READ).decode("utf-8", "replace").strip()
    if not token:
        refuse("there is no token on standard input", 2)
    return token
