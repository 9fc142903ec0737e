"""The issuer's status lists: built from the database, signed, kept until they change.

(draft-ietf-oauth-status-list-18.) A list is asked for every few seconds by every verifier, so
a poll that finds nothing new costs one indexed query and no signature. Every issuer process on
one database gives the same list the same entity tag.
"""

import asyncio
import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from auth_service.keys import KeyRing
from auth_service.settings import STATUS_LIST_LIFETIME
from auth_service.store import Database, statuses
from auth_service.store.statuses import LIST_BITS, LIST_SIZE
from shared.access_token import LEEWAY
from shared.status_list import TYPE, Reference, StatusList, StatusListToken, pack

PATH: Final = "/status-lists"
TTL: Final = 5  # seconds after which a verifier should ask again (§5.1)
# The most that one answer of the aggregation names (§9.3): the newest lists.
MOST: Final = 64
_PERIOD: Final = (
    STATUS_LIST_LIFETIME // 2
)  # seconds; a list is signed anew in each, so it always has that to live

# Seconds for what is not exact: the clocks of verifiers, and of our own processes; a token that
# was being signed while its login was revoked.
_MARGIN: Final = LEEWAY + 300

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class SignedList:
    """A Status List Token (§5.1) and its entity tag.

    The tag is weak (RFC 9110 §8.8.1): two processes may sign the same list a second apart.
    """

    token: str
    etag: str


class StatusLists:
    """The lists of one issuer, each signed when it is first asked for and after it changed."""

    def __init__(self, issuer: str, keys: KeyRing, now: Callable[[], float]) -> None:
        self._issuer = issuer
        self._keys = keys
        self._now = now
        self._signed: dict[int, SignedList] = {}

    async def read(self, db: Database, number: int) -> SignedList | None:
        """Return a list as it is in the database now; None if there is none of this number.

        Signed again when it changed, once in a period, and when another key has become active:
        the one that signed it may be about to leave the JWKS. With the database down there is
        no list: an old one must not pass for new.
        """
        stored = await statuses.read(db, number)
        if number > stored.newest:
            return None
        etag = self._etag(stored.revoked)
        signed = self._signed.get(number)
        if signed is None or signed.etag != etag:
            lst = await asyncio.to_thread(pack, stored.revoked, LIST_SIZE)
            signed = self._signed[number] = SignedList(self._sign(number, lst), etag)
        return signed

    async def uris(self, db: Database) -> list[str]:
        """Return where the lists are that tokens of ours may point to (§9.3), the newest last."""
        newest = (await statuses.read(db, 0)).newest
        return [uri(self._issuer, n) for n in range(max(0, newest - MOST + 1), newest + 1)]

    async def forget(self, db: Database) -> None:
        """Remove what no verifier needs to know any more: every token under it has expired."""
        await statuses.forget(db, _MARGIN, datetime.fromtimestamp(self._now(), UTC))

    def _sign(self, number: int, lst: str) -> str:
        iat = int(self._now())
        token = StatusListToken(
            sub=uri(self._issuer, number),
            iss=self._issuer,
            iat=iat,
            exp=iat + STATUS_LIST_LIFETIME,
            ttl=TTL,
            status_list=StatusList(1, lst),
        )
        return self._keys.sign(_encode(token), typ=TYPE)

    def _etag(self, revoked: list[int]) -> str:
        content = array("I", revoked).tobytes()
        period = int(self._now()) // _PERIOD
        digest = hashlib.sha256(f"{self._keys.active_kid} {period} ".encode() + content)
        return f'W/"{digest.hexdigest()[:32]}"'


def uri(issuer: str, number: int) -> str:
    """Return where a list is, which is its name too."""
    return f"{issuer}{PATH}/{number}"


def reference(issuer: str, status_idx: int) -> Reference:
    """Return what a token says of the place of its status (§6.2)."""
    return Reference(status_idx % LIST_SIZE, uri(issuer, status_idx >> LIST_BITS))


def status_idx(issuer: str, reference: Reference) -> int | None:
    """Undo `reference`; None if it is not to a list of ours."""
    prefix, _, number = reference.uri.rpartition("/")
    if prefix != issuer + PATH or not number.isdecimal() or reference.idx >= LIST_SIZE:
        return None
    return (int(number) << LIST_BITS) + reference.idx
