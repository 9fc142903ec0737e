"""Finding out what a URL is: an API, or an issuer."""

from dataclasses import dataclass
from typing import Final, Literal

from resource_service.doctor.challenges import bearer
from resource_service.doctor.client import Answer, Client
from resource_service.doctor.urls import ancestors, well_known

RESOURCE_METADATA: Final = "oauth-protected-resource"
SERVER_METADATA: Final = "oauth-authorization-server"
OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True)
class Target:
    """What there is to examine; `identifier` is the API's or the issuer's own name."""

    kind: Literal["resource", "issuer"]
    identifier: str


async def find_target(client: Client, url: str) -> Target | None:
    """Find out what is at this URL, or return None; raises `NoAnswer`.

    Good metadata decide, then metadata that are broken, then a Bearer challenge. An API is
    found at its own address or at any address below it: the nearest metadata above count.
    """
    resource = await _resource(client, url)
    if resource and _has(resource[1], "resource"):
        return Target("resource", resource[0])
    servers = [await client.get(address) for address in _server_metadata(url)]
    if any(_has(answer, "issuer") for answer in servers):
        return Target("issuer", url)
    if resource:
        return Target("resource", resource[0])
    if any(answer.status != _NOT_FOUND for answer in servers):
        return Target("issuer", url)
    answer = await client.ask("GET", url)
    challenged = bearer(answer.headers.get_list("www-authenticate"))
    if challenged or answer.status == _UNAUTHORIZED:
        return Target("resource", url)
    return None


def _has(answer: Answer, member: str) -> bool:
    return member in (answer.document() or {})


async def _resource(client: Client, url: str) -> tuple[str, Answer] | None:
    for identifier in ancestors(url):
        answer = await client.get(well_known(identifier, RESOURCE_METADATA))
        if answer.status != _NOT_FOUND:
            return identifier, answer
    return None


def _server_metadata(url: str) -> tuple[str, str]:
    return well_known(url, SERVER_METADATA), url.rstrip("/") + OPENID_CONFIGURATION
