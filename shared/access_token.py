"""JWT access tokens as RFC 9068 profiles them: their claims and their verification."""

import time
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from shared import jose_header, jws
from shared.errors import InvalidToken
from shared.status_list import Reference, Status

TYPE: Final = "at+jwt"
MAXIMUM_LENGTH: Final = 8192  # characters
LEEWAY: Final = 30  # seconds
_HEADERS_REMEMBERED: Final = 64
# RFC 9068 §4: anything but at+jwt is refused, so no ID token passes here.
HEADER_RULES: Final = jose_header.rules(TYPE)

K = TypeVar("K")
V = TypeVar("V")
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


# A verified token, the key that signed it, from when until when it is good by our clock, and
# where its status is found if that is to be checked.
_Verified: TypeAlias = tuple[AccessToken, jws.VerificationKey, int, int, Reference | None]


class KeySet(Protocol):
    """Where verification keys come from: the issuer's own ring, or a fetched JWKS."""

    def trusted(self, kid: str) -> jws.VerificationKey | None:
        """Return the key with this `kid` if it is at hand and good now; never waits."""
        ...

    async def key(self, kid: str) -> jws.VerificationKey | None:
        """Return the key with this `kid`, or None if the issuer has none.

        May fetch. Raises `TemporarilyUnavailable` when it cannot know (never `InvalidToken`).
        """
        ...


class Statuses(Protocol):
    """Where it is found whether a token was revoked: the issuer's status lists."""

    def is_revoked(self, reference: Reference) -> bool | None:
        """Tell by a list at hand that is fresh enough; None if there is none. Never waits."""
        ...

    async def look_up(self, reference: Reference) -> bool:
        """Tell whether a token was revoked; may fetch the list.

        Raises `InvalidToken` for a reference that leads nowhere, `TemporarilyUnavailable` when
        the list is out of reach or too old, so that it cannot know.
        """
        ...


class AccessTokenVerifier:
    """Verifies access tokens of one issuer for one audience (RFC 9068 §4).

    A token seen before is not parsed again: up to `remember` verified tokens are kept, and on
    every hit the dates, the key and the status are checked anew. Only verified tokens are ever
    kept, so forgeries cannot push good ones out. For one event loop: not for use by several
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
        audience: str,
        *,
        statuses: Statuses | None = None,
        leeway: int = LEEWAY,
        remember: int = 4096,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take `leeway` in seconds, for clocks that differ, both ways."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._statuses = statuses
        self._is_revoked = _never_asked if statuses is None else statuses.is_revoked
        self._leeway = leeway
        self._remember = remember
        self._now = now
        self._kids: dict[bytes, str] = {}
        self._verified: dict[str, _Verified] = {}
        self._decode_claims = msgspec.json.Decoder(AccessToken).decode

    async def verify(self, token: str) -> AccessToken:
        """Return the token's claims.

        Raises `InvalidToken` for a bad token, `TemporarilyUnavailable` when the keys or the
        status are out of reach so that good and bad cannot be told apart.
        """
        if len(token) > MAXIMUM_LENGTH:  # before all else: to look it up is to read it whole
            raise InvalidToken(Refusal.TOO_LONG)
        seen = self._verified.get(token)
        if seen is not None:
            access_token, key, begins, ends, reference = seen
            if self._keys.trusted(key.kid) is key:
                if not begins <= self._now() < ends:
                    self._check_dates(access_token)
                if reference is not None and self._is_revoked(reference) is not False:
                    await self._check_status(reference)
                return access_token
        return await self._verify_in_full(token)

    async def _verify_in_full(self, token: str) -> AccessToken:
        """Check cheap things first: no key is looked up for a wrong `alg`, `typ` or `kid`."""
        try:
            header, payload, signature = token.encode("ascii").split(b".")
            kid = self._kids.get(header) or _kid(header)
            signature_octets = jws.decode(signature)
        except (ValueError, RecursionError) as error:
            raise InvalidToken(Refusal.MALFORMED, reason=str(error)) from error
        key = self._keys.trusted(kid) or await self._keys.key(kid)
        if key is None:
            raise InvalidToken(Refusal.UNKNOWN_KEY, reason=f"kid {kid!r}")
        if not key.verify(header + b"." + payload, signature_octets):
            raise InvalidToken(Refusal.WRONG_SIGNATURE)
        try:
            access_token = self._decode_claims(_claims(payload))
        except (ValueError, RecursionError) as error:
            raise InvalidToken(Refusal.MALFORMED_CLAIMS, reason=str(error)) from error
        self._check_claims(access_token)
        reference = None
        if self._statuses is not None and access_token.status is not None:
            reference = access_token.status.status_list
            if self._is_revoked(reference) is not False:
                await self._check_status(reference)
        self._keep(token, access_token, header, key, reference)
        return access_token

    def _check_claims(self, claims: AccessToken) -> None:
        if claims.iss != self._issuer:
            raise InvalidToken(Refusal.OTHER_ISSUER, reason=f"iss {claims.iss!r:.99}")
        audience = claims.aud
        if audience != self._audience and (
            isinstance(audience, str) or self._audience not in audience
        ):
            raise InvalidToken(Refusal.OTHER_AUDIENCE, reason=f"aud {audience!r:.99}")
        if claims.cnf is not None:
            raise InvalidToken(Refusal.BOUND_TO_A_KEY, reason="cnf")
        self._check_dates(claims)

    def _check_dates(self, claims: AccessToken) -> None:
        """`exp`, `nbf` and `iat` against our clock (RFC 7519 §4.1.4 to §4.1.6)."""
        now = self._now()
        if now >= claims.exp + self._leeway:
            raise InvalidToken(Refusal.EXPIRED)
        if now < claims.iat - self._leeway:
            raise InvalidToken(Refusal.FROM_THE_FUTURE, reason=f"iat {claims.iat}")
        if claims.nbf is not None and now < claims.nbf - self._leeway:
            raise InvalidToken(Refusal.NOT_YET_VALID, reason=f"nbf {claims.nbf}")

    async def _check_status(self, reference: Reference) -> None:
        """Say why a token is not good whose status is not known to be."""
        assert self._statuses is not None  # noqa: S101 - else there is nothing to check
        revoked = self._is_revoked(reference)
        if revoked is None:
            revoked = await self._statuses.look_up(reference)
        if revoked:
            raise InvalidToken(Refusal.REVOKED)

    def _keep(
        self,
        token: str,
        access_token: AccessToken,
        header: bytes,
        key: jws.VerificationKey,
        reference: Reference | None,
    ) -> None:
        if header not in self._kids:
            _remember(self._kids, header, key.kid, at_most=_HEADERS_REMEMBERED)
        begins = max(access_token.iat, access_token.nbf or 0) - self._leeway
        ends = access_token.exp + self._leeway
        verified = (access_token, key, begins, ends, reference)
        _remember(self._verified, token, verified, at_most=self._remember)


def _never_asked(_reference: Reference) -> bool | None:
    return None


def _remember(known: dict[K, V], name: K, value: V, *, at_most: int) -> None:
    """Add to a bounded dict; the oldest entry makes room."""
    if name not in known and len(known) >= at_most:
        if not known:
            return
        del known[next(iter(known))]
    known[name] = value


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
