"""Telling clients of a log-out (OpenID Connect Back-Channel Logout 1.0).

What is to be told is queued in the transaction that ends the session (see
`store.logout_deliveries`), and told by whichever process comes first, again and again for a day.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec

from auth_service.parameters import MEDIA_TYPE
from auth_service.safe_fetch import FetchRefused, Unreachable
from auth_service.server import AuthorizationServer
from auth_service.store import audit_log, logout_deliveries
from auth_service.store.audit_log import Event
from auth_service.store.logout_deliveries import Delivery
from auth_service.tokens import new_jti

TYPE: Final = "logout+jwt"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LIFETIME: Final = 120  # seconds: §4 advises no more than two minutes
_GIVEN_UP_AFTER: Final = timedelta(days=1)
_AT_ONCE: Final = 20
_TAKEN: Final = frozenset({200, 204})  # §2.8
_LOG = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


async def deliver(server: AuthorizationServer) -> int:
    """Tell the clients whose turn it is, all at the same time; return how many there were."""
    server.keys.require_signing()
    due = await logout_deliveries.take(server.db, _AT_ONCE, server.time())
    await asyncio.gather(*(_tell(server, delivery) for delivery in due))
    return len(due)


async def forget(server: AuthorizationServer) -> None:
    """Remove what nobody has taken for twice the time in which it is tried."""
    await logout_deliveries.forget(server.db, server.time() - 2 * _GIVEN_UP_AFTER)


def logout_token(server: AuthorizationServer, delivery: Delivery) -> str:
    """Return a log-out token (§2.4): `sub` and `sid`, one event, no `nonce`.

    It is made anew for each attempt, since it does not live for long.
    """
    iat = int(server.now())
    claims = {
        "iss": server.settings.issuer,
        "sub": str(delivery.sub),
        "aud": delivery.client_id,
        "iat": iat,
        "exp": iat + _LIFETIME,
        "jti": new_jti(),
        "sid": str(delivery.session_id),
        "events": {EVENT: {}},
    }
    return server.keys.sign(_encode(claims), typ=TYPE)


async def _tell(server: AuthorizationServer, delivery: Delivery) -> None:
    form = urlencode({"logout_token": logout_token(server, delivery)}).encode("ascii")
    try:
        status = await server.fetch.post(delivery.backchannel_logout_uri, form, MEDIA_TYPE)
        problem = "" if status in _TAKEN else f"the answer is {status}"
    except (FetchRefused, Unreachable) as error:
        problem = str(error)
    if not problem:
        await _finish(server, delivery, Event.LOGOUT_TOLD, "told")
    elif server.time() >= delivery.ended_at + _GIVEN_UP_AFTER:
        await _finish(server, delivery, Event.LOGOUT_NOT_TOLD, "given up")
    else:
        server.metrics.logout_deliveries["failed"] += 1
    if problem:
        _LOG.warning(
            "the client %s was not told of a log-out (attempt %d): %s",
            delivery.client_id,
            delivery.attempts,
            problem,
        )


async def _finish(
    server: AuthorizationServer, delivery: Delivery, event: Event, outcome: str
) -> None:
    async with server.db.acquire() as connection, connection.transaction():
        await logout_deliveries.done(connection, delivery.delivery_id)
        await audit_log.record(
            connection,
            event,
            server.time(),
            sub=delivery.sub,
            client_id=delivery.client_id,
            attempts=delivery.attempts,
        )
    server.metrics.logout_deliveries[outcome] += 1
