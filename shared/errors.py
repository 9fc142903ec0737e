"""OAuth errors: one exception family, one class per error code of the standards."""

from typing import ClassVar


class OAuthError(Exception):
    """A request refused with an error code.

    `description` is shown to the client; `reason` goes to our log only.
    """

    error: ClassVar[str]
    status_code: ClassVar[int] = 400

    def __init__(self, description: str = "", *, reason: str = "") -> None:
        super().__init__(reason or description or self.error)
        self.description = description
        self.reason = reason

    def body(self) -> dict[str, str]:
        """Return the JSON members of RFC 6749 §5.2."""
        body = {"error": self.error}
        if self.description:
            body["error_description"] = self.description
        return body


class InvalidRequest(OAuthError):
    """A parameter is missing, repeated, unknown or malformed (RFC 6749 §5.2, RFC 6750 §3.1)."""

    error = "invalid_request"


class InvalidClient(OAuthError):
    """Client authentication failed (RFC 6749 §5.2)."""

    error = "invalid_client"
    status_code = 401


class InvalidGrant(OAuthError):
    """The grant is invalid, expired, revoked or another client's (RFC 6749 §5.2).

    One public text for every cause: which one it was is for our log only.
    """

    error = "invalid_grant"

    def __init__(self, *, reason: str) -> None:
        super().__init__("the grant is invalid, expired or revoked", reason=reason)


class UnsupportedGrantType(OAuthError):
    """This server does not offer the grant type (RFC 6749 §5.2)."""

    error = "unsupported_grant_type"


class UnauthorizedClient(OAuthError):
    """This client may not use the grant type (RFC 6749 §5.2)."""

    error = "unauthorized_client"


class InvalidScope(OAuthError):
    """The scope is unknown, malformed or exceeds what was granted (RFC 6749 §5.2)."""

    error = "invalid_scope"


class InvalidTarget(OAuthError):
    """The requested resource is unknown or not to be had here (RFC 8707 §2)."""

    error = "invalid_target"


class MissingToken(OAuthError):
    """No access token was presented: a bare challenge, no error code (RFC 6750 §3.1)."""

    error = "unauthorized"
    status_code = 401


class InvalidToken(OAuthError):
    """The access token is expired, revoked, malformed or not ours (RFC 6750 §3.1)."""

    error = "invalid_token"
    status_code = 401


class InsufficientScope(OAuthError):
    """The access token lacks a scope this resource needs (RFC 6750 §3.1).

    `scope` is every scope that the resource needs, for the challenge.
    """

    error = "insufficient_scope"
    status_code = 403

    def __init__(self, scope: frozenset[str]) -> None:
        super().__init__(f"this needs the scope {' '.join(sorted(scope))}")
        self.scope = scope


class InsufficientUserAuthentication(OAuthError):
    """The user logged in by weaker means than this resource needs (RFC 9470 §3).

    `acr` is the class of log-in that it needs, for the challenge.
    """

    error = "insufficient_user_authentication"
    status_code = 401

    def __init__(self, acr: str) -> None:
        super().__init__("this needs a stronger log-in")
        self.acr = acr


class AccessDenied(OAuthError):
    """The server refuses, or what proves the caller's right is wrong (RFC 9110 §15.5.4)."""

    error = "access_denied"
    status_code = 403


class NotFound(OAuthError):
    """There is nothing here, or nothing that this caller may see (RFC 9110 §15.5.5)."""

    error = "not_found"
    status_code = 404


class Conflict(OAuthError):
    """The request contradicts what is stored (RFC 9110 §15.5.10)."""

    error = "conflict"
    status_code = 409


class ContentTooLarge(OAuthError):
    """The body is longer than we read (RFC 9110 §15.5.14)."""

    error = "content_too_large"
    status_code = 413


class UnsupportedMediaType(OAuthError):
    """The body is of a media type that this endpoint does not read (RFC 9110 §15.5.16)."""

    error = "unsupported_media_type"
    status_code = 415


class TooManyRequests(OAuthError):
    """Too much of this came lately; the caller may come again later (RFC 6585 §4).

    `retry_after` is in seconds.
    """

    error = "too_many_requests"
    status_code = 429

    def __init__(self, *, retry_after: int, reason: str = "") -> None:
        super().__init__("too many attempts; wait before the next one", reason=reason)
        self.retry_after = retry_after


class ServerError(OAuthError):
    """Something unforeseen; the log has the detail, the client has not (RFC 6749 §4.1.2.1)."""

    error = "server_error"
    status_code = 500


class TemporarilyUnavailable(OAuthError):
    """We cannot know, or cannot do it now; the caller may come again (RFC 6749 §4.1.2.1).

    `retry_after` is in seconds (RFC 9110 §10.2.3).
    """

    error = "temporarily_unavailable"
    status_code = 503

    def __init__(self, description: str = "", *, reason: str = "", retry_after: int = 1) -> None:
        super().__init__(description, reason=reason)
        self.retry_after = retry_after
