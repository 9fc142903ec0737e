"""Access token scope: its syntax, and what a client gets of what it asks (RFC 6749 §3.3)."""

import re
from typing import Final

from shared.errors import InvalidScope

ADMIN: Final = "admin"
OFFLINE_ACCESS: Final = "offline_access"
# Of the resources that come with this service; a client may be registered for others.
ADVERTISED: Final = ("notes:read", "notes:write")
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")


def parse(value: str) -> frozenset[str]:
    """Read a scope string; `InvalidScope` if it is malformed."""
    if not _SCOPE.fullmatch(value):
        raise InvalidScope("the scope is malformed")
    return frozenset(value.split(" "))


def render(scope: frozenset[str]) -> str:
    """Write a scope string; the order means nothing and is always the same."""
    return " ".join(sorted(scope))


def granted(requested: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """Return what is granted of `allowed`; `InvalidScope` for anything beyond it.

    Without a request it is all that is allowed, except `admin`, which must be asked for.
    `offline_access` may always be asked for, and is left out where it is not allowed.
    """
    if requested is None:
        scope = allowed - {ADMIN}
    else:
        scope = parse(requested) - ({OFFLINE_ACCESS} - allowed)
    if not scope:
        raise InvalidScope("no scope was asked for that can be granted")
    if not scope <= allowed:
        raise InvalidScope("the scope exceeds what may be granted")
    return scope
