"""JWT access tokens as RFC 9068 profiles them: their claims and their verification."""

import math
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Protocol, TypeAlias

import msgspec

from shared import jose_header, jws
from shared.errors import InvalidToken
from shared.key_set import KeySet
from shared.status_list import Entries, Reference, Status

TYPE: Final = "at+jwt"
MAXIMUM_LENGTH: Final = 8192  # characters
LEEWAY: Final = 30  # seconds
_HEADERS_REMEMBERED: Final = 64
# RFC 9068 §4: anything but at+jwt is refused, so no ID token passes here.
HEADER_RULES: Final = jose_header.rules(TYPE)

Text = Annotated[str, msgspec.Meta(min_length=1)]
Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]  # OIDC Core §2
NumericDate = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # seconds since 1970, whole ones


class Refusal(StrEnum):
    """What the client is told: enough to act on, nothing that helps a forger."""

    TOO_LONG = "the token is too long"
    MALFORMED = "the token is malformed"
    UNKNOWN_KEY = "the token was not signed by a known key"
    WRONG_SIGNATURE = "the signature is wrong"
    MALFORMED_CLAIMS = "the claims are malformed"
    OTHER_ISSUER = "the token is another issuer's"
    OTHER_AUDIENCE = "the token is for another audience"
    BOUND_TO_A_KEY = "the token is not a bearer token"
    EXPIRED = "the token has expired"
    FROM_THE_FUTURE = "the token was issued in the future"
    NOT_YET_VALID = "the token is not valid yet"
    REVOKED = "the token was revoked"
    NO_STATUS = "the token's status leads nowhere"


