"""Who takes part in an attack: the issuer, the resource, and what an attacker can lay hands on."""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from shared import jws
from shared.access_token import AccessTokenVerifier
from shared.errors import InvalidToken
from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet

ISSUER: Final = "https://issuer.example"
AUDIENCE: Final = "https://api.example"
ABSENT: Final = object()  # as the value of a member: leave it out

Sign = Callable[[bytes], bytes]
Json = Mapping[str, Any] | bytes


class Keys(KeySet):
    """A key set that notes what it is asked for."""

    def __init__(self, *keys: VerificationKey) -> None:
        super().__init__(*keys)
        self.asked_for: list[str] = []

    async def key(self, kid: str) -> VerificationKey | None:
        self.asked_for.append(kid)
        return await super().key(kid)


class Party:
    """Somebody with an RSA key, who can sign whatever comes to mind."""

    def __init__(self, private: rsa.RSAPrivateKey | None = None) -> None:
        self.private = private or rsa.generate_private_key(65537, 2048)
        self.signing_key = SigningKey(self.private)
        self.kid = self.signing_key.kid
        self.jwk = self.signing_key.public_jwk

    @property
    def public(self) -> rsa.RSAPublicKey:
        return self.private.public_key()

    @property
    def pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.public.public_bytes(serialization.Encoding.PEM, form)

    @cached_property
    def certificate(self) -> str:
        """Our own certificate of our own key, as a member of x5c (RFC 7515 §4.1.6)."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder(name, name, self.public, x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.private, hashes.SHA256())
        )
        return b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()

    def rs256(self, message: bytes) -> bytes:
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


class World:
    """An issuer and its audience, an attacker, and keys that must no longer or never count."""

    def __init__(self) -> None:
        self.issuer = Party()
        self.attacker = Party()
        self.retired = Party()
        self.resource = Party()  # its key for decryption, which signs nothing
        self.now = int(time.time())

    def header(self, **changes: Any) -> dict[str, Any]:
        return _changed({"alg": "RS256", "typ": "at+jwt", "kid": self.issuer.kid}, changes)

    def claims(self, **changes: Any) -> dict[str, Any]:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
            "client_id": "demo",
            "jti": "8GcVdtcJrGNHJ0vq",
            "iat": self.now,
            "exp": self.now + 300,
            "scope": "notes:read notes:write",
        }
        return _changed(claims, changes)

    def token(
        self, header: Json | None = None, claims: Json | None = None, sign: Sign | None = None
    ) -> str:
        """Make a token, right in all that is not given; bytes are taken as they are."""
        message = self.message(header, claims)
        return message + "." + text((sign or self.issuer.rs256)(message.encode()))

    def message(self, header: Json | None = None, claims: Json | None = None) -> str:
        """Make what is signed: the first two parts of a token."""
        parts = (self.header() if header is None else header, claims or self.claims())
        return ".".join(text(_octets(part)) for part in parts)


@cache
def the_world() -> World:
    """Make it once: keys take a second."""
    return World()


async def refusal(verifier: AccessTokenVerifier, token: str) -> str | None:
    """Return what the client would be told, or None if the token is good."""
    try:
        await verifier.verify(token)
    except InvalidToken as error:
        return error.description
    return None


def text(octets: bytes) -> str:
    """Encode as base64url."""
    return jws.encode(octets).decode("ascii")


def _octets(value: Json) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | changes).items() if value is not ABSENT}
