"""Proof Key for Code Exchange (RFC 7636), with S256 only (RFC 9700 §2.1.1)."""

import hashlib
import re
from typing import Final

from auth_service.parameters import Parameters
from shared import jws
from shared.errors import InvalidGrant, InvalidRequest

METHOD: Final = "S256"
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 as base64url
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 §4.1


def challenge(parameters: Parameters, *, required: bool) -> str | None:
    """Return the `code_challenge` of an authorization request (RFC 7636 §4.3), if it has one.

    `InvalidRequest` if it is missing though `required`, malformed, or of another method: one
    that is not named is `plain`.
    """
    code_challenge = parameters.get("code_challenge")
    method = parameters.get("code_challenge_method")
    if code_challenge is None:
        if required or method is not None:
            raise InvalidRequest("code_challenge is missing (RFC 7636)")
        return None
    if method != METHOD:
        raise InvalidRequest(f"code_challenge_method must be {METHOD}")
    if not _CHALLENGE.fullmatch(code_challenge):
        raise InvalidRequest("code_challenge is malformed")
    return code_challenge


def challenge_of(code_verifier: str | None) -> str | None:
    """Return the challenge that this verifier meets (RFC 7636 §4.6); None for no verifier."""
    if code_verifier is None:
        return None
    if not _VERIFIER.fullmatch(code_verifier):
        raise InvalidGrant(reason="malformed code_verifier")
    return jws.encode(hashlib.sha256(code_verifier.encode("ascii")).digest()).decode("ascii")
