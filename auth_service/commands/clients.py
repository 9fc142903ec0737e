"""`clients`: create, list, disable, enable."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from auth_service import client_administration
from auth_service import scope as scopes
from auth_service.authentication_methods import NONE, PRIVATE_KEY_JWT
from auth_service.client_administration import NewClient
from auth_service.commands import refuse, show, with_server
from auth_service.commands.initial_tokens import initial_token
from auth_service.server import AuthorizationServer
from auth_service.store import clients as stored_clients
from auth_service.store.clients import Client
from shared.errors import OAuthError

app = typer.Typer(help="Programs that ask for tokens.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ClientId = Annotated[str, typer.Argument(help="The client_id.")]
app.command("initial-token")(initial_token)


@app.command()
def create(  # noqa: PLR0913, PLR0917 - typer passes them by name
    client_id: ClientId,
    name: Annotated[str, typer.Option(help="What people see.")],
    grant: Annotated[list[str], typer.Option(help="A grant type it may use; repeat for more.")],
    scope: Annotated[str, typer.Option(help="What it may ask for at most, such as 'a b'.")],
    public: Annotated[
        bool, typer.Option("--public", help="It can keep no secret (RFC 6749 §2.1).")
    ] = False,
    first_party: Annotated[
        bool, typer.Option("--first-party", help="Users may give it their password.")
    ] = False,
    redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where codes may be sent; repeat for more.")
    ] = None,
    post_logout_redirect_uri: Annotated[
        list[str] | None, typer.Option(help="Where people may go after log-out.")
    ] = None,
    backchannel_logout_uri: Annotated[
        str | None, typer.Option(help="Where it is told of log-outs.")
    ] = None,
    pkce: Annotated[
        bool, typer.Option(help="Whether it must use PKCE; a public client always must.")
    ] = True,
    require_par: Annotated[
        bool, typer.Option("--require-par", help="It must push its requests (RFC 9126).")
    ] = False,
    jwks_file: Annotated[
        Path | None, typer.Option(help="Its public keys, for private_key_jwt instead of a secret.")
    ] = None,
    jwks_uri: Annotated[
        str | None, typer.Option(help="Where its public keys are, for private_key_jwt.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a client; the secret, if it has one, is made here and printed once."""
    if public + (jwks_file is not None) + (jwks_uri is not None) > 1:
        refuse("--public, --jwks-file and --jwks-uri exclude each other")
    if "authorization_code" in grant and not redirect_uri:
        refuse("authorization_code needs a --redirect-uri")
    has_keys = jwks_file is not None or jwks_uri is not None
    options: dict[str, Any] = {
        "client_id": client_id,
        "client_name": name,
        "grant_types": grant,
        "scope": scope,
        "first_party": first_party,
        "redirect_uris": redirect_uri,
        "post_logout_redirect_uris": post_logout_redirect_uri,
        "require_pkce": pkce,
        "require_pushed_authorization_requests": require_par,
        "token_endpoint_auth_method": PRIVATE_KEY_JWT if has_keys else NONE if public else None,
        "jwks": None if jwks_file is None else _read_keys(jwks_file),
        "jwks_uri": jwks_uri,
        "backchannel_logout_uri": backchannel_logout_uri,
        "backchannel_logout_session_required": backchannel_logout_uri is not None,
    }
    new = _read(options)

    async def work(server: AuthorizationServer) -> tuple[Client, str | None]:
        try:
            return await client_administration.create(server, new)
        except OAuthError as error:
            refuse(error.description)

    client, secret = with_server(work)
    created = _row(client)
    if secret is not None:
        created["client_secret"] = secret
    if as_json:
        typer.echo(json.dumps(created))
        return
    typer.echo(f"created client {client_id}")
    if secret is not None:
        typer.echo(f"client_secret, shown only now: {secret}")


@app.command("list")
def list_clients(as_json: AsJson = False) -> None:
    """List the clients."""
    clients = with_server(lambda server: stored_clients.list_all(server.db))
    show([_row(client) for client in clients], as_json=as_json)


@app.command()
def disable(client_id: ClientId, as_json: AsJson = False) -> None:
    """Disable a client: it gets no more tokens, and those it has are revoked."""
    client = with_server(lambda server: client_administration.disable(server, client_id))
    _show_changed(client, client_id, as_json)


@app.command()
def enable(client_id: ClientId, as_json: AsJson = False) -> None:
    """Let a disabled client in again; its users have to log in anew."""

    client = with_server(lambda server: client_administration.enable(server, client_id))
    _show_changed(client, client_id, as_json)


def _read(options: dict[str, Any]) -> NewClient:
    """Say of which option the value will not do."""
    try:
        return NewClient.model_validate(options)
    except ValidationError as error:
        names = sorted({str(item["loc"][0]) for item in error.errors()})
        refuse(f"invalid: {', '.join(names)}")


def _read_keys(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        refuse(f"{file}: {error}")


def _show_changed(client: Client | None, client_id: str, as_json: bool) -> None:
    if client is None:
        refuse(f"there is no client {client_id}")
    show([_row(client)], as_json=as_json)


def _row(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "public": client.is_public,
        "first_party": client.first_party,
        "grant_types": " ".join(sorted(client.grant_types)),
        "scope": scopes.render(client.scope),
        "redirect_uris": " ".join(client.redirect_uris),
        "disabled": client.disabled_at is not None,
    }
