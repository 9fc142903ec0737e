"""The device authorization grant (RFC 8628 §3.4)."""

from datetime import timedelta
from typing import Final, NoReturn

from auth_service import device_authorization, resources, tokens
from auth_service import scope as scopes
from auth_service.device_errors import (
    AuthorizationPending,
    DeviceDenied,
    ExpiredToken,
    SlowDown,
)
from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from auth_service.store import device_codes, refresh_token_families
from auth_service.store.clients import Client
from auth_service.store.device_codes import PresentedDeviceCode, State
from auth_service.store.refresh_token_families import Family, LogIn
from auth_service.tokens import TokenResponse
from shared.errors import InvalidGrant, InvalidTarget, OAuthError

_TOLERANCE: Final = timedelta(seconds=1)  # for a network that is not always as quick
_SLOWER: Final = 5  # seconds (RFC 8628 §3.5)
_REFUSALS: Final[dict[State, type[OAuthError]]] = {
    State.PENDING: AuthorizationPending,
    State.TOO_SOON: SlowDown,
    State.DENIED: DeviceDenied,
    State.EXPIRED: ExpiredToken,
}


async def device_code(
    server: AuthorizationServer, client: Client, parameters: Parameters
) -> TokenResponse:
    """Exchange a device code for tokens, once, after somebody has said yes.

    The log-in is the device's own: it does not end with the session of the browser in which
    somebody said yes, which is on another device.
    """
    presented = device_authorization.presented(
        server,
        client,
        parameters.required("device_code"),
        resources.granted(server, parameters.get("resource", "")),
    )
    jti = tokens.new_jti()
    family = await _redeem(server, client, presented, jti)
    if family is None:
        await _refuse(server, presented)
    refreshable = scopes.may_refresh(client.grant_types, family.scope)
    return tokens.for_user(
        server, family, client.client_id, family.scope, jti, refreshable=refreshable
    )


async def _redeem(
    server: AuthorizationServer, client: Client, presented: PresentedDeviceCode, jti: str
) -> Family | None:
    """Take the code and begin the family that it gives, which a user disabled since cannot."""
    async with server.db.acquire() as connection, connection.transaction():
        approval = await device_codes.redeem(connection, presented)
        if approval is None:
            return None
        log_in = LogIn(
            approval.sub,
            client.client_id,
            approval.scope,
            approval.amr,
            approval.password_version,
            approval.auth_time,
            resource=approval.resource,
        )
        return await refresh_token_families.begin(connection, log_in, presented.at, jti)


async def _refuse(server: AuthorizationServer, presented: PresentedDeviceCode) -> NoReturn:
    """Say how it stands; that the device asked too soon is committed before it is told so."""
    state = await device_codes.poll(server.db, presented, tolerance=_TOLERANCE, slower=_SLOWER)
    if state is State.OTHER_RESOURCE:
        raise InvalidTarget("the code is for another resource")
    if state in _REFUSALS:
        raise _REFUSALS[state]
    raise InvalidGrant(reason=f"device code: {state or 'unknown, or of another client'}")
