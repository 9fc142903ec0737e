"""Whose request is it? From the Authorization header to a verified access token."""

from collections import Counter
from collections.abc import Iterable, MutableMapping
from typing import Any, Protocol

from shared.access_token import AccessToken, AccessTokenVerifier
from shared.bearer import bearer_octets
from shared.errors import InvalidRequest, MissingToken, OAuthError

Scope = MutableMapping[str, Any]  # of ASGI: what is known of a request before its body


class Authenticator(Protocol):
    """Anything that can say who sent a request. The app has one; it may be replaced."""

    def recall(self, scope: Scope) -> AccessToken | None:  # noqa: ARG002 - by default, nothing is
        """Return the caller's token if that is known already; what is None is to be verified."""
        return None

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the caller's access token, or raise an `OAuthError`."""
        ...


class BearerAuthenticator(Authenticator):
    """Verifies the token in the Authorization header (RFC 6750 §2.1), and counts.

    Reads the raw ASGI headers. A header with a token that is good is looked up whole, without
    waiting and without reading it again: most requests bear a token that was seen before.
    """

    def __init__(self, verifier: AccessTokenVerifier) -> None:
        self.accepted = 0
        self.refused: Counter[tuple[str, str]] = Counter()  # by error code and description
        self._verifier = verifier
        self._recall = verifier.recall

    def recall(self, scope: Scope) -> AccessToken | None:
        """Return the token if this header bore it before and it is good still."""
        header = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                if header is not None:
                    return None
                header = value
        if header is None:
            return None
        token = self._recall(header)
        if token is not None:
            self.accepted += 1
        return token

    async def authenticate(self, scope: Scope) -> AccessToken:
        """Return the verified token, or raise what `bearer_octets` and the verifier raise."""
        try:
            header = _authorization(scope["headers"])
            token = await self._verifier.verify_anew(bearer_octets(header), header)
        except OAuthError as error:
            self.refused[error.error, error.description] += 1
            raise
        self.accepted += 1
        return token


def _authorization(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    found = None
    for name, value in headers:
        if name == b"authorization":
            if found is not None:  # RFC 9110 §5.3: it is not a list
                raise InvalidRequest("more than one Authorization header")
            found = value
    if found is None:
        raise MissingToken(reason="no Authorization header")
    return found
