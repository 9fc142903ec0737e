"""`users`: create, list, disable, enable."""

import json
import secrets
import sys
from typing import Annotated, Any

import typer

from auth_service import accounts, second_factor, user_claims
from auth_service.claims import check
from auth_service.commands import refuse, show, with_server
from auth_service.server import AuthorizationServer
from auth_service.store import users as stored_users
from auth_service.store.users import User
from shared.errors import OAuthError

app = typer.Typer(help="People who log in.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Name = Annotated[str, typer.Argument(help="The user name.")]


@app.command()
def create(
    username: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create a user; without --password-stdin a password is made and printed once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(18)

    async def work(server: AuthorizationServer) -> User:
        try:
            return await accounts.register(server, username, password)
        except OAuthError as error:
            refuse(error.description)

    user = with_server(work)
    created = {"sub": str(user.sub), "username": user.username}
    if not password_stdin:
        created["password"] = password
    if as_json:
        typer.echo(json.dumps(created))
        return
    typer.echo(f"created user {username}, sub {user.sub}")
    if not password_stdin:
        typer.echo(f"password, shown only now: {password}")


@app.command()
def claims(username: Name, as_json: AsJson = False) -> None:
    """Replace what is known of a user by a JSON object of claims (OIDC Core §5.1) on stdin."""
    try:
        known = check(json.load(sys.stdin))
    except ValueError as error:
        refuse(str(error))
    user = with_server(lambda server: user_claims.set_claims(server, username, known))
    _show_changed(user, username, as_json)


@app.command("list")
def list_users(as_json: AsJson = False) -> None:
    """List the users."""
    users = with_server(lambda server: stored_users.list_all(server.db))
    show([_row(user) for user in users], as_json=as_json)


@app.command()
def disable(username: Name, as_json: AsJson = False) -> None:
    """Disable a user and end every log-in of his."""
    _show_changed(with_server(lambda server: accounts.disable(server, username)), username, as_json)


@app.command("forget-second-factor")
def forget_second_factor(username: Name) -> None:
    """Let a user who has lost phone and recovery codes log in with the password alone again."""

    async def work(server: AuthorizationServer) -> bool:
        user = await stored_users.find(server.db, username)
        if user is None:
            refuse(f"there is no user {username}")
        return await second_factor.remove(server, user.sub)

    if not with_server(work):
        refuse(f"{username} has no second factor")
    typer.echo(f"the password of {username} alone will do again")


@app.command()
def enable(username: Name, as_json: AsJson = False) -> None:
    """Let a disabled user in again; he has to log in anew."""
    user = with_server(lambda server: accounts.enable(server, username))
    _show_changed(user, username, as_json)


def _show_changed(user: User | None, username: str, as_json: bool) -> None:
    if user is None:
        refuse(f"there is no user {username}")
    show([_row(user)], as_json=as_json)


def _row(user: User) -> dict[str, Any]:
    return {
        "sub": str(user.sub),
        "username": user.username,
        "created_at": user.created_at.isoformat(timespec="seconds"),
        "disabled": user.disabled_at is not None,
    }
