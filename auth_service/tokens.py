"""Issuing tokens: access tokens (RFC 9068) and the token response (RFC 6749 §5.1)."""

import logging
import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from auth_service import authentication_context, id_tokens, resources, status_lists
from auth_service import scope as scopes
from auth_service.server import AuthorizationServer
from auth_service.store.clients import Client
from auth_service.store.refresh_token_families import Family
from shared.access_token import TYPE
from shared.errors import InvalidScope
from shared.status_list import Status

_LOG = logging.getLogger(__name__)


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A successful token response (RFC 6749 §5.1); `expires_in` is in seconds."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None


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
    status: Status
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] | None = None
    sid: str | None = None


_NO_CLAIMS: Final[Mapping[str, Any]] = MappingProxyType({})
_encode = msgspec.json.Encoder().encode


def audience(server: AuthorizationServer, scope: frozenset[str], resource: str) -> str:
    """Return whom a client's own token is for, or `InvalidScope` (RFC 9068 §3).

    `admin` means something at this server and nowhere else, and nothing else does here. So a
    token that a resource sees is good for nothing at the admin API, and the reverse.
    """
    settings, for_us = server.settings, scopes.ADMIN in scope
    if for_us and len(scope) > 1:
        raise InvalidScope("admin goes with no other scope: it is for this server itself")
    aud = resource or (settings.issuer if for_us else settings.audience)
    if aud not in ((settings.issuer,) if for_us else settings.audiences):
        raise InvalidScope("the scope means nothing at this resource")
    return aud


def new_jti() -> str:
    """Return the id of a token to be (RFC 7519 §4.1.7): 128 random bits, so no two are the same."""
    return secrets.token_urlsafe(16)


def for_client(
    server: AuthorizationServer, client: Client, scope: frozenset[str], aud: str
) -> TokenResponse:
    """Issue an access token to a client for itself: it is the subject (RFC 9068 §2.2).

    Nothing is written for it but its id, in a log line at the level DEBUG: at INFO the line would
    cost a tenth of what we can issue.
    """
    assert client.status_idx is not None  # noqa: S101 - it was read from the database
    jti = new_jti()
    response = _issue(
        server,
        client_id=client.client_id,
        scope=scope,
        jti=jti,
        status_idx=client.status_idx,
        aud=aud,
    )
    _LOG.debug("token %s issued to the client %s for itself", jti, client.client_id)
    return response


def for_user(
    server: AuthorizationServer,
    family: Family,
    client_id: str,
    scope: frozenset[str],
    jti: str,
    *,
    refreshable: bool,
    nonce: str | None = None,
    claims: Mapping[str, Any] = _NO_CLAIMS,
) -> TokenResponse:
    """Issue an access token to a client for a user, with the family's newest refresh token.

    `jti` is the one that the audit log has by now; see `new_jti`.
    `auth_time`, `acr` and `amr` are those of the login, however often it was refreshed (RFC 9068
    §2.2.1). With the scope `openid` an ID token comes along, which bears `nonce` and `claims`.
    """
    response = _issue(
        server,
        client_id=client_id,
        scope=scope,
        jti=jti,
        status_idx=family.status_idx,
        aud=resources.audience(server, family.resource),
        log_in=family,
        refresh_token=server.refresh_tokens.token(family.family_id, family.generation)
        if refreshable
        else None,
    )
    if scopes.OPENID not in scope:
        return response
    id_token = id_tokens.sign(
        server, family, client_id, response.access_token, nonce=nonce, claims=claims
    )
    return msgspec.structs.replace(response, id_token=id_token)


def _issue(
    server: AuthorizationServer,
    *,
    client_id: str,
    scope: frozenset[str],
    jti: str,
    status_idx: int,
    aud: str,
    log_in: Family | None = None,
    refresh_token: str | None = None,
) -> TokenResponse:
    settings = server.settings
    iat = int(server.now())
    scope_value = scopes.render(scope)
    claims = _Claims(
        iss=settings.issuer,
        sub=client_id if log_in is None else str(log_in.sub),
        aud=aud,
        exp=iat + settings.access_token_lifetime,
        iat=iat,
        jti=jti,
        client_id=client_id,
        scope=scope_value,
        status=Status(status_lists.reference(settings.issuer, status_idx)),
        auth_time=None if log_in is None else int(log_in.auth_time.timestamp()),
        acr=None if log_in is None else authentication_context.acr(log_in.amr),
        amr=None if log_in is None else log_in.amr,
        sid=None if log_in is None else log_in.sid,
    )
    return TokenResponse(
        access_token=server.keys.sign(_encode(claims), typ=TYPE),
        token_type="Bearer",  # noqa: S106 - RFC 6750 §4
        expires_in=settings.access_token_lifetime,
        scope=scope_value,
        refresh_token=refresh_token,
    )
