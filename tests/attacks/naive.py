"""A verifier as people really write it.

Without a flaw switched on it is correct, if slow, so that an attack which fools it with one
flaw, and not without, has been seen to work by that flaw. It stands on `cryptography` and the
standard library alone and shares no code with the verifier that it is compared with.
"""

import base64
import json
import unicodedata
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.attacks.flaws import Flaw, Refused
from tests.attacks.naive_signature import NaiveSignature

Json = dict[str, Any]
LEEWAY = 30  # seconds


class NaiveVerifier:
    """Verifies access tokens, but for its flaws."""

    def __init__(
        self,
        flaws: Flaw,
        *,
        signature: NaiveSignature,
        decryption_key: rsa.RSAPrivateKey,
        issuer: str,
        audience: str,
        now: float,
    ) -> None:
        self._flaws = flaws
        self._signature = signature
        self._decryption_key = decryption_key
        self._issuer = issuer
        self._audience = audience
        self._now = now

    def verify(self, token: str) -> Json:
        """Return the claims, or raise `Refused`; anything else raised would be a 500."""
        try:
            return self._verify(token)
        except (ValueError, TypeError, RecursionError, KeyError, AttributeError) as error:
            if self._has(Flaw.CRASHES):
                raise
            raise Refused(repr(error)) from error

    def _has(self, flaw: Flaw) -> bool:
        return bool(flaw & self._flaws)

    def _verify(self, token: str) -> Json:
        if self._has(Flaw.JWE_TRUSTED) and token.count(".") == 4:
            return json.loads(self._decrypted(token))  # type: ignore[no-any-return]
        protected, payload, signature = self._parts(token)
        header = self._object(protected)
        self._check_header(header)
        if not self._signature.is_signed(
            header, f"{protected}.{payload}".encode(), self._octets(signature)
        ):
            raise Refused("signature")
        if self._has(Flaw.NESTED_UNCHECKED) and header.get("cty") == "JWT":
            payload = self._octets(payload).decode().split(".")[1]
        claims = self._object(payload, signed=True)
        self._check_claims(claims)
        return claims

    # How the token is read

    def _parts(self, token: str) -> list[str]:
        if len(token) > 8192 and not self._has(Flaw.UNBOUNDED):
            raise Refused("length")
        if self._has(Flaw.JSON_SERIALISATION) and token.startswith("{"):
            document = json.loads(token)
            signed = document | document.get("signatures", [{}])[0]
            return [signed["protected"], signed["payload"], signed["signature"]]
        if self._has(Flaw.TIDIES_INPUT):
            token = "".join(unicodedata.normalize("NFKC", token).strip("\ufeff").split())
        parts = token.split(".")
        if self._has(Flaw.EXTRA_PARTS):
            parts = [*parts, "", ""][:3]
        if len(parts) != 3:
            raise Refused("parts")
        return parts

    def _octets(self, part: str) -> bytes:
        octets = base64.urlsafe_b64decode(part.encode("ascii") + b"==")
        exact = part == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
        if not exact and not self._has(Flaw.LOOSE_BASE64):
            raise Refused("base64url")
        return octets

    def _object(self, part: str, *, signed: bool = False) -> Json:
        octets = self._octets(part)
        if self._has(Flaw.LOOSE_TEXT):
            value = _guessed_json(octets)
        else:
            text = octets.decode("utf-8")
            loose = signed or self._has(Flaw.REPEATS)
            value = json.loads(text, object_pairs_hook=dict if loose else _once)
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            if signed and "\\u0000" in text:
                raise Refused("NUL")
        if isinstance(value, dict) or self._has(Flaw.CRASHES):
            return value  # type: ignore[no-any-return]
        if self._has(Flaw.CLAIMS_OPTIONAL):
            return {}  # there is nothing in it that could be wrong
        raise Refused("not an object")

    def _check_header(self, header: Json) -> None:
        typ = str(header.get("typ")).lower()
        if typ not in ("at+jwt", "application/at+jwt") and not self._has(Flaw.ANY_TYP):
            raise Refused("typ")
        if "cty" in header and not self._has(Flaw.NESTED_UNCHECKED):
            raise Refused("cty")
        if {"crit", "b64", "enc", "zip"} & header.keys() and not self._has(Flaw.CRIT_IGNORED):
            raise Refused("crit")

    def _decrypted(self, token: str) -> bytes:
        """RSA-OAEP-256 and A256GCM (RFC 7516 §5.2)."""
        protected, *parts = token.split(".")
        key, iv, ciphertext, tag = (base64.urlsafe_b64decode(part + "==") for part in parts)
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        content_key = self._decryption_key.decrypt(key, oaep)
        return AESGCM(content_key).decrypt(iv, ciphertext + tag, protected.encode())

    # What it says

    def _check_claims(self, claims: Json) -> None:
        for name in ("sub", "client_id", "jti"):
            self._claim(claims, name, str)
        self._check_iss(self._claim(claims, "iss", str))
        self._check_aud(claims.get("aud"))
        exp, iat = self._claim(claims, "exp", int), self._claim(claims, "iat", int)
        nbf = self._claim(claims, "nbf", int) if claims.get("nbf") is not None else None
        if exp is not None and exp <= self._now - LEEWAY and not self._has(Flaw.EXP_IGNORED):
            raise Refused("exp")
        if iat is not None and iat > self._now + LEEWAY and not self._has(Flaw.IAT_IGNORED):
            raise Refused("iat")
        if nbf is not None and nbf > self._now + LEEWAY and not self._has(Flaw.NBF_IGNORED):
            raise Refused("nbf")
        if claims.get("cnf") is not None and not self._has(Flaw.BOUND_AS_BEARER):
            raise Refused("cnf")
        if not isinstance(claims.get("scope", ""), str) and not self._has(Flaw.CLAIMS_OPTIONAL):
            raise Refused("scope")

    def _claim(self, claims: Json, name: str, kind: type) -> Any:
        value: Any = claims.get(name)
        size = len(value) if isinstance(value, str) else value
        if type(value) is kind and (1 <= size <= 255 if kind is str else 0 <= size <= 2**53):
            return value
        if self._has(Flaw.CLAIMS_OPTIONAL):
            return None
        raise Refused(name)

    def _check_iss(self, iss: str | None) -> None:
        if self._has(Flaw.ANY_ISS) or iss is None:
            return
        if self._has(Flaw.LOOSE_ISS):
            iss = unicodedata.normalize("NFKC", iss).rstrip("/").lower()
        if iss != self._issuer:
            raise Refused("iss")

    def _check_aud(self, aud: object) -> None:
        if self._has(Flaw.ANY_AUD) or (not aud and self._has(Flaw.CLAIMS_OPTIONAL)):
            return
        if self._has(Flaw.AUD_BY_CONTAINMENT) and self._audience in str(aud):
            return
        audiences = aud if isinstance(aud, list) else [aud]
        if self._audience not in audiences or not all(isinstance(one, str) for one in audiences):
            raise Refused("aud")


Naive = Callable[[Flaw], NaiveVerifier]  # makes one with these flaws


def _guessed_json(octets: bytes) -> Any:
    try:
        return json.loads(octets)  # UTF-8, -16 or -32, whatever it looks like
    except UnicodeDecodeError:
        return json.loads(octets.decode("latin-1"))


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise Refused("repeated member")
    return dict(pairs)
