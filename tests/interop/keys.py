"""A key pair as programs of others take it: PKCS #8 and a JWK Set."""

import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.jws import SigningKey


def key_pair() -> tuple[str, dict[str, Any]]:
    """Make an RSA key; return the private one as PEM and the public one as a JWK."""
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode(), SigningKey(private).public_jwk


def jwk_set(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": keys})
