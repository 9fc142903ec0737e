"""The refresh token grant (RFC 6749 §6), with rotation (RFC 9700 §4.14.2)."""

import logging
import uuid
from datetime import timedelta
from typing import NoReturn

from auth_service import resources, tokens
from auth_service import scope as scopes
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import redemptions
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from auth_service.store.redemptions import Presented
from auth_service.tokens import TokenResponse
from shared.errors import InvalidGrant, InvalidScope, InvalidTarget

_LOG = logging.getLogger(__name__)


async def refresh_token(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> TokenResponse:
    """Exchange a refresh token for an access token and the next refresh token.

    The scope may be narrowed for this access token; the refresh token keeps what was granted.
    The resource stays what it was.
    A token that comes again within `refresh_grace` gets the same successor, so a lost answer
    or two tabs do no harm; one that comes later, or an older one, ends the family.
    """
    named = server.refresh_tokens.read(parameters.required("refresh_token"))
    if named is None:
        raise InvalidGrant(reason="not a refresh token of ours")
    requested = parameters.get("scope")
    scope = scopes.granted(requested, client.scope) if requested else frozenset[str]()
    presented = _presented(server, client, *named, parameters.get("resource", ""))
    jti = tokens.new_jti()
    redemption = await redemptions.redeem(server.db, presented, scope, jti)
    if redemption is None:
        await _refuse(server, presented, scope)
    server.metrics.refreshes[redemption.event] += 1
    family = redemption.family
    # What the client has lost since the log-in is not granted any more.
    granted = scope or scopes.granted(scopes.render(family.scope & client.scope), client.scope)
    return tokens.for_user(server, family, client.client_id, granted, jti, refreshable=True)


def _presented(
    server: AuthorizationServer,
    client: Client,
    family_id: uuid.UUID,
    generation: int,
    resource: str,
) -> Presented:
    settings, now = server.settings, server.time()
    grace = timedelta(seconds=settings.refresh_grace)
    return Presented(
        family_id=family_id,
        generation=generation,
        client_id=client.client_id,
        at=now,
        repeat_since=now - grace if grace else None,
        rotated_after=now - timedelta(seconds=settings.refresh_token_idle_lifetime),
        created_after=now - timedelta(seconds=settings.refresh_token_lifetime),
        resources=resources.granted(server, resource),
    )


async def _refuse(
    server: AuthorizationServer, presented: Presented, scope: frozenset[str]
) -> NoReturn:
    """Find out why and refuse; a replay has ended the family by then, and that is committed."""
    event, verdict = await redemptions.refuse(server.db, presented, scope)
    server.metrics.refreshes[event] += 1
    if event is Event.REUSED:
        _LOG.warning("refresh token replayed: family %s revoked", presented.family_id)
    if event is Event.SCOPE_EXCEEDED:
        raise InvalidScope("the scope exceeds what was granted")
    if event is Event.OTHER_RESOURCE:
        raise InvalidTarget("what was granted is for another resource")
    raise InvalidGrant(reason=f"{verdict}: family {presented.family_id}")
