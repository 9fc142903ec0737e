"""Resources: where access tokens are to be used (RFC 8707).

A grant is for the resource that the client named when it asked for it, or, if it named none, for
the default one, whatever `AUTH_AUDIENCE` calls that by then. Where it is kept, "" stands for none.
Resources are compared character by character.
"""

from collections.abc import Iterable

from auth_service.parameters import Parameters
from auth_service.server import AuthorizationServer
from shared.errors import InvalidTarget


def named(server: AuthorizationServer, parameters: Parameters, *, this_server: bool = False) -> str:
    """Return the resource that a request names; `InvalidTarget` if no tokens are issued for it.

    With `this_server` the issuer is one too: for clients that act for themselves (see
    `tokens.audience`). Not checked: whether a grant is for this resource.
    """
    resource, settings = parameters.get("resource", ""), server.settings
    ours = this_server and resource == settings.issuer
    if resource and not ours and resource not in settings.audiences:
        raise InvalidTarget("tokens for this resource are not issued here")
    return resource


def audience(server: AuthorizationServer, resource: str) -> str:
    """Return the `aud` of tokens for a resource (RFC 9068 §3)."""
    return resource or server.settings.audience


def places(server: AuthorizationServer, resources: Iterable[str]) -> list[str]:
    """Return what people are told of where tokens are good; nothing if only at the default one."""
    at = sorted({audience(server, resource) for resource in resources})
    return [] if at == [server.settings.audience] else at


def spellings(server: AuthorizationServer, resource: str) -> list[str]:
    """Return how a resource may be written where it is kept: the default one in two ways."""
    default = server.settings.audience
    return ["", default] if audience(server, resource) == default else [resource]


def granted(server: AuthorizationServer, resource: str) -> list[str]:
    """Return what a grant may be for that a token request redeems (RFC 8707 §2.2).

    A request that names a resource needs a grant for that one. A request that names none may have
    a grant for any, but not for one that is no resource here any more.
    """
    return spellings(server, resource) if resource else ["", *server.settings.audiences]
