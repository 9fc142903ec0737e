"""One-time codes from a shared secret and the time (RFC 6238, RFC 4226)."""

import base64
import hmac
import secrets
from typing import Final
from urllib.parse import quote, urlencode

STEP: Final = 30  # seconds
DIGITS: Final = 6
_SECRET: Final = 20  # octets (RFC 4226 §4, R6)
_DRIFT: Final = (0, -1, 1)  # steps that a clock may be off, and a person slow (RFC 6238 §6)


def new_secret() -> bytes:
    """Make a secret."""
    return secrets.token_bytes(_SECRET)


def code(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """Return the code of a time step (RFC 4226 §5.3, with SHA-1 as every generator has it)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: bytes, presented: str, now: float) -> int | None:
    """Return the step whose code this is, if it is one of now; None if not.

    Not checked: whether the code has come before.
    """
    current = int(now // STEP)
    found = None
    for drift in _DRIFT:
        if hmac.compare_digest(code(secret, current + drift).encode(), presented.encode()):
            found = current + drift
    return found


def text(secret: bytes) -> str:
    """Return the secret as people type it into a generator."""
    return base64.b32encode(secret).decode("ascii")


def uri(secret: bytes, issuer: str, username: str) -> str:
    """Return what a generator reads from a QR code."""
    label = quote(f"{issuer}:{username}", safe="")
    query = urlencode({"secret": text(secret), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
