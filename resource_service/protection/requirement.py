"""What an endpoint requires of the token, as a dependency (RFC 6750 §3)."""

import inspect
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request, Security

from resource_service.authenticator import Authenticator, Scope
from resource_service.protection.document import BEARER, OAUTH2, security
from shared.access_token import AccessToken
from shared.bearer import challenge
from shared.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    OAuthError,
    TemporarilyUnavailable,
)

# In the ASGI scope of a refused request: the scope that the endpoint requires.
_REQUIRED: Final = "sealgate.required_scope"


@dataclass(frozen=True)
class Protection:
    """How one app is protected; found at `app.sealgate_protection`."""

    authenticator: Authenticator
    issuer: str
    resource: str  # what the tokens' `aud` contains
    resource_metadata: str = ""  # where RFC 9728's document is, if the app has one
    scopes: Mapping[str, str] = field(default_factory=dict)  # each with a description


class Requirement:
    """A dependency that admits tokens with all the scopes it names, and no others.

    With `acr` only those of a user who has logged in in this way (RFC 9470).
    """

    def __init__(self, scope: frozenset[str], acr: str | None = None) -> None:
        self.scope = scope
        self.acr = acr
        # In the ASGI scope of a request that this requirement has admitted, its token.
        self.admitted = f"sealgate.access_token {id(self):x}"
        self._admits_any = not scope and acr is None
        self.security = security(scope)
        keyword = inspect.Parameter.KEYWORD_ONLY
        # FastAPI reads from this what to hand to `__call__`, and what to show in OpenAPI.
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter("request", keyword, annotation=Request),
                inspect.Parameter(
                    "oauth2", keyword, default=Security(OAUTH2, scopes=sorted(scope))
                ),
                inspect.Parameter("bearer", keyword, default=Security(BEARER)),
            ]
        )

    async def __call__(self, request: Request, **_documented: None) -> AccessToken:
        """Admit the request; this is how FastAPI calls it as a dependency."""
        admission = self.admit(request)
        if admission is not None:
            await admission
        token: AccessToken = request.scope[self.admitted]
        return token

    def admit(self, request: Request) -> Coroutine[Any, Any, None] | None:
        """Admit a caller whose token is known; of any other, return what does or refuses it.

        Raises what the authenticator raises, or `InsufficientScope` with every scope that is
        needed (RFC 6750 §3.1), or `InsufficientUserAuthentication` with the `acr` that is
        (RFC 9470 §3).
        """
        scope = request.scope
        authenticator: Authenticator = scope["app"].sealgate_protection.authenticator
        token = authenticator.recall(scope)
        if token is None:
            return self._admit_stranger(authenticator, scope)
        if not self._admits_any:
            self._check(token, scope)
        scope[self.admitted] = token
        return None

    async def _admit_stranger(self, authenticator: Authenticator, scope: Scope) -> None:
        try:
            token = await authenticator.authenticate(scope)
        except OAuthError:
            scope[_REQUIRED] = self.scope
            raise
        self._check(token, scope)
        scope[self.admitted] = token

    def _check(self, token: AccessToken, scope: Scope) -> None:
        """Refuse a token that is good but not enough."""
        if not self.scope <= token.scope:
            scope[_REQUIRED] = self.scope
            raise InsufficientScope(self.scope)
        if self.acr is not None and token.acr != self.acr:
            scope[_REQUIRED] = self.scope
            raise InsufficientUserAuthentication(self.acr)


def requires(*scope: str, acr: str | None = None) -> Requirement:
    """Return a dependency that needs all these scopes; none at all: any valid token will do.

    `acr="2"` needs a log-in with a second factor as well: a client that is refused for it sends
    the user to the issuer with `acr_values=2`, and comes again (RFC 9470 §2).

    The endpoint gets the `AccessToken`. Not checked: whose the thing is that the endpoint
    serves; that is the endpoint's business, by `sub`.
    """
    return Requirement(frozenset(scope), acr)


def challenge_headers(request: Request, error: OAuthError) -> dict[str, str]:
    """Return the challenge if it was the token that was refused (RFC 6750 §3)."""
    required = request.scope.get(_REQUIRED)
    if required is None or isinstance(error, TemporarilyUnavailable):
        return {}
    metadata = request.app.sealgate_protection.resource_metadata
    also = {"resource_metadata": metadata} if metadata else {}
    return {"www-authenticate": challenge(error, scope=required, **also)}
