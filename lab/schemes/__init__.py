"""The schemes compared: one module each, all behind the same unmodified `resource_service` app.

A scheme says two things: which program a replica runs, in which an authenticator tells who is
asking (`module`), and how a client logs in and what it then sends with every request (`log_in`).
`SCHEMES` names them; `find` imports one when it is asked for, so a replica loads only its own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final, cast

from lab.client import Client, Headers, Request, Response

SCHEMES: Final = ("memory", "rs256")
SCOPE: Final = "notes:read"  # what every log-in asks for, so that all schemes have equal claims


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the issuer, and the public first-party client that the user logs in with."""

    username: str
    password: str = field(repr=False)
    public_client_id: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where things are for a client: the issuer, and the load balancer of the scheme."""

    issuer: str
    api: str


@dataclass(frozen=True, slots=True)
class LogIn:
    """One log-in: what was sent, what came back, and what a logged-in client sends from then on."""

    request: Request
    response: Response
    credential: Headers  # empty when the log-in failed


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to know who is asking. `python -m MODULE serve` runs a replica."""

    name: str
    title: str
    module: str
    log_in: Callable[[Client, Site, Account], Awaitable[LogIn]]


def find(name: str) -> Scheme:
    """Return a scheme of `SCHEMES`; `KeyError` for any other name."""
    if name not in SCHEMES:
        raise KeyError(name)
    return cast("Scheme", import_module(f"lab.schemes.{name}").SCHEME)
