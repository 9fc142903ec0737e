"""Issuing tokens: access tokens (RFC 9068) and the token response (RFC 6749 §5.1)."""

import secrets

import msgspec

from auth_service import scope as scopes
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store.refresh_token_families import Family
from shared.access_token import TYPE
from shared.errors import InvalidTarget


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A successful token response (RFC 6749 §5.1); `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


class _Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of RFC 9068 §2.2; dates are in seconds since 1970."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str
    auth_time: int | None = None
    amr: tuple[str, ...] | None = None
    sid: str | None = None


_encode = msgspec.json.Encoder().encode


def check_resource(server: AuthorizationServer, parameters: Parameters) -> None:
    """Refuse a `resource` that we issue no tokens for (RFC 8707 §2); without one it is ours."""
    resource = parameters.get("resource")
    if resource is not None and resource != server.settings.audience:
        raise InvalidTarget("tokens for this resource are not issued here")


def for_client(server: AuthorizationServer, client_id: str, scope: frozenset[str]) -> TokenResponse:
    """Issue an access token to a client for itself: it is the subject (RFC 9068 §2.2)."""
    return _issue(server, sub=client_id, client_id=client_id, scope=scope)


def for_user(
    server: AuthorizationServer,
    family: Family,
    client_id: str,
    scope: frozenset[str],
    *,
    refreshable: bool,
) -> TokenResponse:
    """Issue an access token to a client for a user, with the family's newest refresh token.

    `auth_time` and `amr` are those of the login, however often it was refreshed (RFC 9068
    §2.2.1). There is no `acr`: no context class is defined here.
    """
    return _issue(
        server,
        sub=str(family.sub),
        client_id=client_id,
        scope=scope,
        auth_time=int(family.auth_time.timestamp()),
        amr=family.amr,
        family=family if refreshable else None,
    )


def _issue(
    server: AuthorizationServer,
    *,
    sub: str,
    client_id: str,
    scope: frozenset[str],
    auth_time: int | None = None,
    amr: tuple[str, ...] | None = None,
    family: Family | None = None,
) -> TokenResponse:
    settings = server.settings
    iat = int(server.now())
    scope_value = scopes.render(scope)
    claims = _Claims(
        iss=settings.issuer,
        sub=sub,
        aud=settings.audience,
        exp=iat + settings.access_token_lifetime,
        iat=iat,
        jti=secrets.token_urlsafe(16),
        client_id=client_id,
        scope=scope_value,
        auth_time=auth_time,
        amr=amr,
        sid=None if family is None else str(family.family_id),
    )
    return TokenResponse(
        access_token=server.keys.sign(_encode(claims), typ=TYPE),
        token_type="Bearer",  # noqa: S106 - RFC 6750 §4
        expires_in=settings.access_token_lifetime,
        scope=scope_value,
        refresh_token=None
        if family is None
        else server.refresh_tokens.token(family.family_id, family.generation),
    )
