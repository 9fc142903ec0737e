"""`rs256`: the signed access token alone. The replica is `resource_service` with no status list."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from lab.client import Client, Headers, Request
from lab.schemes import SCOPE, Account, LogIn, Person, Places, Scheme, Site


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


async def _seed(_places: Places, people: Sequence[Person]) -> list[Headers]:
    """Nobody has to be told: the issuer's signature is enough."""
    return [(("authorization", f"Bearer {person.token}"),) for person in people]


SCHEME: Final = Scheme(
    name="rs256",
    title="signed access token (JWT)",
    module="resource_service",
    log_in=_log_in,
    seed=_seed,
    settings={"RESOURCE_STATUS_POLL": "0"},
)
