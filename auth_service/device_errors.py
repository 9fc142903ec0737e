"""Error codes that only a device which polls gets to see (RFC 8628 §3.5)."""

from shared.errors import OAuthError


class AuthorizationPending(OAuthError):
    """Nobody has said yes or no yet; ask again after the interval (RFC 8628 §3.5)."""

    error = "authorization_pending"


class SlowDown(OAuthError):
    """The same, and the device asked too soon: from now on 5 s more between two polls."""

    error = "slow_down"


class ExpiredToken(OAuthError):
    """The device code has expired; begin again (RFC 8628 §3.5)."""

    error = "expired_token"


class DeviceDenied(OAuthError):
    """The person said no (RFC 8628 §3.5); 400, as every error of the token endpoint."""

    error = "access_denied"
