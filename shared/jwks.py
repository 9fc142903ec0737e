"""Reading a JWK Set (RFC 7517 §5): strict in its limits, tolerant of single bad keys."""

import json
import logging
from typing import Any, Final

from shared.jws import KeyRefused, VerificationKey

MAXIMUM_OCTETS: Final = 256 * 1024
MAXIMUM_KEYS: Final = 32
_LOG = logging.getLogger(__name__)

Jwk = dict[str, str]
KeySetMembers = dict[str, tuple[Jwk, VerificationKey]]


class KeySetRefused(ValueError):
    """A key set that is not to be used at all; the text says why."""


def read_key_set(document: bytes) -> KeySetMembers:
    """Return the usable keys by `kid`, each with the JWK it was read from (`kty kid n e` only).

    A key that must not be used is left out and logged: symmetric or private ones, other types
    or uses, weak ones. Of two different usable keys with one `kid` neither is used, since
    nothing says which is meant (RFC 7517 §4.5 wants them distinct). `KeySetRefused` if the
    document is too long, not a key set, or has more than `MAXIMUM_KEYS` members or no usable one.
    """
    members: KeySetMembers = {}
    ambiguous = set()
    for position, jwk in enumerate(_entries(document)):
        try:
            if not isinstance(jwk, dict):
                raise KeyRefused("not an object")
            key = VerificationKey.from_jwk(jwk)
        except KeyRefused as error:
            _LOG.warning("key %d of the key set is not used: %s", position, error)
            continue
        material = {member: jwk[member] for member in ("kty", "kid", "n", "e")}
        if key.kid in members and members[key.kid][0] != material:
            ambiguous.add(key.kid)
        members.setdefault(key.kid, (material, key))
    for kid in ambiguous:
        _LOG.warning("two keys of the key set have the kid %r: neither is used", kid)
        del members[kid]
    if not members:
        raise KeySetRefused("no usable key")
    return members


def _entries(document: bytes) -> list[Any]:
    if len(document) > MAXIMUM_OCTETS:
        raise KeySetRefused(f"longer than {MAXIMUM_OCTETS} octets")
    try:
        key_set = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise KeySetRefused("not JSON") from error
    keys = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(keys, list):
        raise KeySetRefused("not a JWK Set")
    if len(keys) > MAXIMUM_KEYS:
        raise KeySetRefused(f"more than {MAXIMUM_KEYS} keys")
    return keys
