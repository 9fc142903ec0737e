"""One side of the page: a scheme's replicas, somebody who is logged in, and what came of it."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

from lab import schemes
from lab.client import NoAnswer, Request
from lab.experiments.size import octets
from lab.fleet import Fleet, Visitor
from lab.honesty import changed
from lab.laboratory import Laboratory
from lab.live.actions import SIZES
from lab.log_out import log_out
from lab.proxy import Wire

KEYS_LIVE = "5"  # seconds: replicas ask for new keys as often as the issuer of the page says


@dataclass
class Counters:
    """What happened on one side since its scheme was chosen.

    `turned_away`: 401 for a good credential, which a person sees as a log-out. `let_in`: 200 for
    one that was revoked or changed. `octets` are those of the credential alone.
    """

    requests: int = 0
    accepted: int = 0
    refused: int = 0
    unavailable: int = 0
    lost: int = 0
    turned_away: int = 0
    let_in: int = 0
    octets: int = 0


class Side:
    """The left or the right half; `open` before anything else, and `close` at the end."""

    def __init__(self, lab: Laboratory) -> None:
        self.counters = Counters()
        self.fleet: Fleet | None = None
        self.visitor: Visitor | None = None
        self.tampered = False
        self.revoked_at: float | None = None
        self.last_let_in: float | None = None  # seconds after the revocation
        self.home = 0  # the only replica that knows the session, if that is so
        self.wires: list[Wire] = []
        self._lab = lab
        self._opened = AsyncExitStack()
        self._trips_before = 0

    @property
    def scheme(self) -> schemes.Scheme:
        """What is running."""
        assert self.fleet is not None  # noqa: S101 - opened
        return self.fleet.scheme

    async def open(self, name: str) -> None:
        """Run this scheme's replicas instead of what ran before."""
        await self.close()
        scheme = schemes.find(name)
        url = self._lab.stores.url(scheme)
        if url:
            for _ in range(max(SIZES)):
                wire = await self._opened.enter_async_context(Wire.before(url))
                self.wires.append(wire)

        def each(number: int) -> dict[str, str]:
            told = {"RESOURCE_JWKS_SHORTEST_LIFE": KEYS_LIVE}
            return told | ({"LAB_STORE_URL": self.wires[number - 1].through(url)} if url else {})

        self.fleet = await self._opened.enter_async_context(self._lab.fleet(name, SIZES, each=each))

    async def close(self) -> None:
        """Stop its replicas and forget who was logged in."""
        await self._opened.aclose()
        self.fleet, self.wires, self.counters = None, [], Counters()
        self.forget()

    def forget(self) -> None:
        """Nobody is logged in."""
        self.visitor, self.tampered, self.home = None, False, 0
        self.revoked_at = self.last_let_in = None

    async def log_in(self, size: int) -> int:
        """Log the demo user in; return the status of the answer, 0 for none."""
        assert self.fleet is not None  # noqa: S101 - opened
        self.forget()
        try:
            visitor = await self._lab.visitor(self.fleet, size)
        except NoAnswer:
            return 0
        answer = visitor.log_in.response
        if answer.status < 300:
            self.visitor, self.counters = visitor, Counters()
            if self.scheme.module == "lab.schemes.memory":
                self.home = _number(answer.header("x-replica"))
            self._trips_before = sum(wire.round_trips for wire in self.wires)
        return answer.status

    async def revoke(self, size: int) -> str:
        """End the log-in; return `done`, `impossible` or `failed`."""
        if self.visitor is None or self.fleet is None:
            return "impossible"
        try:
            possible = await log_out(self._lab, self.visitor, self.fleet.fronts[size])
        except NoAnswer:
            return "failed"
        self.revoked_at, self.last_let_in = asyncio.get_running_loop().time(), None
        return "done" if possible else "impossible"

    async def send(self, size: int) -> dict[str, Any]:
        """Send one request; return its status, who answered, and how long that took, in ms."""
        assert self.visitor is not None  # noqa: S101 - logged in
        visitor, request = self.visitor, self.visitor.request(size)
        if self.tampered and request.headers:
            request = Request(request.method, request.url, changed(request.headers))
        now = asyncio.get_running_loop().time
        sent, tampered, revoked_at = now(), self.tampered, self.revoked_at
        try:
            answer = await self._lab.client.send(request)
            status, replica = answer.status, _number(answer.header("x-replica"))
        except NoAnswer:
            status, replica = 0, 0
        if self.visitor is visitor:
            self._count(request, status, good=not tampered and revoked_at is None)
            if status == 200 and revoked_at is not None:
                self.last_let_in = sent - revoked_at
        return {"status": status, "replica": replica, "ms": (now() - sent) * 1e3}

    def _count(self, request: Request, status: int, *, good: bool) -> None:
        counters = self.counters
        counters.requests += 1
        counters.octets += octets(request.headers)
        counters.accepted += status == 200
        counters.refused += status == 401
        counters.unavailable += status >= 500
        counters.lost += status == 0
        counters.turned_away += good and status == 401
        counters.let_in += not good and status == 200 and self.scheme.name != "none"

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows of it, but for the boxes."""
        trips = sum(wire.round_trips for wire in self.wires) - self._trips_before
        scheme = None if self.fleet is None else self.fleet.scheme
        return {
            "scheme": None if scheme is None else scheme.name,
            "store": "none" if scheme is None else scheme.store,
            "home": self.home,
            "logged_in": self.visitor is not None,
            "tampered": self.tampered,
            "revoked": self.revoked_at is not None,
            "last_let_in": self.last_let_in,
            "counters": {**asdict(self.counters), "trips": max(0, trips)},
            "cut": [wire.cut for wire in self.wires],
        }


def _number(replica: str | None) -> int:
    """Return a replica's number, from its name in X-Replica; 0 where the load balancer spoke."""
    return int(replica.rpartition("-")[2]) if replica else 0
