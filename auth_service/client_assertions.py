"""Client authentication by a JWT that the client has signed (RFC 7523 §3, OIDC Core §9).

The rules are those of draft-ietf-oauth-rfc7523bis where they are stricter: `aud` is the issuer
and nothing else, so that no other server can be made to ask for an assertion which we take.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from auth_service import throttling
from auth_service.safe_fetch import FetchRefused
from auth_service.server import AuthorizationServer
from auth_service.store import client_assertions
from auth_service.store.clients import Client
from shared import jose_header, jws
from shared.access_token import LEEWAY, MAXIMUM_LENGTH, NumericDate
from shared.jwks import KeySetMembers, KeySetRefused, read_key_set

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE: Final = 3600  # seconds that `exp` may lie ahead, and so a `jti` is remembered
# The type of the draft; most clients still name none, or that of any JWT.
_HEADER_RULES: Final = jose_header.rules("client-authentication+jwt", "jwt", untyped=True)

_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class _Claims(msgspec.Struct, frozen=True):
    """The claims of RFC 7523 §3; dates are in seconds since 1970."""

    iss: _Text
    sub: _Text
    aud: Any
    exp: NumericDate
    jti: _Id
    iat: NumericDate | None = None
    nbf: NumericDate | None = None


_decode = msgspec.json.Decoder(_Claims).decode


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion as it came: nothing of it is verified yet."""

    claims: _Claims
    kid: str
    signing_input: bytes
    signature: bytes

    @property
    def client_id(self) -> str:
        """Who it says it is from."""
        return self.claims.sub


class AuthenticationFailed(ValueError):
    """A proof that proves nothing; the text says why."""


def parse(assertion: str) -> Assertion:
    """Read an assertion, or raise `AuthenticationFailed`; the signature is not checked."""
    if len(assertion) > MAXIMUM_LENGTH:
        raise AuthenticationFailed("the assertion is too long")
    try:
        header, payload, signature = assertion.encode("ascii").split(b".")
        members = jose_header.read(header)
        for rule in _HEADER_RULES:
            rule.check(members)
        claims = _decode(jws.decode(payload))
        return Assertion(claims, members["kid"], header + b"." + payload, jws.decode(signature))
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise AuthenticationFailed(f"the assertion is malformed: {error}") from error


async def verify(
    server: AuthorizationServer, client: Client, assertion: Assertion, address: str
) -> None:
    """Check everything about an assertion, except that it has not come before.

    Raises `AuthenticationFailed`; `TemporarilyUnavailable` when the client's keys are out of
    reach, and `TooManyRequests` when they would have to be fetched and too much was lately, for
    the `address` that asks.
    """
    claims = assertion.claims
    if not claims.iss == claims.sub == client.client_id:
        raise AuthenticationFailed("iss and sub are not the client")
    if claims.aud != server.settings.issuer:
        raise AuthenticationFailed(f"aud {claims.aud!r:.99}")
    _check_dates(claims, server.now())
    key = (await _keys(server, client, assertion.kid, address)).get(assertion.kid)
    if key is None:
        raise AuthenticationFailed(f"the client has no key {assertion.kid!r}")
    if not key[1].verify(assertion.signing_input, assertion.signature):
        raise AuthenticationFailed("the signature is wrong")


async def use(server: AuthorizationServer, assertion: Assertion) -> None:
    """Note that it has come; `AuthenticationFailed` for the second time (RFC 7523 §3)."""
    claims = assertion.claims
    expires_at = datetime.fromtimestamp(claims.exp + LEEWAY, UTC)
    if not await client_assertions.remember(server.db, claims.sub, claims.jti, expires_at):
        raise AuthenticationFailed("the assertion has come before")


async def forget(server: AuthorizationServer) -> None:
    """Forget assertions that are refused by their date, also by a clock that is behind ours."""
    behind = datetime.fromtimestamp(server.now() - LEEWAY, UTC)
    await client_assertions.forget(server.db, behind)


def _check_dates(claims: _Claims, now: float) -> None:
    if now >= claims.exp + LEEWAY:
        raise AuthenticationFailed("the assertion has expired")
    if claims.exp > now + LONGEST_LIFE + LEEWAY:
        raise AuthenticationFailed("the assertion lives for too long")
    if max(claims.iat or 0, claims.nbf or 0) > now + LEEWAY:
        raise AuthenticationFailed("the assertion is of the future")


async def _keys(
    server: AuthorizationServer, client: Client, kid: str, address: str
) -> KeySetMembers:
    """Return the client's keys; those of a `jwks_uri` are asked for anew if `kid` is not there."""
    if client.jwks is not None:
        return _inline(client.jwks)
    if client.jwks_uri is None:
        raise AuthenticationFailed("the client has no keys")
    admit = throttling.fetching(server, address)
    try:
        keys = await server.client_keys.read(client.jwks_uri, admit)
        if kid not in keys.document:
            keys = await server.client_keys.read(client.jwks_uri, admit, newer_than=keys.fetched_at)
    except FetchRefused as error:
        raise AuthenticationFailed(f"the client's keys are not taken: {error}") from error
    return keys.document


@lru_cache(maxsize=256)
def _inline(jwks: str) -> KeySetMembers:
    try:
        return read_key_set(jwks.encode())
    except KeySetRefused as error:
        raise AuthenticationFailed(f"the client's keys are not taken: {error}") from error