class AccessToken(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The claims of a verified access token (RFC 9068 §2.2); dates are in seconds since 1970.

    Immutable, since one object may serve many requests. `cnf` is None in every verified token.
    `gc=False`: what is read from JSON has no cycles, and is spared the collector.
    """

    iss: str
    sub: Subject
    aud: str | tuple[str, ...]
    exp: NumericDate
    iat: NumericDate
    jti: Text
    client_id: Text
    scope_value: str = msgspec.field(default="", name="scope")
    nbf: NumericDate | None = None
    auth_time: NumericDate | None = None
    acr: str | None = None
    amr: tuple[str, ...] | None = None
    sid: str | None = None
    cnf: Any = None
    status: Status | None = None

    @property
    def scope(self) -> frozenset[str]:
        """What the token is good for (RFC 6749 §3.3)."""
        return _scope(self.scope_value)


@lru_cache(maxsize=1024)
def _scope(value: str) -> frozenset[str]:
    return frozenset(value.split(" ")) - {""}


# What was presented, the verified token in it, the key that signed it, from when until when it is
# good by our clock, and its entry in a status list.
_Verified: TypeAlias = tuple[bytes, AccessToken, jws.VerificationKey, float, float, Entries, int]
_NOT_TO_BE_CHECKED: Final = Entries(b"\0", math.inf)
# A token by itself, which no header looks like. Before the token, among what was presented.
_BARE: Final = b"\0"
_LONGEST_REMEMBERED: Final = MAXIMUM_LENGTH + len("Bearer ")
# To look up by the end of the signature, which is as good as random, spares hashing all of it.
_END: Final = -32


class Statuses(Protocol):
    """Where it is found whether a token was revoked: the issuer's status lists."""

    def at_hand(self, uri: str) -> Entries | None:
        """Return the entries of the list behind `uri`, if it is followed; never waits.

        They are kept beside the token, and read for every request.
        """
        ...

    async def look_up(self, reference: Reference) -> bool:
        """Tell whether a token was revoked; may fetch the list.

        Raises `InvalidToken` for a reference that leads nowhere, `TemporarilyUnavailable` when
        the list is out of reach or too old, so that it cannot know.
        """
        ...


class AccessTokenVerifier:
    """Verifies access tokens of one issuer for one audience (RFC 9068 §4).

    Only the issuer itself, which issues for several resources, takes tokens for any of them.

    A token seen before is not parsed again: the `remember` newest verified tokens are kept, and
    on every hit the dates, the key and the status are checked anew. Only verified tokens are
    ever kept, so forgeries cannot push good ones out. For one event loop: not for use by several
    threads.

    The status is checked last (draft-ietf-oauth-status-list §8.3), and only with `statuses`. A
    token without a `status` claim is accepted: not every issuer has status lists.

    Repeated members: in the header they are refused; in the claims, which the issuer signed,
    the last one counts (both are allowed by RFC 7519 §4). `typ` is compared without regard to
    case, as media types are (RFC 7515 §4.1.9); everything else is compared exactly. Dates are
    whole seconds: fractions, which RFC 7519 §2 allows, are refused. A token bound to a key by
    `cnf` (RFC 7800) is no bearer token and refused, since the binding is not checked here.

    Not checked here: the scope (that is the resource's business); whether `jti` was used
    before (a bearer token may be used until it expires); that claims we do not read have a
    sensible type.
    """

    def __init__(
        self,
        keys: KeySet,
        issuer: str,
        audience: str | frozenset[str],
        *,
        statuses: Statuses | None = None,
        leeway: int = LEEWAY,
        remember: int = 4096,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take `leeway` in seconds, for clocks that differ, both ways.

        Of several audiences a token has to name one.
        """
        self._keys = keys
        self._monotonic = keys.monotonic
        self._issuer = issuer
        self._audiences = frozenset([audience]) if isinstance(audience, str) else audience
        self._statuses = statuses
        self._leeway = leeway
        self._remember = remember
        self._now = now
        self._kids: dict[bytes, str] = {}
        self._verified: dict[bytes, _Verified] = {}  # by the end of what was presented
        self._oldest_first: deque[bytes] = deque()  # the keys of `_verified`
        self._decode_claims = msgspec.json.Decoder(AccessToken).decode

    async def verify(self, token: str) -> AccessToken:
        """Return the token's claims.

        Raises `InvalidToken` for a bad token, `TemporarilyUnavailable` when the keys or the
        status are out of reach so that good and bad cannot be told apart.
        """
        if len(token) > MAXIMUM_LENGTH:  # before all else: to look it up is to read it whole
            raise InvalidToken(Refusal.TOO_LONG)
        try:
            octets = token.encode("ascii")
        except ValueError as error:
            raise InvalidToken(Refusal.MALFORMED, reason=str(error)) from error
        presented = _BARE + octets
        known = self.recall(presented) if self._verified else None
        return known or await self.verify_anew(octets, presented)

    def recall(self, presented: bytes) -> AccessToken | None:
        """Return the claims of a token that was verified before and is good now; never waits.

        None says nothing of the token: `verify` does.
        """
        seen = self._verified.get(presented[_END:])
        if seen is None:
            return None
        octets, access_token, key, begins, ends, entries, idx = seen
        now = self._monotonic()
        if (
            octets == presented
            and begins <= self._now() < ends
            and now < key.usable_until
            and now < entries.usable_until
        ):
            # As `entries.is_revoked` would say, but a call costs every request half a per cent.
            entries.used = True
            try:
                if not entries.octets[idx >> 3] >> (idx & 7) & 1:
                    return access_token
            except IndexError:  # the list is shorter than it was
                return None
        return None

    async def verify_anew(self, token: bytes, presented: bytes) -> AccessToken:
        """Verify, however often it was before; from then on `recall` knows what was `presented`.

        Which are octets that hold this one token, such as a whole header; if they are too many,
        they are not remembered. Cheap things are checked first: no key is looked up for a wrong
        `alg`, `typ` or `kid`.
        """
        if len(token) > MAXIMUM_LENGTH:
            raise InvalidToken(Refusal.TOO_LONG)
        try:
            header, payload, signature = token.split(b".")
            kid = self._kids.get(header) or _kid(header)
            signature_octets = jws.decode(signature)
        except (ValueError, RecursionError) as error:
            raise InvalidToken(Refusal.MALFORMED, reason=str(error)) from error
        key = self._keys.trusted(kid) or await self._keys.key(kid)
        if key is None:
            raise InvalidToken(Refusal.UNKNOWN_KEY, reason=f"kid {kid!r}")
        if not key.verify(token[: -len(signature) - 1], signature_octets):
            raise InvalidToken(Refusal.WRONG_SIGNATURE)
        try:
            access_token = self._decode_claims(_claims(payload))
        except (ValueError, RecursionError) as error:
            raise InvalidToken(Refusal.MALFORMED_CLAIMS, reason=str(error)) from error
        begins, ends = self._check_claims(access_token)
        entries, idx = _NOT_TO_BE_CHECKED, 0
        if self._statuses is not None and access_token.status is not None:
            reference = access_token.status.status_list
            idx, at_hand = reference.idx, self._statuses.at_hand(reference.uri)
            if at_hand is None or at_hand.is_revoked(idx, self._monotonic()) is not False:
                at_hand = await _looked_up(self._statuses, reference)
            entries = at_hand
        self._keep(header, (presented, access_token, key, begins, ends, entries, idx))
        return access_token

    def _check_claims(self, claims: AccessToken) -> tuple[float, float]:
        """Return from when until when the token is good; all but the status is checked.

        As floats, since the time is one: to compare it with integers takes twice as long.
        """
        if claims.iss != self._issuer:
            raise InvalidToken(Refusal.OTHER_ISSUER, reason=f"iss {claims.iss!r:.99}")
        audience = claims.aud
        if isinstance(audience, str):
            is_ours = audience in self._audiences
        else:
            is_ours = not self._audiences.isdisjoint(audience)
        if not is_ours:
            raise InvalidToken(Refusal.OTHER_AUDIENCE, reason=f"aud {audience!r:.99}")
        if claims.cnf is not None:
            raise InvalidToken(Refusal.BOUND_TO_A_KEY, reason="cnf")
        begins = claims.iat - self._leeway
        if claims.nbf is not None and claims.nbf > claims.iat:
            begins = claims.nbf - self._leeway
        ends = claims.exp + self._leeway
        if not begins <= (now := self._now()) < ends:
            raise _out_of_date(claims, now, self._leeway)
        return float(begins), float(ends)

    def _keep(self, header: bytes, verified: _Verified) -> None:
        if header not in self._kids:
            if len(self._kids) >= _HEADERS_REMEMBERED:
                self._kids.clear()  # they come back with the next tokens under them
            self._kids[header] = verified[2].kid
        if not self._remember or len(verified[0]) > _LONGEST_REMEMBERED:
            return
        end = verified[0][_END:]
        if end not in self._verified:
            # Not `next(iter(…))`: a dict looks for its oldest entry where deleted ones were.
            if len(self._oldest_first) == self._remember:
                del self._verified[self._oldest_first.popleft()]
            self._oldest_first.append(end)
        self._verified[end] = verified


async def _looked_up(statuses: Statuses, reference: Reference) -> Entries:
    """Refuse a token that is revoked; return the list that will tell when it is."""
    if await statuses.look_up(reference):
        raise InvalidToken(Refusal.REVOKED)
    return statuses.at_hand(reference.uri) or Entries()


def _out_of_date(claims: AccessToken, now: float, leeway: int) -> InvalidToken:
    """Say which of `exp`, `iat` and `nbf` it is (RFC 7519 §4.1.4 to §4.1.6)."""
    if now >= claims.exp + leeway:
        return InvalidToken(Refusal.EXPIRED)
    if now < claims.iat - leeway:
        return InvalidToken(Refusal.FROM_THE_FUTURE, reason=f"iat {claims.iat}")
    return InvalidToken(Refusal.NOT_YET_VALID, reason=f"nbf {claims.nbf}")


def _kid(header: bytes) -> str:
    """Parse a JOSE header, check it, and return its `kid`; `ValueError` if it is not ours."""
    members = jose_header.read(header)
    for rule in HEADER_RULES:
        rule.check(members)
    kid: str = members["kid"]
    return kid


def _claims(payload: bytes) -> str:
    """Decode a payload: UTF-8 throughout (RFC 8725 §3.7), and no NUL, which no column can hold."""
    claims = jws.decode(payload).decode("utf-8")
    if "\\u0000" in claims:
        raise ValueError("NUL")
    return claims
