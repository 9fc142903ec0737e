"""The answer to an authorization request: where it goes, and how (RFC 6749 §4.1.2)."""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, urlencode

from shared.errors import OAuthError

ResponseMode = Literal["query", "form_post"]
RESPONSE_MODES: Final = ("query", "form_post")


@dataclass(frozen=True, slots=True)
class Destination:
    """A redirect URI that is known to be the client's, the `state`, and the way to hand it over."""

    redirect_uri: str
    state: str | None
    response_mode: ResponseMode


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """Parameters on their way to the client."""

    destination: Destination
    parameters: dict[str, str]

    @property
    def location(self) -> str:
        """The redirect URI with the parameters added to its query (RFC 6749 §3.1.2)."""
        uri = self.destination.redirect_uri
        separator = "&" if "?" in uri else "?"
        return f"{uri}{separator}{urlencode(self.parameters, quote_via=quote)}"


class RefusedByRedirect(Exception):
    """A request whose refusal the client is to hear of."""

    def __init__(self, destination: Destination, error: OAuthError) -> None:
        super().__init__(str(error))
        self.destination = destination
        self.error = error


def granted(destination: Destination, issuer: str, code: str) -> AuthorizationResponse:
    """Return the answer with the code (RFC 6749 §4.1.2) and `iss` (RFC 9207 §2)."""
    return _response(destination, issuer, {"code": code})


def refused(destination: Destination, issuer: str, error: OAuthError) -> AuthorizationResponse:
    """Return the answer with the error (RFC 6749 §4.1.2.1) and `iss` (RFC 9207 §2)."""
    return _response(destination, issuer, error.body())


def _response(
    destination: Destination, issuer: str, parameters: dict[str, str]
) -> AuthorizationResponse:
    state = {} if destination.state is None else {"state": destination.state}
    return AuthorizationResponse(destination, {**parameters, **state, "iss": issuer})
