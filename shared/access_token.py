"""JWT access tokens as RFC 9068 profiles them: their claims and their verification."""

import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec

from shared import jws
from shared.errors import InvalidToken

TYPE: Final = "at+jwt"
MAXIMUM_LENGTH: Final = 8192  # characters
_TYPES: Final = frozenset({TYPE, f"application/{TYPE}"})
_HEADERS_REMEMBERED: Final = 64

K = TypeVar("K")
V = TypeVar("V")
Text = Annotated[str, msgspec.Meta(min_length=1)]
NumericDate = Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # seconds since 1970, whole ones


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a verified access token (RFC 9068 §2.2); dates are in seconds since 1970."""

    iss: str
    sub: Text
    aud: str | list[str]
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

    @property
    def scope(self) -> frozenset[str]:
        """What the token is good for (RFC 6749 §3.3)."""
        return _scope(self.scope_value)


@lru_cache(maxsize=1024)
def _scope(value: str) -> frozenset[str]:
    return frozenset(value.split(" ")) - {""}


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


class AccessTokenVerifier:
    """Verifies access tokens of one issuer for one audience (RFC 9068 §4).

    A token seen before is not parsed again: up to `remember` verified tokens are kept, and on
    every hit the dates and the key are checked anew. Only verified tokens are ever kept, so
    forgeries cannot push good ones out.

    Repeated members: in the header they are refused; in the claims, which the issuer signed,
    the last one counts (both are allowed by RFC 7519 §4).

    Not checked here: the scope (that is the resource's business) and whether `jti` was used
    before (a bearer token may be used until it expires).
    """

    def __init__(
        self,
        keys: KeySet,
        issuer: str,
        audience: str,
        *,
        leeway: int = 30,
        remember: int = 4096,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Take `leeway` in seconds, for clocks that differ, both ways."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._remember = remember
        self._now = now
        self._kids: dict[bytes, str] = {}
        self._verified: dict[str, tuple[AccessToken, jws.VerificationKey]] = {}
        self._decode_claims = msgspec.json.Decoder(AccessToken).decode

    async def verify(self, token: str) -> AccessToken:
        """Return the token's claims.

        Raises `InvalidToken` for a bad token, `TemporarilyUnavailable` when the keys are out
        of reach so that good and bad cannot be told apart.
        """
        seen = self._verified.get(token)
        if seen is not None and self._keys.trusted(seen[1].kid) is seen[1]:
            self._check_dates(seen[0])
            return seen[0]
        return await self._verify_in_full(token)

    async def _verify_in_full(self, token: str) -> AccessToken:
        """Check cheap things first: no key is looked up for a wrong `alg` or `typ`."""
        if len(token) > MAXIMUM_LENGTH:
            raise InvalidToken("the token is too long")
        try:
            header, payload, signature = token.encode("ascii").split(b".")
            kid = self._kids.get(header) or _kid(header)
            signature_octets = jws.decode(signature)
        except (ValueError, RecursionError) as error:
            raise InvalidToken("the token is malformed", reason=str(error)) from error
        key = self._keys.trusted(kid) or await self._keys.key(kid)
        if key is None:
            raise InvalidToken("the token was not signed by a known key", reason=f"kid {kid!r}")
        if not key.verify(header + b"." + payload, signature_octets):
            raise InvalidToken("the signature is wrong")
        try:
            access_token = self._decode_claims(jws.decode(payload))
        except (ValueError, RecursionError) as error:
            raise InvalidToken("the claims are malformed", reason=str(error)) from error
        self._check_claims(access_token)
        self._keep(token, access_token, header, key)
        return access_token

    def _check_claims(self, claims: AccessToken) -> None:
        if claims.iss != self._issuer:
            raise InvalidToken("the token is another issuer's", reason=f"iss {claims.iss!r}")
        audience = claims.aud
        if audience != self._audience and (
            isinstance(audience, str) or self._audience not in audience
        ):
            raise InvalidToken("the token is for another audience", reason=f"aud {audience!r}")
        self._check_dates(claims)

    def _check_dates(self, claims: AccessToken) -> None:
        """`exp`, `nbf` and `iat` against our clock (RFC 7519 §4.1.4 to §4.1.6)."""
        now = self._now()
        if now >= claims.exp + self._leeway:
            raise InvalidToken("the token has expired")
        if now < claims.iat - self._leeway:
            raise InvalidToken("the token was issued in the future", reason=f"iat {claims.iat}")
        if claims.nbf is not None and now < claims.nbf - self._leeway:
            raise InvalidToken("the token is not valid yet", reason=f"nbf {claims.nbf}")

    def _keep(
        self, token: str, access_token: AccessToken, header: bytes, key: jws.VerificationKey
    ) -> None:
        _remember(self._kids, header, key.kid, at_most=_HEADERS_REMEMBERED)
        _remember(self._verified, token, (access_token, key), at_most=self._remember)


def _remember(known: dict[K, V], name: K, value: V, *, at_most: int) -> None:
    """Add to a bounded dict; the oldest entry makes room."""
    if name not in known and len(known) >= at_most:
        if not known:
            return
        del known[next(iter(known))]
    known[name] = value


def _kid(header: bytes) -> str:
    """Parse a JOSE header and return its `kid` (RFC 7515 §4); `ValueError` if it is not ours.

    `jku`, `x5u`, `jwk` and `x5c` are never read (RFC 8725 §3.10); any `crit` is refused,
    since no extension is understood here (RFC 7515 §4.1.11).
    """
    members = json.loads(jws.decode(header).decode("utf-8"), object_pairs_hook=_no_repeats)
    if not isinstance(members, dict):
        raise ValueError("the header is not an object")
    if members.get("alg") != jws.ALGORITHM:
        raise ValueError(f"alg {members.get('alg')!r}")
    # RFC 9068 §4: anything but at+jwt is refused, so no ID token passes here.
    typ = members.get("typ")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise ValueError(f"typ {typ!r}")
    if "crit" in members or "b64" in members:
        raise ValueError("crit")
    kid = members.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 128 or not kid.isascii():
        raise ValueError("kid is missing or malformed")
    return kid


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a header member is repeated")
    return members
