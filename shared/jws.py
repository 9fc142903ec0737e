"""JSON Web Signature with RS256 (RFC 7515, RFC 7518 §3.3): the one seam to python-jose.

python-jose's `jwt.decode` is not used at all: it accepts what it should refuse. What is
used is its key object, constructed once (a PEM handed in per call costs 140 times more).

A key is refused at load, not at use: wrong type or algorithm, fewer than 2048 bits, an
even or tiny exponent, the ROCA fingerprint (CVE-2017-15361), `use` or `key_ops` that
forbid verifying, private or symmetric members, numbers with a second spelling. Not
checked: that the modulus is a product of two primes; `x5c`, `x5u` and the thumbprints
beside a key are not read at all.
"""

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, TypeGuard

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jose import jwk
from jose.exceptions import JOSEError

ALGORITHM: Final = "RS256"
MINIMUM_BITS: Final = 2048
MAXIMUM_BITS: Final = 8192
_PKCS1_V1_5: Final = padding.PKCS1v15()  # RS256 (RFC 7518 §3.3)
_SHA256: Final = hashes.SHA256()
_KID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class KeyRefused(ValueError):
    """A key that must not be used; the text says why."""


@dataclass(slots=True, eq=False)
class VerificationKey:
    """A public RSA key that verifies RS256 and nothing else (RFC 8725 §3.1).

    `usable_until` is set by the key set that has it (see `shared.key_set`).
    """

    kid: str
    _key: Any = field(repr=False)
    usable_until: float = field(default=math.inf, repr=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature is this key's over `signing_input` (RFC 7515 §5.2).

        By the key that python-jose has prepared, with its own parameters: to have it look
        twice whether the key is public, and make the parameters anew, costs 4 % of a check.
        """
        try:
            self._key.prepared_key.verify(signature, signing_input, _PKCS1_V1_5, _SHA256)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def from_jwk(cls, document: object) -> "VerificationKey":
        """Read a public key from a JWK (RFC 7517 §4), or raise `KeyRefused`.

        Takes any JSON value: one bad member of a key set is its own failure only.
        """
        if not isinstance(document, Mapping):
            raise KeyRefused("not a JSON object")
        _check_purpose(document)
        kid = document.get("kid")
        if not is_kid(kid):
            raise KeyRefused("kid is missing or malformed")
        modulus, exponent = _integer(document, "n"), _integer(document, "e")
        _check_numbers(modulus, exponent)
        return cls(kid, _construct(rsa.RSAPublicNumbers(exponent, modulus)))


class SigningKey:
    """A private RSA key that signs with RS256; its `kid` is its thumbprint (RFC 7638)."""

    __slots__ = ("_headers", "_key", "_private", "kid", "public_jwk")

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        _check_numbers(numbers.n, numbers.e)
        members = {"e": _encode_integer(numbers.e), "kty": "RSA", "n": _encode_integer(numbers.n)}
        self._private = private
        self._key: Any = jwk.construct(private, ALGORITHM)
        self._headers: dict[str, bytes] = {}
        self.kid = thumbprint(members)
        self.public_jwk: dict[str, str] = {
            **members,
            "kid": self.kid,
            "use": "sig",
            "alg": ALGORITHM,
        }

    @classmethod
    def generate(cls, bits: int = MINIMUM_BITS) -> "SigningKey":
        """Make a new key; takes 50 ms to seconds of CPU, so call it off the event loop."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    @classmethod
    def from_der(cls, der: bytes) -> "SigningKey":
        """Read a key back from what `to_der` returned, or raise `KeyRefused`."""
        try:
            private = serialization.load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyRefused("not an unencrypted private key") from error
        if not isinstance(private, rsa.RSAPrivateKey):
            raise KeyRefused("not an RSA key")
        return cls(private)

    def to_der(self) -> bytes:
        """Return the private key as unencrypted PKCS #8: the caller encrypts it."""
        return self._private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, payload: bytes, *, typ: str) -> str:
        """Return `payload` as a compact JWS (RFC 7515 §3.1) with `alg`, `typ` and `kid`.

        About 0.3 ms for RSA-2048, so it may be called on the event loop.
        """
        signing_input = self._header(typ) + b"." + encode(payload)
        signature: bytes = self._key.sign(signing_input)
        return (signing_input + b"." + encode(signature)).decode("ascii")

    def verification_key(self) -> VerificationKey:
        """Return the public half."""
        return VerificationKey.from_jwk(self.public_jwk)

    def _header(self, typ: str) -> bytes:
        header = self._headers.get(typ)
        if header is None:
            members = {"alg": ALGORITHM, "typ": typ, "kid": self.kid}
            header = encode(json.dumps(members, separators=(",", ":")).encode())
            self._headers[typ] = header
        return header


