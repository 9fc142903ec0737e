"""Device codes (RFC 8628): one row per device that waits, each good for one redemption."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import asyncpg

from auth_service.store import Database
from auth_service.store.sessions import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedDeviceCode:
    """A device that begins to wait; `poll_interval` is in seconds.

    `resource` is as `auth_service.resources` has it, here and below.
    """

    device_code_sha256: bytes
    user_code_mac: bytes
    client_id: str
    scope: frozenset[str]
    resource: str
    issued_at: datetime
    poll_interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedDeviceCode:
    """A device code as a client presents it, and the time by which it is judged.

    `resources`: it has to be for one of them.
    """

    device_code_sha256: bytes
    client_id: str
    resources: list[str]
    issued_after: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class WaitingDevice:
    """What a person is asked about."""

    client_id: str
    client_name: str
    scope: frozenset[str]
    resource: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who said yes, to what, and how he had logged in."""

    sub: uuid.UUID
    password_version: int
    auth_time: datetime
    amr: tuple[str, ...]
    scope: frozenset[str]
    resource: str


class State(StrEnum):
    """What a device learns that polls and gets no token."""

    PENDING = "pending"
    TOO_SOON = "too soon"
    DENIED = "denied"
    EXPIRED = "expired"
    OTHER_RESOURCE = "other resource"
    REDEEMED = "redeemed"


async def add(db: Database, code: IssuedDeviceCode) -> bool:
    """Store a code; False if another device has the same user code."""
    added = await db.fetchval(
        """
        INSERT INTO device_codes
            (device_code_sha256, user_code_mac, client_id, scope, issued_at, poll_interval,
             resource)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING
        RETURNING true
        """,
        code.device_code_sha256,
        code.user_code_mac,
        code.client_id,
        sorted(code.scope),
        code.issued_at,
        code.poll_interval,
        code.resource,
    )
    return added is not None


async def find(db: Database, user_code_mac: bytes, since: datetime) -> WaitingDevice | None:
    """Return the device that shows this code, if it waits and its client is not disabled."""
    row = await db.fetchrow(
        """
        SELECT client_id, clients.name, device_codes.scope, resource
        FROM device_codes JOIN clients USING (client_id)
        WHERE user_code_mac = $1 AND issued_at > $2 AND decided_at IS NULL
          AND disabled_at IS NULL
        """,
        user_code_mac,
        since,
    )
    return None if row is None else _waiting(row)


async def approve(
    db: Database, user_code_mac: bytes, session: Session, since: datetime, now: datetime
) -> WaitingDevice | None:
    """Note that the user of a session said yes; None if it is too late, or was decided before."""
    row = await db.fetchrow(
        """
        UPDATE device_codes AS device
        SET decided_at = $3, sub = $4, password_version = $5, auth_time = $6, amr = $7
        FROM clients
        WHERE user_code_mac = $1 AND issued_at > $2 AND decided_at IS NULL
          AND clients.client_id = device.client_id AND disabled_at IS NULL
        RETURNING device.client_id, clients.name, device.scope, resource
        """,
        user_code_mac,
        since,
        now,
        session.sub,
        session.password_version,
        session.auth_time,
        session.amr,
    )
    return None if row is None else _waiting(row)


async def deny(db: Database, user_code_mac: bytes, since: datetime, now: datetime) -> bool:
    """Note that somebody said no; False if it is too late, or was decided before."""
    denied = await db.fetchval(
        """
        UPDATE device_codes SET decided_at = $3
        WHERE user_code_mac = $1 AND issued_at > $2 AND decided_at IS NULL
        RETURNING true
        """,
        user_code_mac,
        since,
        now,
    )
    return denied is not None


async def withdraw(db: Database, sub: uuid.UUID, client_id: str) -> None:
    """Turn what a user has said yes to, and a client has not fetched yet, into a no."""
    await db.execute(
        """
        UPDATE device_codes
        SET sub = NULL, password_version = NULL, auth_time = NULL, amr = NULL
        WHERE sub = $1 AND client_id = $2 AND redeemed_at IS NULL
        """,
        sub,
        client_id,
    )


async def redeem(db: Database, code: PresentedDeviceCode) -> Approval | None:
    """Take what was approved; None if it was not, or is not this client's, or was taken before.

    The one UPDATE both tests and sets, so of any number of concurrent calls one gets it.
    """
    row = await db.fetchrow(
        """
        UPDATE device_codes SET redeemed_at = $4
        WHERE device_code_sha256 = $1 AND client_id = $2 AND issued_at > $3
          AND sub IS NOT NULL AND redeemed_at IS NULL AND resource = ANY($5)
        RETURNING sub, password_version, auth_time, amr, scope, resource
        """,
        code.device_code_sha256,
        code.client_id,
        code.issued_after,
        code.at,
        code.resources,
    )
    if row is None:
        return None
    sub, password_version, auth_time, amr, scope, resource = row.values()
    return Approval(sub, password_version, auth_time, tuple(amr), frozenset(scope), resource)


async def poll(
    db: Database, code: PresentedDeviceCode, *, tolerance: timedelta, slower: int
) -> State | None:
    """Note that a device has asked; return what it has to know, None for no code of this client.

    A poll that comes sooner than the interval, less `tolerance`, makes the interval longer by
    `slower` seconds (RFC 8628 §3.5). Concurrent polls come one after the other.
    """
    row = await db.fetchrow(
        """
        WITH before AS (
            SELECT device_code_sha256,
                   COALESCE($4::timestamptz < polled_at + make_interval(secs => poll_interval)
                                              - $5::interval, false) AS too_soon
            FROM device_codes WHERE device_code_sha256 = $1 AND client_id = $2
            FOR UPDATE
        )
        UPDATE device_codes AS device
        SET polled_at = $4::timestamptz,
            poll_interval = poll_interval + CASE WHEN too_soon THEN $6::integer ELSE 0 END
        FROM before WHERE device.device_code_sha256 = before.device_code_sha256
        RETURNING CASE
            WHEN redeemed_at IS NOT NULL THEN 'redeemed'
            WHEN issued_at <= $3 THEN 'expired'
            WHEN decided_at IS NOT NULL AND sub IS NULL THEN 'denied'
            WHEN NOT resource = ANY($7) THEN 'other resource'
            WHEN too_soon THEN 'too soon'
            ELSE 'pending'
        END AS state
        """,
        code.device_code_sha256,
        code.client_id,
        code.issued_after,
        code.at,
        tolerance,
        slower,
        code.resources,
    )
    return None if row is None else State(row["state"])


async def forget(db: Database, since: datetime) -> None:
    """Remove what was issued before `since`: that it has expired is not known any more."""
    await db.execute("DELETE FROM device_codes WHERE issued_at <= $1", since)


def _waiting(row: asyncpg.Record) -> WaitingDevice:
    client_id, name, scope, resource = row.values()
    return WaitingDevice(client_id, name, frozenset(scope), resource)
