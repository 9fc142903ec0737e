"""The authorization code grant (RFC 6749 §4.1.3, OIDC Core §3.1.3)."""

import hashlib
import logging
from datetime import timedelta
from typing import Final, NoReturn

from auth_service import pkce, resources, tokens
from auth_service import scope as scopes
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import authorization_codes, refresh_token_families, users
from auth_service.store.authorization_codes import PresentedCode, Redemption
from auth_service.store.clients import Client
from auth_service.store.refresh_token_families import Family, LogIn
from auth_service.tokens import TokenResponse
from shared.errors import InvalidGrant, InvalidTarget

LIFETIME: Final = timedelta(seconds=60)
_LOG = logging.getLogger(__name__)


async def authorization_code(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> TokenResponse:
    """Exchange a code for tokens, once; its replay ends what it gave (RFC 6749 §4.1.2)."""
    presented = _presented(server, client, parameters)
    jti = tokens.new_jti()
    redeemed = await _redeem(server, client, presented, jti)
    if redeemed is None:
        await _refuse(server, presented)
    redemption, family = redeemed
    refreshable = scopes.may_refresh(client.grant_types, family.scope)
    wanted = redemption.claims.get("id_token", ())
    known = await users.claims(server.db, family.sub) if wanted else {}
    return tokens.for_user(
        server,
        family,
        client.client_id,
        family.scope,
        jti,
        refreshable=refreshable,
        nonce=redemption.nonce,
        claims={claim: known[claim] for claim in wanted if claim in known},
    )


def _presented(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> PresentedCode:
    now = server.time()
    return PresentedCode(
        code_sha256=hashlib.sha256(parameters.required("code").encode()).digest(),
        client_id=client.client_id,
        redirect_uri=parameters.get("redirect_uri"),
        code_challenge=pkce.challenge_of(parameters.get("code_verifier")),
        resources=resources.granted(server, parameters.get("resource", "")),
        issued_after=now - LIFETIME,
        at=now,
    )


async def _redeem(
    server: AuthorizationServer, client: Client, presented: PresentedCode, jti: str
) -> tuple[Redemption, Family] | None:
    """Take the code and begin the family that it gives, both or neither."""
    async with server.db.acquire() as connection, connection.transaction():
        redemption = await authorization_codes.redeem(connection, presented)
        if redemption is None:
            return None
        log_in = LogIn(
            redemption.sub,
            client.client_id,
            redemption.scope,
            redemption.amr,
            redemption.password_version,
            redemption.auth_time,
            redemption.session_id,
            redemption.claims,
            redemption.resource,
        )
        family = await refresh_token_families.begin(connection, log_in, presented.at, jti)
        if family is None:
            return None
        await authorization_codes.note_family(connection, presented.code_sha256, family.family_id)
    return redemption, family


async def _refuse(server: AuthorizationServer, presented: PresentedCode) -> NoReturn:
    """End what the code gave, if it was used before; that is committed before the refusal.

    A code that is for another resource is not used up.
    """
    family_id = await authorization_codes.family_of_replayed(
        server.db, presented.code_sha256, presented.client_id
    )
    if family_id is not None:
        await refresh_token_families.revoke_family(server.db, family_id, presented.at)
        _LOG.warning("authorization code replayed: family %s revoked", family_id)
        raise InvalidGrant(reason=f"replay of the code of family {family_id}")
    if await authorization_codes.is_for_another_resource(server.db, presented):
        raise InvalidTarget("the code is for another resource")
    raise InvalidGrant(reason="unknown or expired code, or bound to something else")