def encode(octets: bytes) -> bytes:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


_ALPHANUMERIC: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
# base64url into base64, and every foreign byte into one that base64 lacks.
_IN_BASE64: Final = dict(zip(_ALPHANUMERIC + b"-_", _ALPHANUMERIC + b"+/", strict=True))
_TO_BASE64: Final = bytes(_IN_BASE64.get(byte, ord("*")) for byte in range(256))
# By length modulo 4: the missing padding, and the last characters that leave no spare bit set.
_PADDING: Final = (b"", b"", b"==", b"=")
_LAST: Final = (
    frozenset(_ALPHANUMERIC + b"-_"),
    frozenset(b""),
    frozenset(b"AQgw"),
    frozenset(b"AEIMQUYcgkosw048"),
)
# A JSON string read as base64 by msgspec: strict, and in half the time of `binascii`.
_read_base64: Final = msgspec.json.Decoder(bytes).decode


def decode(segment: bytes) -> bytes:
    """Decode base64url; `ValueError` for padding, spare bits or any other character (RFC 7515 §2).

    Strictness makes the encoding of a signature unique: no second spelling of a token exists.
    """
    remainder = len(segment) & 3
    if not segment or segment[-1] not in _LAST[remainder]:
        raise ValueError("not canonical base64url")
    return _read_base64(b'"' + segment.translate(_TO_BASE64) + _PADDING[remainder] + b'"')


def thumbprint(document: Mapping[str, str]) -> str:
    """Return the thumbprint of an RSA JWK (RFC 7638 §3): SHA-256 over the members that count."""
    members = {member: document[member] for member in ("e", "kty", "n")}  # in this order
    canonical = json.dumps(members, separators=(",", ":"))
    return encode(sha256(canonical.encode()).digest()).decode()


def is_kid(value: object) -> TypeGuard[str]:
    """Tell whether `value` may name a key: 1 to 128 plain characters (RFC 8725 §3.10)."""
    return isinstance(value, str) and _KID.fullmatch(value) is not None


def _construct(numbers: rsa.RSAPublicNumbers) -> Any:
    """Hand over the numbers that were checked, never the document for a second reading."""
    try:
        return jwk.construct(numbers.public_key(), ALGORITHM)
    except (JOSEError, ValueError) as error:
        raise KeyRefused("not a usable RSA key") from error


def _check_purpose(document: Mapping[object, object]) -> None:
    if document.get("kty") != "RSA":
        raise KeyRefused("kty is not RSA")
    if document.get("alg", ALGORITHM) != ALGORITHM:
        raise KeyRefused(f"alg is not {ALGORITHM}")
    if document.get("use", "sig") != "sig":
        raise KeyRefused("use is not sig")
    operations = document.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeyRefused("key_ops lacks verify")
    if _PRIVATE_MEMBERS & document.keys():
        raise KeyRefused("a private or symmetric key where only public ones belong")


def _check_numbers(modulus: int, exponent: int) -> None:
    if not MINIMUM_BITS <= modulus.bit_length() <= MAXIMUM_BITS:
        raise KeyRefused(f"modulus has {modulus.bit_length()} bits")
    if exponent < 65537 or exponent % 2 == 0 or exponent.bit_length() > 64:
        raise KeyRefused("public exponent is even, below 65537 or above 64 bits")
    if modulus % 2 == 0:
        raise KeyRefused("modulus is even")
    if _has_roca_fingerprint(modulus):
        raise KeyRefused("modulus has the ROCA fingerprint (CVE-2017-15361)")


def _powers_of_65537(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, power, prime) for power in range(prime - 1))


_ROCA_PRIMES: Final = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83),
    *(89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)
_ROCA: Final = tuple((prime, _powers_of_65537(prime)) for prime in _ROCA_PRIMES)


def _has_roca_fingerprint(modulus: int) -> bool:
    return all(modulus % prime in powers for prime, powers in _ROCA)


def _integer(document: Mapping[object, object], member: str) -> int:
    """Read a Base64urlUInt, which has no leading zero octet (RFC 7518 §2)."""
    value = document.get(member)
    if not isinstance(value, str):
        raise KeyRefused(f"{member} is missing or malformed")
    try:
        octets = decode(value.encode("ascii"))
    except ValueError as error:
        raise KeyRefused(f"{member} is missing or malformed") from error
    if octets[0] == 0:
        raise KeyRefused(f"{member} has a leading zero octet")
    return int.from_bytes(octets, "big")


def _encode_integer(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode("ascii")
