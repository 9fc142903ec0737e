"""Tokens of this issuer, changed so that nobody may take them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.jws import SigningKey


def public_pem(jwk: dict[str, Any]) -> bytes:
    """Return the issuer's public key as programs take it that read no JWK Set."""
    n, e = (int.from_bytes(_decode(jwk[name])) for name in ("n", "e"))
    return (
        rsa.RSAPublicNumbers(e, n)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def forgeries(token: str, id_token: str, jwk: dict[str, Any]) -> dict[str, str]:
    """Return what an attacker can make who has a token, an ID token and the public key."""
    header, payload, signature = token.split(".")
    claims = json.loads(_decode(payload))
    raised = _encode({**claims, "scope": "admin notes:read notes:write"})
    later = _encode({**claims, "exp": claims["exp"] + 86_400})
    attacker = SigningKey.generate()
    unsigned = _encode({"alg": "none", "typ": "at+jwt"})
    symmetric = _encode({"alg": "HS256", "typ": "at+jwt", "kid": jwk["kid"]})
    mac = hmac.digest(public_pem(jwk), f"{symmetric}.{payload}".encode(), hashlib.sha256)
    own = attacker.sign(_decode(payload), typ="at+jwt")
    return {
        "more scope": f"{header}.{raised}.{signature}",
        "a longer life": f"{header}.{later}.{signature}",
        "no signature": f"{header}.{payload}.",
        "alg none": f"{unsigned}.{payload}.",
        "HS256 with the public key": f"{symmetric}.{payload}.{_text(mac)}",
        "another key": own,
        "another key under our kid": f"{header}.{payload}.{own.rsplit('.')[-1]}",
        "a key that the token brings along": _brought(own, attacker.public_jwk),
        "an ID token": id_token,
        "one bit of the signature": f"{header}.{payload}.{_flipped(signature)}",
        "nothing": "e30.e30.e30",
    }


def _brought(token: str, jwk: dict[str, Any]) -> str:
    _, payload, signature = token.split(".")
    return f"{_encode({**header_of(token), 'jwk': jwk})}.{payload}.{signature}"


def _flipped(signature: str) -> str:
    octets = bytearray(_decode(signature))
    octets[100] ^= 1
    return _text(bytes(octets))


def header_of(token: str) -> dict[str, Any]:
    """Return the JOSE header of a token."""
    header: dict[str, Any] = json.loads(_decode(token.split(".")[0]))
    return header


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _encode(members: dict[str, Any]) -> str:
    return _text(json.dumps(members).encode())
