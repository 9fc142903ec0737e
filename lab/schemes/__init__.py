"""The schemes compared: one module each, all behind the same unmodified `resource_service` app.

A scheme says which program a replica runs, in which an authenticator tells who is asking
(`module`), how a client logs in and what it then sends with every request (`log_in`), and how
many people are made known to it without a log-in each (`seed`). `SCHEMES` names them; `find`
imports one when it is asked for, so a replica loads only its own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, cast

from lab.client import Client, Headers, Request, Response
from shared.access_token import AccessToken
from stack.caddy import Policy
from stack.layout import NOTHING

SCHEMES: Final = (
    "none",
    "basic",
    "memory",
    "sticky",
    "postgres",
    "redis",
    "opaque",
    "hs256",
    "rs256",
    "rs256+status",
)
ALSO: Final = ("rs256+denylist",)  # of one experiment only
SCOPE: Final = "notes:read"  # what every log-in asks for, so that all schemes have equal claims

Store = Literal["none", "postgres", "redis", "issuer"]


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
class Person:
    """Somebody whom every scheme is to know by the same claims: those of the issuer's token."""

    name: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    claims: AccessToken


@dataclass(frozen=True, slots=True)
class Places:
    """Where a scheme may keep what it must remember, and the secret that replicas may share."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    hs256_secret: str = field(repr=False)
    sessions_file: Path  # what a new replica with sessions in memory begins with


Seed = Callable[[Places, Sequence[Person]], Awaitable[list[Headers]]]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to know who is asking. `python -m MODULE serve` runs a replica.

    `variables` are the LAB_* settings that a replica is given, and no others: whoever reads
    its configuration reads them too; `settings` are RESOURCE_* ones that make the scheme what
    it is. `store` is what it asks on every request.
    """

    name: str
    title: str
    module: str
    log_in: Callable[[Client, Site, Account], Awaitable[LogIn]]
    seed: Seed
    variables: tuple[str, ...] = ()
    store: Store = "none"
    policy: Policy = "round_robin"
    settings: Mapping[str, str] = field(default_factory=lambda: NOTHING)


def find(name: str) -> Scheme:
    """Return a scheme of `SCHEMES` or `ALSO`; `KeyError` for any other name."""
    if name not in (*SCHEMES, *ALSO):
        raise KeyError(name)
    return cast("Scheme", import_module(f"lab.schemes.{name.replace('+', '_')}").SCHEME)
