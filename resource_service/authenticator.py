"""Whose request is it? From the Authorization header to a verified access token."""

from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any, Protocol

from shared.access_token import AccessToken, AccessTokenVerifier
from shared.bearer import bearer_token
from shared.errors import InvalidRequest, OAuthError

Scope = MutableMapping[str, Any]  # of ASGI: what is known of a request before its body


class Authenticator(Protocol):
    """Anything that can say who sent a request. The app has one; it may be replaced."""

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the caller's access token, or raise an `OAuthError`."""
        ...


class BearerAuthenticator:
    """Verifies the token in the Authorization header (RFC 6750 §2.1), and counts.

    Reads the raw ASGI headers: this runs for every request.
    """

    def __init__(self, verifier: AccessTokenVerifier) -> None:
        self.accepted = 0
        self.refused: Counter[tuple[str, str]] = Counter()  # by error code and description
        self._verify = verifier.verify

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the verified token, or raise what `bearer_token` and the verifier raise."""
        try:
            token = await self._verify(bearer_token(_authorization(scope["headers"])))
        except OAuthError as error:
            self.refused[error.error, error.description] += 1
            raise
        self.accepted += 1
        return token


def _authorization(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) > 1:  # RFC 9110 §5.3: not a list, so it may not be repeated
        raise InvalidRequest("more than one Authorization header")
    return values[0].decode("latin-1") if values else None
