"""`clients`: create, list, disable, enable."""

import hashlib
import json
import re
import secrets
import uuid
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from auth_service import redirect_uris as checks
from auth_service import revocation
from auth_service import scope as scopes
from auth_service.authentication_methods import PRIVATE_KEY_JWT
from auth_service.commands import refuse, show, with_server
from auth_service.commands.initial_tokens import initial_token
from auth_service.grants import GRANTS
from auth_service.redirect_uris import RedirectUriRefused
from auth_service.safe_fetch import FetchRefused
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log
from auth_service.store import clients as stored_clients
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from shared.errors import InvalidScope
from shared.jwks import read_key_set

app = typer.Typer(help="Programs that ask for tokens.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
ClientId = Annotated[str, typer.Argument(help="The client_id.")]
app.command("initial-token")(initial_token)
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,127}")


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
    has_keys = jwks_file is not None or jwks_uri is not None
    secret = None if public or has_keys else secrets.token_urlsafe(32)
    if public + (jwks_file is not None) + (jwks_uri is not None) > 1:
        refuse("--public, --jwks-file and --jwks-uri exclude each other")
    _check(client_id, grant, public=public, first_party=first_party)
    jwks = None if jwks_file is None else _read_keys(jwks_file)
    redirect_uris = _redirect_uris(redirect_uri)
    post_logout_redirect_uris = _redirect_uris(post_logout_redirect_uri)
    if "authorization_code" in grant and not redirect_uris:
        refuse("authorization_code needs a --redirect-uri")
    if public and not pkce:
        refuse("a public client must use PKCE (RFC 9700 §2.1.1)")

    async def work(server: AuthorizationServer) -> Client:
        client = Client(
            client_id=client_id,
            name=name,
            secret_sha256=None if secret is None else hashlib.sha256(secret.encode()).digest(),
            grant_types=frozenset(grant),
            scope=_scope(scope),
            first_party=first_party,
            created_at=server.time(),
            disabled_at=None,
            redirect_uris=redirect_uris,
            post_logout_redirect_uris=post_logout_redirect_uris,
            require_pkce=pkce,
            token_endpoint_auth_method=PRIVATE_KEY_JWT if has_keys else None,
            jwks=jwks,
            jwks_uri=_checked(server, jwks_uri),
            require_pushed_authorization_requests=require_par,
            backchannel_logout_uri=_checked(server, backchannel_logout_uri),
            backchannel_logout_session_required=backchannel_logout_uri is not None,
        )
        if not await stored_clients.add(server.db, client):
            refuse(f"the client_id {client_id} is taken")
        return client

    created = _row(with_server(work))
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
    client = with_server(lambda server: revocation.disable_client(server, client_id))
    _show_changed(client, client_id, as_json)


@app.command()
def enable(client_id: ClientId, as_json: AsJson = False) -> None:
    """Let a disabled client in again; its users have to log in anew."""

    async def work(server: AuthorizationServer) -> Client | None:
        async with server.db.acquire() as connection, connection.transaction():
            client = await stored_clients.enable(connection, client_id)
            if client is not None:
                now = server.time()
                await audit_log.record(connection, Event.CLIENT_ENABLED, now, client_id=client_id)
            return client

    client = with_server(work)
    _show_changed(client, client_id, as_json)


def _check(client_id: str, grants: list[str], *, public: bool, first_party: bool) -> None:
    if not _CLIENT_ID.fullmatch(client_id):
        refuse("the client_id must be 1 to 128 of A-Z a-z 0-9 . _ ~ -")
    if _is_uuid(client_id):
        # It is the `sub` of a client's own tokens, and every user's `sub` is a UUID.
        refuse("the client_id must not be a UUID: it could be taken for a user (RFC 9700 §4.15)")
    if unknown := sorted(set(grants) - GRANTS.keys()):
        refuse(f"unknown grant {unknown[0]}; there are {', '.join(GRANTS)}")
    if public and "client_credentials" in grants:
        refuse("client_credentials is for confidential clients (RFC 6749 §4.4)")
    if "password" in grants and not first_party:
        refuse("password is for first-party clients (RFC 9700 §2.4)")


def _redirect_uris(uris: list[str] | None) -> tuple[str, ...]:
    for uri in uris or ():
        try:
            checks.check(uri)
        except RedirectUriRefused as error:
            refuse(f"{uri}: {error}")
    return tuple(dict.fromkeys(uris or ()))


def _read_keys(file: Path) -> str:
    try:
        document = file.read_text()
        read_key_set(document.encode())
    except (OSError, ValueError) as error:  # KeySetRefused is one
        refuse(f"{file}: {error}")
    return document


def _checked(server: AuthorizationServer, jwks_uri: str | None) -> str | None:
    try:
        if jwks_uri is not None:
            server.fetch.check(jwks_uri)
    except FetchRefused as error:
        refuse(f"{jwks_uri}: {error}")
    return jwks_uri


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _scope(value: str) -> frozenset[str]:
    try:
        return scopes.parse(value)
    except InvalidScope as error:
        refuse(error.description)


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
