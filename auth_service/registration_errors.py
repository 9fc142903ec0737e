"""Error codes of client registration (RFC 7591 §3.2.2)."""

from shared.errors import OAuthError


class InvalidRedirectUri(OAuthError):
    """A redirect URI must not be registered (RFC 7591 §3.2.2)."""

    error = "invalid_redirect_uri"


class InvalidClientMetadata(OAuthError):
    """The client says something of itself that cannot be registered (RFC 7591 §3.2.2)."""

    error = "invalid_client_metadata"
