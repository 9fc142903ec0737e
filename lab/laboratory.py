"""What an experiment works with: a stack, its stores, people, and fleets of replicas."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from lab import fleet, schemes
from lab.bench.client import collect
from lab.bench.services import client_credentials
from lab.client import Client, Headers
from lab.fleet import Fleet, Visitor
from lab.schemes import Account, Person, Scheme
from lab.schemes.password_check import claims
from lab.stores import Stores
from stack.layout import NOTHING
from stack.ports import free_ports
from stack.processes import Process
from stack.stack import Stack

_PASSWORDS: Final = 8  # different ones; to hash thousands would take longer than to measure


@dataclass
class Laboratory:
    """One stack and what is beside it, for one experiment.

    `quick` asks for fewer rounds; `chance` shuffles them, from the recorded seed. `advance`
    is told what is being done.
    """

    stack: Stack
    stores: Stores
    client: Client
    chance: random.Random
    quick: bool = False
    advance: Callable[[str], None] = lambda _doing: None
    _people: list[Person] = field(default_factory=list)

    def shuffled(self, names: Sequence[str]) -> list[str]:
        """Return the names in an order of chance."""
        return self.chance.sample(list(names), len(names))

    @property
    def account(self) -> Account:
        """The stack's demo user."""
        return fleet.account(self.stack)

    async def people(self, count: int) -> list[Person]:
        """Return so many people, each with a token of the real issuer and claims of their own."""
        missing = count - len(self._people)
        if missing > 0:
            port = self.stack.ports.auth_process
            bodies = await collect(port, client_credentials(self.stack), missing)
            for number, body in enumerate(bodies, len(self._people)):
                token = _token(body)
                person = Person(
                    f"person-{number}", f"password-{number % _PASSWORDS}", token, claims(token)
                )
                self._people.append(person)
        return self._people[:count]

    def forget_people(self) -> None:
        """Have the next ones get new tokens."""
        self._people.clear()

    async def seed(self, scheme: Scheme, people: Sequence[Person]) -> list[Headers]:
        """Make people known to a scheme; a scheme in memory knows them from its next start on."""
        return await scheme.seed(self.stores.places, people)

    @asynccontextmanager
    async def fleet(
        self,
        name: str,
        sizes: Sequence[int],
        *,
        each: Callable[[int], Mapping[str, str]] = lambda _number: NOTHING,
        variables: Mapping[str, str] = NOTHING,
    ) -> AsyncIterator[Fleet]:
        """Run a scheme's replicas with a front for each size; they are gone at the end."""
        scheme = schemes.find(name)
        await self.prepare(scheme)
        running = await fleet.start(
            self.stack, scheme, sizes, self.environment(scheme, variables), each=each
        )
        try:
            yield running
        finally:
            await asyncio.gather(*(one.kill() for one in running.processes))

    @asynccontextmanager
    async def replica(
        self,
        name: str,
        *,
        label: str = "",
        variables: Mapping[str, str] = NOTHING,
        wait: bool = True,
    ) -> AsyncIterator[tuple[Process, int]]:
        """Run one replica with no load balancer before it; give its process and port.

        Without `wait` it is not ready yet.
        """
        scheme = schemes.find(name)
        [port] = free_ports(1)
        process = await self.stack.start_replica(
            f"{label or name}-alone", port, scheme.module, self.environment(scheme, variables)
        )
        try:
            if wait:
                await process.wait_until_ready()
            yield process, port
        finally:
            await process.kill()

    async def prepare(self, scheme: Scheme) -> None:
        """Make the demo user known to schemes that keep their own users, and make their tables."""
        if scheme.store != "postgres":
            return
        log_in = await schemes.find("rs256").log_in(
            self.client, schemes.Site(self.stack.auth_url, ""), self.account
        )
        token = log_in.credential[0][1].removeprefix("Bearer ")
        demo = Person(self.account.username, self.account.password, token, claims(token))
        await self.seed(scheme, [demo])

    def environment(self, scheme: Scheme, variables: Mapping[str, str]) -> dict[str, str]:
        """Return what a replica is told; `variables` may be RESOURCE_* ones too."""
        return {**self.stores.environment(scheme, self.stack.demo), **scheme.settings, **variables}

    async def visitor(self, running: Fleet, size: int) -> Visitor:
        """Log somebody in, through the front before `size` replicas."""
        log_in = await running.log_in(self.client, self.account, size)
        return Visitor(running.scheme.name, running, self.account, log_in)


def _token(body: bytes) -> str:
    return str(json.loads(body)["access_token"])
