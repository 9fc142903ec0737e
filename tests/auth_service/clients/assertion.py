"""Client assertions, made apart from the code under test but for the signature."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from shared.jws import SigningKey

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ISSUER = "http://127.0.0.1:8000"


class Signer:
    """Signs assertions; `None` leaves a claim out."""

    def __init__(self, key: SigningKey, now: Callable[[], float]) -> None:
        self.key = key
        self._now = now

    def assertion(
        self,
        client_id: str = "keyed",
        *,
        typ: str = "JWT",
        key: SigningKey | None = None,
        **claims: Any,
    ) -> str:
        now = int(self._now())
        usual = {
            "iss": client_id,
            "sub": client_id,
            "aud": ISSUER,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        members = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        return (key or self.key).sign(json.dumps(members).encode(), typ=typ)

    def form(self, client_id: str = "keyed", **claims: Any) -> dict[str, str]:
        """Return what authenticates the client in a form."""
        return with_assertion(self.assertion(client_id, **claims))


def with_assertion(assertion: str) -> dict[str, str]:
    return {"client_assertion_type": TYPE, "client_assertion": assertion}
