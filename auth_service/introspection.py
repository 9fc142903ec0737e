"""What is known of a token at this moment (RFC 7662): by its signature, its dates, the database."""

import uuid
from datetime import timedelta
from typing import Final

import msgspec

from auth_service import resources
from auth_service import scope as scopes
from auth_service.server import AuthorizationServer
from auth_service.status_lists import status_idx
from auth_service.store import refresh_token_families, statuses
from auth_service.store.clients import Client
from shared.access_token import AccessToken
from shared.errors import InvalidToken


class Introspection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An introspection response (RFC 7662 §2.2); dates are in seconds since 1970."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    sub: str | None = None
    exp: int | None = None
    iat: int | None = None
    iss: str | None = None
    aud: str | tuple[str, ...] | None = None
    jti: str | None = None
    token_type: str | None = None


INACTIVE: Final = Introspection(active=False)


async def introspect(server: AuthorizationServer, client: Client, token: str) -> Introspection:
    """Return what `client` may know of a token; nothing of one that is not good.

    Nobody has said which resource a client stands for. So it is told of tokens for any of them,
    and has to see by `aud` whether one is for itself (RFC 7662 §4, RFC 9700 §2.3).
    A refresh token is its own client's business only. Of the status no list is asked but the
    database, so a revocation shows at once.
    """
    named = server.refresh_tokens.read(token)
    if named is not None:
        return await _refresh_token(server, client, *named)
    claims = await read_access_token(server, token)
    if claims is None or claims.exp <= server.now() or await is_revoked(server, claims):
        return INACTIVE
    return Introspection(
        active=True,
        scope=claims.scope_value,
        client_id=claims.client_id,
        sub=claims.sub,
        exp=claims.exp,
        iat=claims.iat,
        iss=claims.iss,
        aud=claims.aud,
        jti=claims.jti,
        token_type="Bearer",  # noqa: S106 - RFC 6750 §4
    )


async def read_access_token(server: AuthorizationServer, token: str) -> AccessToken | None:
    """Return the claims of a token that was issued here and that some verifier may still take.

    So dates have the leeway that verifiers have. Not checked: whether it was revoked.
    """
    for verifier in (server.own_tokens, server.admin_tokens):
        try:
            return await verifier.verify(token)
        except InvalidToken:
            continue
    return None


async def is_revoked(server: AuthorizationServer, claims: AccessToken) -> bool:
    """Tell by the database whether a token of ours was ended."""
    if claims.status is None:
        return True  # none of ours lacks it
    idx = status_idx(server.settings.issuer, claims.status.status_list)
    return idx is None or await statuses.is_revoked(server.db, idx)


async def _refresh_token(
    server: AuthorizationServer, client: Client, family_id: uuid.UUID, generation: int
) -> Introspection:
    """Only the newest token of a family counts as good, though the one before may be repeated."""
    family = await refresh_token_families.find_live(server.db, family_id)
    if family is None or family.client_id != client.client_id or family.generation != generation:
        return INACTIVE
    if family.resource not in resources.granted(server, ""):
        return INACTIVE
    settings = server.settings
    expires_at = min(
        family.rotated_at + timedelta(seconds=settings.refresh_token_idle_lifetime),
        family.created_at + timedelta(seconds=settings.refresh_token_lifetime),
    )
    if expires_at <= server.time():
        return INACTIVE
    return Introspection(
        active=True,
        scope=scopes.render(family.scope & client.scope),
        client_id=family.client_id,
        sub=str(family.sub),
        exp=int(expires_at.timestamp()),
        iat=int(family.rotated_at.timestamp()),
        iss=settings.issuer,
    )
