"""Error codes that only the authorization endpoint knows."""

from shared.errors import OAuthError


class UnsupportedResponseType(OAuthError):
    """This server does not offer the response type (RFC 6749 §4.1.2.1)."""

    error = "unsupported_response_type"


class LoginRequired(OAuthError):
    """Nobody is logged in, or not the one who is asked for (OIDC Core §3.1.2.6)."""

    error = "login_required"


class ConsentRequired(OAuthError):
    """The user has not agreed to all of this yet (OIDC Core §3.1.2.6)."""

    error = "consent_required"


class AccountSelectionRequired(OAuthError):
    """The user has to choose an account, but may not be asked (OIDC Core §3.1.2.6)."""

    error = "account_selection_required"


class RequestNotSupported(OAuthError):
    """Request objects are not taken (OIDC Core §3.1.2.6)."""

    error = "request_not_supported"


class RequestUriNotSupported(OAuthError):
    """Request objects by reference are not taken (OIDC Core §3.1.2.6)."""

    error = "request_uri_not_supported"


class InvalidRequestUri(OAuthError):
    """The pushed request is unknown, used or expired (RFC 9101 §4, RFC 9126 §2.2)."""

    error = "invalid_request_uri"


class RegistrationNotSupported(OAuthError):
    """Registration within the request is not offered (OIDC Core §3.1.2.6)."""

    error = "registration_not_supported"


class UnmetAuthenticationRequirements(OAuthError):
    """No log-in here is as strong as asked for (OIDC Core §5.5.1.1)."""

    error = "unmet_authentication_requirements"
