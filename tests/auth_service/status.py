"""What the issuer says of tokens, read back as a verifier reads it."""

import json
from typing import Any

from shared import jws
from shared.status_list import unpack

LIST = "/status-lists/0"


def claims(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    decoded: dict[str, Any] = json.loads(jws.decode(token.split(".")[1].encode()))
    return decoded


def place(token: str) -> int:
    """Return the index in the first list that a token points to."""
    reference = claims(token)["status"]["status_list"]
    assert reference["uri"] == "http://127.0.0.1:8000/status-lists/0"
    idx: int = reference["idx"]
    return idx


async def revoked(issuer: Any) -> set[int]:
    """Return the indexes that are set in the first list."""
    response = await issuer.http.get(LIST)
    assert response.status_code == 200, response.text
    octets = unpack(claims(response.text)["status_list"]["lst"])
    return {
        8 * number + bit
        for number, octet in enumerate(octets)
        if octet  # of 16,384 nearly none is
        for bit in range(8)
        if octet >> bit & 1
    }


async def is_revoked(issuer: Any, token: str) -> bool:
    """Tell whether a token's bit is set."""
    return place(token) in await revoked(issuer)
