"""Slowing down whoever guesses passwords, or fills the database, in all processes together.

Every try is counted before it is made, and given back when it was none, so no number of
concurrent ones gets beyond the limit. A wrong password counts three times: of this account from
this place, of this account, and of this address. Nobody is locked out: after the free tries each
one waits, for 1, 2, 4 … `throttles.LONGEST` seconds. A browser in which this account has logged
in before has a count of its own, and waits for nobody else's mistakes; so no stranger can keep
the owner out (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

A name that nobody has is treated like any other.
"""

import hmac
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auth_service.document_cache import Admit
from auth_service.server import AuthorizationServer
from auth_service.store import throttles
from auth_service.store.throttles import Throttle
from shared import jws
from shared.errors import TooManyRequests

_NONCE: Final = 16  # octets
_LEAK: Final = 60  # seconds until a wrong password is forgotten
_ADDRESS_LEAK: Final = 10  # seconds
_MAILS: Final = 3  # to one address
_MAIL_LEAK: Final = 1200  # seconds
_ACCOUNT: Final = 5  # times as many wrong passwords from everywhere as from one place
_USER_CODES: Final = 5
_USER_CODE_LEAK: Final = 120  # seconds
_REQUESTS: Final = 10  # times as many authorization requests as other things
_FETCH_LEAK: Final = 2  # seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a try comes from.

    `client_id`: a confidential client, which asks for many people; its address tells nothing of
    them. `device`: the cookie that a browser keeps after a log-in, see `device_cookie`.
    """

    address: str
    client_id: str | None = None
    device: str | None = None


def log_in(server: AuthorizationServer, username: str, caller: Caller) -> list[Throttle]:
    """Return what a wrong password counts for; the first is what a right one clears."""
    return _guess(server, "password", username, caller)


def second_factor(server: AuthorizationServer, username: str, caller: Caller) -> list[Throttle]:
    """Return what a wrong one-time code counts for, of somebody who has the password."""
    return _guess(server, "code", username, caller)


def _guess(server: AuthorizationServer, what: str, username: str, caller: Caller) -> list[Throttle]:
    most = server.settings.log_in_attempts
    nonce = _read_device(server, caller.device, username)
    if nonce is not None:
        return [Throttle(_key(server, what, "device", username, nonce.hex()), most, _LEAK)]
    place = f"client {caller.client_id}" if caller.client_id else caller.address
    everywhere = Throttle(_key(server, what, "account", username), _ACCOUNT * most, _LEAK)
    counted = [Throttle(_key(server, what, "place", username, place), most, _LEAK), everywhere]
    if caller.client_id is None:
        counted.append(_of_address(server, "log-in", caller.address, _ADDRESS_LEAK))
    return counted


def registration(server: AuthorizationServer, address: str) -> list[Throttle]:
    """Return what a registration counts for."""
    return [_of_address(server, "registration", address, _LEAK)]


def client_registration(server: AuthorizationServer, address: str) -> list[Throttle]:
    """Return what the registration of a client counts for, where everybody may."""
    return [_of_address(server, "client registration", address, _LEAK)]


def authorization(server: AuthorizationServer, address: str) -> list[Throttle]:
    """Return what an authorization request counts for that has to be kept for a stranger."""
    return [_of_address(server, "authorization", address, 1, _REQUESTS)]


def user_code(server: AuthorizationServer, sub: uuid.UUID) -> list[Throttle]:
    """Return what a wrong user code counts for (RFC 8628 §5.1).

    In the ten minutes of a code that makes about twenty guesses: of 34.5 bits one in 2³⁰.
    """
    return [Throttle(_key(server, "user code", str(sub)), _USER_CODES, _USER_CODE_LEAK)]


def mail(server: AuthorizationServer, email: str, address: str) -> list[Throttle]:
    """Return what a mail counts for that somebody has sent to an address, his own or another's."""
    to_one = Throttle(_key(server, "mail", email.lower()), _MAILS, _MAIL_LEAK)
    return [to_one, _of_address(server, "mails", address, _LEAK)]


async def admit(server: AuthorizationServer, counted: Sequence[Throttle]) -> None:
    """Count a try, or raise `TooManyRequests`."""
    seconds = await throttles.take(server.statements, counted, server.time())
    if seconds:
        raise TooManyRequests(retry_after=seconds)


def fetching(server: AuthorizationServer, address: str) -> Admit:
    """Return what counts a fetch that a caller makes us do, of a client's keys or metadata.

    `document_cache.AT_A_TIME` are done at a time for everybody; in the long run one address keeps
    one or two of these busy, if the sites that it names never answer.
    """

    async def admit_fetch() -> None:
        await admit(server, [_of_address(server, "fetch", address, _FETCH_LEAK)])

    return admit_fetch


async def succeeded(server: AuthorizationServer, counted: Sequence[Throttle]) -> None:
    """Take back a try that was no mistake, and forget those before it from the same place.

    Those of the whole account stay: it is the attacker who makes them, and the owner who logs in.
    """
    await throttles.give_back(server.statements, counted, server.time(), cleared=counted[0].key)


async def undo(server: AuthorizationServer, counted: Sequence[Throttle]) -> None:
    """Take back a try that was not made after all."""
    await throttles.give_back(server.statements, counted, server.time())


def device_cookie(server: AuthorizationServer, username: str) -> str:
    """Make what tells a browser in which this account has logged in, and no other account.

    It opens nothing: who has it may try passwords of this account as fast as anybody may.
    """
    nonce = secrets.token_bytes(_NONCE)
    return jws.encode(nonce + _device_mac(server, username, nonce)).decode("ascii")


def _read_device(server: AuthorizationServer, cookie: str | None, username: str) -> bytes | None:
    try:
        octets = jws.decode((cookie or "").encode("ascii"))
    except ValueError:
        return None
    nonce, mac = octets[:_NONCE], octets[_NONCE:]
    return nonce if hmac.compare_digest(mac, _device_mac(server, username, nonce)) else None


def _device_mac(server: AuthorizationServer, username: str, nonce: bytes) -> bytes:
    return _key(server, "device cookie", username, nonce.hex())


def _of_address(
    server: AuthorizationServer, what: str, address: str, leak: int, times: int = 1
) -> Throttle:
    most = server.settings.address_attempts * times
    return Throttle(_key(server, what, address), most, leak)


def _key(server: AuthorizationServer, *words: str) -> bytes:
    """Return a MAC over the words: a name that was typed may be a password in the wrong field."""
    return server.visitor_key.mac(b"\0".join(word.encode() for word in words))
