"""ID tokens (OIDC Core §2): made at the token endpoint, and read again when they come as a hint."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from auth_service import authentication_context
from auth_service.server import AuthorizationServer
from auth_service.store.refresh_token_families import Family
from shared import jose_header, jws

TYPE: Final = "JWT"
_HEADER_RULES: Final = jose_header.rules(TYPE.lower())
_MAXIMUM_LENGTH: Final = 8192  # characters

_encode = msgspec.json.Encoder().encode


class Hint(msgspec.Struct, frozen=True):
    """An ID token of ours that came back (OIDC Core §3.1.2.1); it may have expired."""

    iss: str
    sub: str
    aud: str
    sid: str = ""


_decode = msgspec.json.Decoder(Hint).decode


def sign(
    server: AuthorizationServer,
    family: Family,
    client_id: str,
    access_token: str,
    *,
    nonce: str | None,
    claims: Mapping[str, Any],
) -> str:
    """Return an ID token for the log-in that `family` is about, beside its access token.

    A refreshed one has no `nonce` (OIDC Core §12.2). `claims` are those that the `claims`
    parameter asked to have here; the others are at the userinfo endpoint.
    """
    iat = int(server.now())
    about_the_token = {
        "iss": server.settings.issuer,
        "sub": str(family.sub),
        "aud": client_id,
        "azp": client_id,
        "iat": iat,
        "exp": iat + server.settings.access_token_lifetime,
        "auth_time": int(family.auth_time.timestamp()),
        "acr": authentication_context.acr(family.amr),
        "amr": family.amr,
        "sid": family.sid,
        "at_hash": at_hash(access_token),
    }
    if nonce is not None:
        about_the_token["nonce"] = nonce
    return server.keys.sign(_encode({**claims, **about_the_token}), typ=TYPE)


def at_hash(access_token: str) -> str:
    """Return the left half of the token's SHA-256 as base64url (OIDC Core §3.1.3.6)."""
    return jws.encode(hashlib.sha256(access_token.encode("ascii")).digest()[:16]).decode("ascii")


def read_hint(server: AuthorizationServer, token: str) -> Hint | None:
    """Return what an ID token of ours says, however old it is; None for anything else.

    Once its key has left the JWKS it is taken for nobody's.
    """
    if len(token) > _MAXIMUM_LENGTH:
        return None
    try:
        header, payload, signature = token.encode("ascii").split(b".")
        members = jose_header.read(header)
        for rule in _HEADER_RULES:
            rule.check(members)
        key = server.keys.trusted(members["kid"])
        if key is None or not key.verify(header + b"." + payload, jws.decode(signature)):
            return None
        hint = _decode(jws.decode(payload))
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return hint if hint.iss == server.settings.issuer else None
