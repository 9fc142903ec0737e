"""The resource owner password credentials grant (RFC 6749 §4.3), for first-party clients only."""

from typing import Final

from auth_service import accounts, tokens
from auth_service import scope as scopes
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import refresh_token_families
from auth_service.store.clients import Client
from auth_service.store.refresh_token_families import LogIn
from auth_service.throttling import Caller
from auth_service.tokens import TokenResponse
from shared.errors import InvalidGrant, UnauthorizedClient

_AMR: Final = ("pwd",)  # RFC 8176 §2


async def password(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> TokenResponse:
    """Log a user in by name and password.

    RFC 9700 §2.4 forbids this grant: it shows the password to the client, trains people to type
    it anywhere, and leaves no room for a second factor. Where the client *is* the issuer's own
    hand, it sees the password anyway; so it is for clients flagged first-party and no others.
    A user with a second factor is refused like one with a wrong password. `admin` is not a
    user's to give.
    `TooManyRequests` after too many wrong ones (see `throttling`).
    """
    if not client.first_party:
        raise UnauthorizedClient("this grant is for first-party clients")
    username, presented = parameters.required("username"), parameters.required("password")
    scope = scopes.granted(parameters.get("scope"), client.scope - {scopes.ADMIN})
    caller = Caller(parameters.address, None if client.is_public else client.client_id)
    user = await accounts.verified_user(
        server, username, presented, caller, client.client_id, alone=True
    )
    if user is None:
        raise InvalidGrant(reason="unknown or disabled user, wrong password, or a second factor")
    now = server.time()
    log_in = LogIn(
        user.sub,
        client.client_id,
        scope,
        _AMR,
        user.password_version,
        auth_time=now,
        resource=parameters.get("resource", ""),
    )
    jti = tokens.new_jti()
    family = await refresh_token_families.begin(server.statements, log_in, now, jti)
    if family is None:
        raise InvalidGrant(reason=f"user {user.sub} or the client was changed during log-in")
    refreshable = "refresh_token" in client.grant_types
    return tokens.for_user(server, family, client.client_id, scope, jti, refreshable=refreshable)
