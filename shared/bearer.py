"""The Bearer scheme: reading the token, and the challenge on refusal (RFC 6750)."""

from shared.errors import InsufficientScope, InvalidRequest, MissingToken, OAuthError


def bearer_token(authorization: str | None) -> str:
    """Read the token from an Authorization header (RFC 6750 §2.1).

    A token in the query string or in a form is not looked for (RFC 9700 §4.3.2).
    """
    if authorization is None:
        raise MissingToken(reason="no Authorization header")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise MissingToken(reason=f"scheme {scheme[:16]!r}")
    token = token.strip(" ")
    if not token or " " in token:
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
    if scope:
        parameters["scope"] = " ".join(sorted(scope))
    parameters |= also
    return "Bearer " + ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters.items())


def _quoted(value: str) -> str:
    """Keep what RFC 6750 §3 allows inside the quotes: printable ASCII but " and backslash."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in value)
