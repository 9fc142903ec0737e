"""What `AccessTokenVerifier.verify` costs, over a raw RSA-2048 verification in `cryptography`."""

import secrets
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from lab.bench.measure import SERVER_CORE, Ratio, pinned
from shared.access_token import TYPE, AccessTokenVerifier
from shared.jws import SigningKey, VerificationKey, decode

ISSUER = "http://127.0.0.1:8000"
AUDIENCE = "http://127.0.0.1:8080"
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_BLOCK = 500  # tokens verified by each of the three in turn


class OneKey:
    """A key set of one key that is always at hand."""

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    def trusted(self, kid: str) -> VerificationKey | None:
        """Return the key, if it is this one."""
        return self._key if kid == self._key.kid else None

    async def key(self, kid: str) -> VerificationKey | None:
        """Return the key, if it is this one."""
        return self.trusted(kid)


def sign_tokens(
    key: SigningKey, count: int, *, lifetime: int = 3600, also: Mapping[str, object] = NOTHING
) -> list[str]:
    """Make tokens like those that the auth service issues to a person, all different.

    `lifetime` is in seconds; `also` are more claims.
    """
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
        "exp": now + lifetime,
        "iat": now,
        "client_id": "demo",
        "scope": "notes:read notes:write",
        "auth_time": now,
        "amr": ["pwd"],
        "sid": secrets.token_urlsafe(16),
        **also,
    }
    return [
        key.sign(msgspec.json.encode(claims | {"jti": secrets.token_urlsafe(16)}), typ=TYPE)
        for _ in range(count)
    ]


async def measure(rounds: int) -> dict[str, Ratio]:
    """Return `verify_ratio` (no cache) and `verify_cached_ratio` (every token seen before)."""
    signing_key = SigningKey.generate()
    public = _public_key(signing_key)
    keys = OneKey(signing_key.verification_key())
    tokens = sign_tokens(signing_key, _BLOCK)
    signed = [_taken_apart(token) for token in tokens]
    uncached = AccessTokenVerifier(keys, ISSUER, AUDIENCE, remember=0)
    cached = AccessTokenVerifier(keys, ISSUER, AUDIENCE)
    for token in tokens:
        await cached.verify(token)

    new, repeated = [], []
    with pinned(SERVER_CORE):
        for _ in range(rounds * 20):
            raw = _cpu_of_raw(public, signed)
            new.append(await _cpu_of_verify(uncached, tokens) / raw)
            repeated.append(await _cpu_of_verify(cached, tokens) / raw)
    return {"verify_ratio": Ratio.of(new), "verify_cached_ratio": Ratio.of(repeated)}


def _public_key(signing_key: SigningKey) -> RSAPublicKey:
    public = load_der_private_key(signing_key.to_der(), password=None).public_key()
    assert isinstance(public, RSAPublicKey)  # noqa: S101 - a SigningKey is RSA
    return public


def _taken_apart(token: str) -> tuple[bytes, bytes]:
    message, _, signature = token.encode().rpartition(b".")
    return message, decode(signature)


def _cpu_of_raw(public: RSAPublicKey, signed: list[tuple[bytes, bytes]]) -> float:
    started = time.process_time()
    for message, signature in signed:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    return time.process_time() - started


async def _cpu_of_verify(verifier: AccessTokenVerifier, tokens: list[str]) -> float:
    # Copies, as each request brings its own: a string remembers the hash that a look-up makes.
    fresh = [(token + " ")[:-1] for token in tokens]
    started = time.process_time()
    for token in fresh:
        await verifier.verify(token)
    return time.process_time() - started
