"""Apps that hold the last token they got, and refresh it again and again."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from lab.client import Client, NoAnswer
from tests.system.faults import database
from tests.system.faults.pair import Pair, Tokens, tokens_in

TABS: Final = 2  # that refresh a log-in at the same time


@dataclass
class Record:
    """What the apps saw. `well_at` has the time of each issuer's last success."""

    statuses: Counter[int] = field(default_factory=Counter)  # 0: no answer
    surprises: list[str] = field(default_factory=list)  # neither a success nor a 503
    well_at: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


class LogIn:
    """A log-in that several tabs share: each presents the token that the last answer brought.

    Who got no answer, or 503, presents the same token again.
    """

    def __init__(self, pair: Pair, client: Client, tokens: Tokens, record: Record) -> None:
        self.successors: defaultdict[str, set[str]] = defaultdict(set)  # by the token presented
        self._held = tokens.refresh_token
        self._pair = pair
        self._client = client
        self._record = record

    async def refresh(self, urls: Sequence[str]) -> None:
        """Refresh at all of `urls` at the same time, and wait for every answer."""
        presented = self._held
        async with asyncio.TaskGroup() as tabs:
            for url in urls:
                tabs.create_task(self._refresh(url, presented))

    async def _refresh(self, url: str, presented: str) -> None:
        record = self._record
        try:
            response = await self._client.send(self._pair.refresh(url, presented))
        except NoAnswer:
            record.statuses[0] += 1
            return
        record.statuses[response.status] += 1
        if response.status == 200:
            record.well_at[url] = asyncio.get_running_loop().time()
            self._held = tokens_in(response.body).refresh_token
            self.successors[presented].add(self._held)
        elif response.status != 503:
            record.surprises.append(f"{response.status} {response.body!r}")


@dataclass(frozen=True)
class LogIns:
    """The log-ins of one user, each with tabs that refresh it at the issuers by chance."""

    pair: Pair
    username: str
    members: Sequence[LogIn]
    record: Record

    @classmethod
    async def begin(cls, pair: Pair, client: Client, count: int) -> "LogIns":
        record, username = Record(), await pair.register(client)
        tokens = [await pair.tokens(client, username) for _ in range(count)]
        members = [LogIn(pair, client, each, record) for each in tokens]
        return cls(pair, username, members, record)

    @property
    def generations(self) -> int:
        """How many tokens were exchanged."""
        return sum(len(member.successors) for member in self.members)

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Refresh again and again while the block runs, and once more at both issuers at last."""
        over = asyncio.Event()

        async def go_on(member: LogIn, chance: random.Random) -> None:
            while not over.is_set():
                await member.refresh([chance.choice(self.pair.urls) for _ in range(TABS)])
                await asyncio.sleep(chance.uniform(0, 0.03))
            await member.refresh(self.pair.urls)

        async with asyncio.TaskGroup() as group:
            for number, member in enumerate(self.members):
                group.create_task(go_on(member, random.Random(number)))
            try:
                yield
            finally:
                over.set()

    async def all_well(self, within: float) -> float:
        """Wait until every issuer has had a success from now on; the seconds that took."""
        clock = asyncio.get_running_loop().time
        well_at, began = self.record.well_at, clock()
        while not all(well_at[url] > began for url in self.pair.urls):
            assert clock() < began + within, f"not well after {within} s: {self.record}"
            await asyncio.sleep(0.005)
        return max(well_at[url] for url in self.pair.urls) - began

    async def assert_one_lineage_each(self) -> None:
        """Nobody was logged out, and every generation was given out in the end, as one token."""
        assert self.record.surprises == []
        for member in self.members:
            assert {len(tokens) for tokens in member.successors.values()} <= {1}
        families = await self._families()
        assert [family["revoked_at"] for family in families] == [None] * len(self.members)
        generations = sorted(family["generation"] for family in families)
        assert generations == sorted(1 + len(member.successors) for member in self.members)

    async def _families(self) -> list[Mapping[str, Any]]:
        return await database.rows(
            self.pair.postgres,
            "SELECT family.* FROM refresh_token_families AS family JOIN users USING (sub)"
            " WHERE username = $1",
            self.username,
        )
