"""Which key, and whether it signed: the part of the naive verifier that is fooled the most."""

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.attacks.flaws import Flaw, Refused

Json = dict[str, Any]
RS256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017 §9.2
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
ALGORITHMS: Mapping[str, tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]] = {
    "RS256": (padding.PKCS1v15(), hashes.SHA256()),
    "RS384": (padding.PKCS1v15(), hashes.SHA384()),
    "RS512": (padding.PKCS1v15(), hashes.SHA512()),
    "PS256": (PSS, hashes.SHA256()),
}


class NaiveSignature:
    """Checks signatures, but for its flaws.

    `old_jwks` are keys of other issuers and of former times, `internet` what a URL would
    bring, `folder` where somebody keeps a file per key.
    """

    def __init__(
        self,
        flaws: Flaw,
        *,
        jwks: list[Json],
        old_jwks: list[Json],
        internet: Mapping[str, list[Json]],
        folder: Path,
    ) -> None:
        self._flaws = flaws
        self._jwks = jwks
        self._old_jwks = old_jwks
        self._internet = internet
        self._folder = folder

    def _has(self, flaw: Flaw) -> bool:
        return bool(flaw & self._flaws)

    def is_signed(self, header: Json, message: bytes, signature: bytes) -> bool:
        """Tell whether one of the keys it believes in made the signature."""
        alg = header["alg"]
        if self._needs_no_signature(alg, signature):
            return True
        if self._has(Flaw.HMAC_WITH_PUBLIC_KEY) and alg == "HS256":
            secrets = self._secrets(header)
            return any(hmac.digest(one, message, "sha256") == signature for one in secrets)
        if self._has(Flaw.ALG_BY_CONTAINMENT) and "RS256" in alg:
            alg = "RS256"
        if self._has(Flaw.ALG_FROM_HEADER):
            alg = alg.upper()
        elif alg != "RS256":
            raise Refused("alg")
        keys = self._public_keys(header)
        verify = _home_made if self._has(Flaw.HOME_MADE_RSA) else _verify
        return any(verify(key, alg, message, signature) for key in keys)

    def _needs_no_signature(self, alg: object, signature: bytes) -> bool:
        return (
            self._has(Flaw.SIGNATURE_IGNORED)
            or (self._has(Flaw.ALG_NONE) and str(alg).lower() == "none")
            or (self._has(Flaw.EMPTY_SIGNATURE) and not signature)
        )

    def _public_keys(self, header: Json) -> Iterator[rsa.RSAPublicKey]:
        kid = header.get("kid")
        if self._has(Flaw.KEY_FROM_TOKEN):
            yield from self._keys_from_token(header)
        elif self._has(Flaw.KID_AS_SQL):
            yield _public_key(json.loads(self._row(str(kid))))
        elif self._has(Flaw.KID_IGNORED):
            yield _public_key(self._jwks[0])
        elif self._has(Flaw.KEYS_NEVER_FORGOTTEN):
            yield from map(_public_key, self._jwks + self._old_jwks)
        else:
            yield from (_public_key(jwk) for jwk in self._jwks if jwk["kid"] == kid)

    def _keys_from_token(self, header: Json) -> Iterator[rsa.RSAPublicKey]:
        if "jwk" in header:
            yield _public_key(header["jwk"])
        for der in header.get("x5c", []):
            key = x509.load_der_x509_certificate(base64.b64decode(der)).public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            yield key
        for url in {"jku", "x5u"} & header.keys():
            yield from map(_public_key, self._internet[header[url]])

    def _secrets(self, header: Json) -> Iterator[bytes]:
        """What a verifier that does not tell keys apart would hand to HMAC."""
        if self._has(Flaw.KID_AS_PATH):
            yield (self._folder / str(header["kid"])).read_bytes()
            return
        for jwk in self._jwks:
            yield json.dumps(jwk).encode()
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            yield _public_key(jwk).public_bytes(serialization.Encoding.PEM, form)

    def _row(self, kid: str) -> str:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE TABLE keys (kid TEXT, jwk TEXT)")
            row = database.execute(f"SELECT jwk FROM keys WHERE kid = '{kid}'").fetchone()  # noqa: S608
        return str(row[0])


def _public_key(jwk: Json) -> rsa.RSAPublicKey:
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[member] + "=="), "big") for member in "ne")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _verify(key: rsa.RSAPublicKey, alg: str, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message, *ALGORITHMS[alg])
    except InvalidSignature:
        return False
    return True


def _home_made(key: rsa.RSAPublicKey, _alg: str, message: bytes, signature: bytes) -> bool:
    """Textbook RSA: no upper bound for s, no look at what follows the hash."""
    numbers = key.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    encoded = pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(size, "big")
    _, _, after = encoded[2:].partition(b"\0")
    begins = encoded.startswith(b"\0\1\xff")
    return begins and after.startswith(RS256_PREFIX + hashlib.sha256(message).digest())
