"""The Bearer scheme: reading the token, and the challenge on refusal (RFC 6750)."""

from typing import Final

from shared.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidRequest,
    MissingToken,
    OAuthError,
)

_B64TOKEN: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"


def bearer_token(authorization: str | None) -> str:
    """Read the token from an Authorization header, or from None if there was none."""
    if authorization is None:
        raise MissingToken(reason="no Authorization header")
    return bearer_octets(authorization.encode("latin-1", "replace")).decode("ascii")


def bearer_octets(authorization: bytes) -> bytes:
    """Read the token from an Authorization header (RFC 6750 §2.1, RFC 9110 §11.4).

    The scheme in any case, one space or more, one b64token: 1*( ALPHA / DIGIT / "-" / "." / "_" /
    "~" / "+" / "/" ) *"=". Another scheme is no token at all (`MissingToken`); Bearer with
    anything else after it is `InvalidRequest`. The caller sees to it that the header came once.
    A token in the query string or in a form is not looked for (RFC 9700 §4.3.2). How long the
    token may be is the verifier's business.
    """
    scheme, _, credentials = authorization.partition(b" ")
    if scheme.lower() != b"bearer":
        # Not which one: where no scheme was sent, this word is the secret itself.
        raise MissingToken(reason="another scheme than Bearer")
    token = credentials.strip(b" ")
    characters = token.rstrip(b"=")
    if not characters or characters.translate(None, _B64TOKEN):
        raise InvalidRequest("malformed Authorization header")
    return token


def challenge(error: OAuthError, *, scope: frozenset[str] = frozenset(), **also: str) -> str:
    """Build the WWW-Authenticate value that goes with an error (RFC 6750 §3).

    Without a token the challenge bears no error code (§3.1). `also` holds further
    auth-params, such as `resource_metadata` (RFC 9728 §5.1).
    """
    parameters = {"realm": "sealgate"}
    if not isinstance(error, MissingToken):
        parameters["error"] = error.error
        if error.description:
            parameters["error_description"] = error.description
    if isinstance(error, InsufficientScope):
        scope = error.scope
    if isinstance(error, InsufficientUserAuthentication):
        parameters["acr_values"] = error.acr
    if scope:
        parameters["scope"] = " ".join(sorted(scope))
    parameters |= also
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items())


def _quoted(value: str) -> str:
    """Keep what RFC 6750 §3 allows inside the quotes: printable ASCII but " and backslash."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in value)
