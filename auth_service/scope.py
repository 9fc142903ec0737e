"""Access token scope: its syntax, and what a client gets of what it asks (RFC 6749 §3.3)."""

import re
from collections.abc import Collection
from typing import Final

from shared.errors import InvalidScope

ADMIN: Final = "admin"
OPENID: Final = "openid"
OFFLINE_ACCESS: Final = "offline_access"
# OIDC Core §5.4, §11: about the user, not about what a resource lets a client do.
ABOUT_USER: Final = (OPENID, "profile", "email", "address", "phone", OFFLINE_ACCESS)
# Of the resources that come with this service; a client may be registered for others.
ADVERTISED: Final = (*ABOUT_USER, "notes:read", "notes:write")
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")


def parse(value: str) -> frozenset[str]:
    """Read a scope string; `InvalidScope` if it is malformed."""
    if not _SCOPE.fullmatch(value):
        raise InvalidScope("the scope is malformed")
    return frozenset(value.split(" "))


def render(scope: frozenset[str]) -> str:
    """Write a scope string; the order means nothing and is always the same."""
    return " ".join(sorted(scope))


def in_order(scope: frozenset[str]) -> list[str]:
    """Return it as people read it: what is about them first, as OIDC Core has it; then by name."""
    return [one for one in ABOUT_USER if one in scope] + sorted(scope - set(ABOUT_USER))


def may_refresh(grant_types: Collection[str], scope: frozenset[str]) -> bool:
    """Tell whether a client gets a refresh token for a user who granted this scope.

    In an OpenID request only with `offline_access` (OIDC Core §11); in any other whenever the
    client may refresh.
    """
    return "refresh_token" in grant_types and (OPENID not in scope or OFFLINE_ACCESS in scope)


def asked_of_user(requested: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """Return what a user is asked to grant; `InvalidScope` for anything beyond `allowed`.

    In an OpenID request what is beyond is left out (OIDC Core §3.1.2.1); the client is told in the
    token response. `admin` is not a user's to give.
    """
    allowed -= {ADMIN}
    known = frozenset[str]() if requested is None else parse(requested) & allowed
    return known if OPENID in known else granted(requested, allowed)


def granted(requested: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """Return what is granted of `allowed`; `InvalidScope` for anything beyond it.

    Without a request it is all that is allowed at resources, except `admin`, which must be asked
    for, as must be what is about the user (`openid` and its like).
    `offline_access` may always be asked for, and is left out where it is not allowed.
    """
    if requested is None:
        scope = allowed - {ADMIN, *ABOUT_USER}
    else:
        scope = parse(requested) - ({OFFLINE_ACCESS} - allowed)
    if not scope:
        raise InvalidScope("no scope was asked for that can be granted")
    if not scope <= allowed:
        raise InvalidScope("the scope exceeds what may be granted")
    return scope
