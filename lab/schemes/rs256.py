"""`rs256`: the signed access token, as in production. The replica is `resource_service` itself."""

from http import HTTPStatus
from typing import Final

from lab.client import Client, Request
from lab.schemes import SCOPE, Account, LogIn, Scheme, Site


async def _log_in(http: Client, site: Site, account: Account) -> LogIn:
    """Get an access token by the password grant (RFC 6749 §4.3), as a public client."""
    request = Request.form(
        f"{site.issuer}/token",
        [
            ("grant_type", "password"),
            ("client_id", account.public_client_id),
            ("username", account.username),
            ("password", account.password),
            ("scope", SCOPE),
        ],
    )
    response = await http.send(request)
    if response.status != HTTPStatus.OK:
        return LogIn(request, response, credential=())
    token = response.json()["access_token"]
    return LogIn(request, response, credential=(("authorization", f"Bearer {token}"),))


SCHEME: Final = Scheme(
    name="rs256",
    title="signed access token (JWT)",
    module="resource_service",
    log_in=_log_in,
)
