"""`none`: nobody is asked who they are. The control: what all else is compared with."""

import time
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI

from lab.client import Client, Headers, Request
from lab.schemes import SCOPE, Account, LogIn, Person, Places, Scheme, Site, serving
from resource_service.app import create_app as create_resource_app
from resource_service.authenticator import Authenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken


class AnyoneAuthenticator(Authenticator):
    """Takes everybody for the same person."""

    def __init__(self, settings: Settings) -> None:
        now = int(time.time())
        self._anyone = AccessToken(
            iss=settings.issuer,
            sub="5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
            aud=settings.audience,
            exp=now + 3600,
            iat=now,
            jti="b3Nq1yqJr0m4cPqO2mYw3A",
            client_id="anyone",
            scope_value=SCOPE,
        )

    async def authenticate(self, scope: Scope) -> AccessToken:  # noqa: ARG002 - that is the point
        """Return the same claims for every request."""
        return self._anyone


def create_app(settings: Settings) -> FastAPI:
    """Build the production app with this authenticator."""
    return create_resource_app(settings, authenticator=AnyoneAuthenticator(settings))


async def _log_in(http: Client, site: Site, _account: Account) -> LogIn:
    """Ask once; there is nothing to log in to."""
    request = Request("GET", f"{site.api}/whoami")
    return LogIn(request, await http.send(request), credential=())


async def _seed(_places: Places, people: Sequence[Person]) -> list[Headers]:
    return [() for _ in people]


SCHEME: Final = Scheme(
    name="none",
    title="no authentication (control)",
    module="lab.schemes.none",
    log_in=_log_in,
    seed=_seed,
)

if __name__ == "__main__":
    serving.main(create_app)
