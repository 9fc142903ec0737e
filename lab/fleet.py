"""The replicas of one scheme, load balancers in front of them, and somebody who is logged in."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.client import Client, Request
from lab.schemes import Account, LogIn, Scheme, Site
from stack.caddy import Front
from stack.layout import NOTHING
from stack.ports import free_ports
from stack.processes import Process
from stack.stack import Stack


@dataclass(frozen=True)
class Fleet:
    """What serves one scheme. `fronts` has a load balancer's address by number of replicas."""

    scheme: Scheme
    issuer: str
    replicas: Sequence[Process]
    fronts: Mapping[int, str]
    ports: Sequence[int] = ()  # of the replicas
    balancer: Process | None = None

    @property
    def processes(self) -> list[Process]:
        """The load balancer, if there is one, and the replicas."""
        return [*([] if self.balancer is None else [self.balancer]), *self.replicas]

    async def log_in(self, client: Client, account: Account, size: int) -> LogIn:
        """Log in through the load balancer before `size` replicas."""
        return await self.scheme.log_in(client, Site(self.issuer, self.fronts[size]), account)


@dataclass(frozen=True)
class Visitor:
    """Somebody who has logged in at a fleet and now sends the same request again and again."""

    name: str
    fleet: Fleet
    account: Account
    log_in: LogIn

    @property
    def token(self) -> str:
        """The access token, if that is what the visitor sends; else empty."""
        scheme, _, token = dict(self.log_in.credential).get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""

    async def log_in_again(self, client: Client, size: int) -> LogIn:
        """Log in once more; what this visitor sends stays the same."""
        return await self.fleet.log_in(client, self.account, size)

    def request(self, size: int) -> Request:
        """Return a request for `/whoami` through the load balancer before `size` replicas."""
        return Request("GET", f"{self.fleet.fronts[size]}/whoami", self.log_in.credential)


async def start(
    stack: Stack,
    scheme: Scheme,
    sizes: Sequence[int],
    environment: Mapping[str, str] | None = None,
    *,
    label: str = "",
    each: Callable[[int], Mapping[str, str]] = lambda _number: NOTHING,
) -> Fleet:
    """Start a scheme's replicas beside `stack`.

    Each of `sizes` gets a front on a port of its own over the first so many of the replicas, so
    that they all share the first one. `environment`: the scheme's variables; without it the
    stack's own replicas are taken where they are the scheme's. `label` is put before the
    names of the processes; `each` adds variables to a replica by its number, from 1 on. Comes
    back when all are ready.
    """
    name = f"{label}{scheme.name}"
    if scheme.module == "resource_service" and not scheme.settings and environment is None:
        replicas, ports = stack.replicas, list(stack.ports.replicas)
    else:
        ports = free_ports(max(sizes))
        if environment is None:
            environment = {
                "LAB_CLIENT_ID": stack.demo["DEMO_CLIENT_ID"],
                "LAB_CLIENT_SECRET": stack.demo["DEMO_CLIENT_SECRET"],
                **scheme.settings,
            }
        replicas = [
            await stack.start_replica(
                f"{name}-{number}", port, scheme.module, {**environment, **each(number)}
            )
            for number, port in enumerate(ports, 1)
        ]
    fronts = dict(zip(sizes, free_ports(len(sizes)), strict=True))
    await asyncio.gather(*(replica.wait_until_ready() for replica in replicas))
    described = [Front(port, ports[:size], policy=scheme.policy) for size, port in fronts.items()]
    balancer = await stack.start_load_balancer(f"caddy-{name}", described)
    await balancer.wait_until_ready()
    addresses = {size: f"http://127.0.0.1:{port}" for size, port in fronts.items()}
    return Fleet(scheme, stack.auth_url, replicas, addresses, ports, balancer)


def account(stack: Stack) -> Account:
    """Return the stack's demo user."""
    demo = stack.demo
    return Account(demo["DEMO_USERNAME"], demo["DEMO_PASSWORD"], demo["DEMO_PUBLIC_CLIENT_ID"])
