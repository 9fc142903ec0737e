"""Log-ins for devices that have no browser (RFC 8628): the codes, and what a person decides."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from auth_service import accounts, throttling, user_codes
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, device_codes
from auth_service.store.audit_log import Event
from auth_service.store.clients import Client
from auth_service.store.device_codes import IssuedDeviceCode, PresentedDeviceCode, WaitingDevice
from auth_service.store.sessions import Session

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
LIFETIME: Final = timedelta(minutes=10)
INTERVAL: Final = 5  # seconds between two polls
_REMEMBERED: Final = timedelta(days=1)  # for so long an expired code is told from an unknown one


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """What a device gets: a code for itself, and one to show."""

    device_code: str
    user_code: str


async def begin(
    server: AuthorizationServer, client: Client, scope: frozenset[str], resource: str
) -> DeviceAuthorization:
    """Let a device wait for somebody to say yes; the device code has 256 random bits."""
    device_code = secrets.token_urlsafe(32)
    while True:
        user_code = user_codes.new()
        issued = IssuedDeviceCode(
            device_code_sha256=_sha256(device_code),
            user_code_mac=user_codes.mac(server, user_code),
            client_id=client.client_id,
            scope=scope,
            resource=resource,
            issued_at=server.time(),
            poll_interval=INTERVAL,
        )
        if await device_codes.add(server.db, issued):
            return DeviceAuthorization(device_code, user_code)


async def find(
    server: AuthorizationServer, session: Session, user_code: str
) -> WaitingDevice | None:
    """Return the device that shows this code, if it waits.

    A code that there is not counts against the user (§5.1): `TooManyRequests` after a few. Asking
    for codes that one has got oneself makes room for no further guess.
    """
    now, counted = server.time(), throttling.user_code(server, session.sub)
    await throttling.admit(server, counted)
    device = await device_codes.find(server.db, user_codes.mac(server, user_code), now - LIFETIME)
    if device is not None:
        await throttling.undo(server, counted)
        return device
    await audit_log.record(server.db, Event.USER_CODE_REFUSED, now, sub=session.sub)
    return None


async def approve(server: AuthorizationServer, session: Session, user_code: str) -> bool:
    """Let the device in as this user, and remember the consent; False if it waits no more."""
    now, mac = server.time(), user_codes.mac(server, user_code)
    async with server.db.acquire() as connection, connection.transaction():
        device = await device_codes.approve(connection, mac, session, now - LIFETIME, now)
        if device is None:
            return False
        await accounts.give_consent(
            connection, session.sub, device.client_id, device.scope, device.resource, now
        )
    return True


async def deny(server: AuthorizationServer, user_code: str) -> bool:
    """Tell the device that it is not let in; False if it waits no more."""
    now, mac = server.time(), user_codes.mac(server, user_code)
    return await device_codes.deny(server.db, mac, now - LIFETIME, now)


def presented(
    server: AuthorizationServer, client: Client, device_code: str, resources: list[str]
) -> PresentedDeviceCode:
    """Return a device code as a client presents it; `resources`: what it may be for."""
    now = server.time()
    return PresentedDeviceCode(
        device_code_sha256=_sha256(device_code),
        client_id=client.client_id,
        resources=resources,
        issued_after=now - LIFETIME,
        at=now,
    )


async def forget(server: AuthorizationServer) -> None:
    """Remove what is over; several processes may, it is one."""
    await device_codes.forget(server.db, server.time() - _REMEMBERED)


def _sha256(device_code: str) -> bytes:
    return hashlib.sha256(device_code.encode()).digest()
