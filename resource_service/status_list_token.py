"""Reading a Status List Token (draft-ietf-oauth-status-list §5.1) as hostile input.

Whoever could make one up, or bring an old one back, could undo a revocation.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec

from shared import jose_header, jws
from shared.access_token import LEEWAY
from shared.jws import VerificationKey
from shared.key_set import KeySet
from shared.status_list import HEADER_RULES, StatusListToken, unpack

MAXIMUM_LENGTH: Final = 2 * 1024 * 1024  # octets as fetched

_decode = msgspec.json.Decoder(StatusListToken).decode


class StatusListRefused(ValueError):
    """A status list that is not to be used; the text says why."""


@dataclass(frozen=True, slots=True)
class SignedStatusList:
    """A verified list: eight entries in each octet; dates are in seconds since 1970."""

    token: str
    octets: bytes
    iat: int
    exp: int
    key: VerificationKey


async def read(token: bytes, uri: str, issuer: str, keys: KeySet, now: float) -> SignedStatusList:
    """Verify and unpack the list that was found at `uri` (§8.3).

    Raises `StatusListRefused`, or `TemporarilyUnavailable` when the keys are out of reach.
    `iss` is compared if it is there: the draft has it no more. Not checked: whether a newer
    list has been seen.
    """
    if len(token) > MAXIMUM_LENGTH:
        raise StatusListRefused(f"longer than {MAXIMUM_LENGTH} octets")
    try:
        header, payload, signature = token.split(b".")
        members = jose_header.read(header)
        for rule in HEADER_RULES:
            rule.check(members)
        kid: str = members["kid"]
        signature_octets = jws.decode(signature)
    except (ValueError, RecursionError) as error:
        raise StatusListRefused(f"not a Status List Token: {error}") from error
    key = keys.trusted(kid) or await keys.key(kid)
    if key is None:
        raise StatusListRefused(f"not signed by a known key: {kid!r}")
    if not await asyncio.to_thread(key.verify, header + b"." + payload, signature_octets):
        raise StatusListRefused("the signature is wrong")
    try:
        claims = await asyncio.to_thread(_claims, payload)
        _check(claims, uri, issuer, now)
        octets = await asyncio.to_thread(unpack, claims.status_list.lst)
    except (ValueError, RecursionError) as error:
        raise StatusListRefused(str(error)) from error
    return SignedStatusList(token.decode("ascii"), octets, claims.iat, claims.exp, key)


def _claims(payload: bytes) -> StatusListToken:
    return _decode(jws.decode(payload))


def _check(claims: StatusListToken, uri: str, issuer: str, now: float) -> None:
    if claims.sub != uri:
        raise ValueError(f"it is another list: {claims.sub!r:.99}")
    if claims.iss is not None and claims.iss != issuer:
        raise ValueError(f"it is another issuer's: {claims.iss!r:.99}")
    if now < claims.iat - LEEWAY:
        raise ValueError(f"it is from the future: iat {claims.iat}")
    if now >= claims.exp + LEEWAY:
        raise ValueError(f"it has expired: exp {claims.exp}")
