"""PostgreSQL is killed at random while apps refresh and keys rotate (fault 21).

Whoever lost an answer asks again with the token that he has, within the grace window.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec
import pytest

from lab.client import Client, Request
from stack.errors import StackError
from tests.system.faults import database, postgres_faults
from tests.system.faults.pair import Pair
from tests.system.faults.refreshing import LogIns
from tests.system.faults.waiting import until

HEALTHY_WITHIN: Final = 5.0  # seconds after the server is back
# What a command may fail with meanwhile; anything else is a surprise.
CUT_OFF: Final = "the database does not answer"
TOO_EARLY: Final = "verifiers may not know the next key yet"


@dataclass
class Commands:
    """What was said to have been done, and how often it failed and why."""

    rotated: list[str] = field(default_factory=list)  # each kid that was said to be active
    revoked: list[str] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)

    async def rotate(self, pair: Pair) -> None:
        """Run `keys rotate`, and `keys revoke` for what it has retired."""
        try:
            keys = msgspec.json.decode(await pair.command("keys", "rotate", "--json"))
            self.rotated += [key["kid"] for key in keys if key["state"] == "active"]
            for key in keys:
                if key["state"] == "retired":
                    await pair.command("keys", "revoke", key["kid"], "--yes")
                    self.revoked.append(key["kid"])
        except StackError as error:
            known = [why for why in (CUT_OFF, TOO_EARLY) if f": auth_service: {why}" in str(error)]
            self.failures.update(known)
            self.surprises += [] if known else [str(error)]

    @asynccontextmanager
    async def under_way(self, pair: Pair) -> AsyncIterator[None]:
        """Rotate again and again while the block runs."""
        over = asyncio.Event()

        async def go_on() -> None:
            while not over.is_set():
                await self.rotate(pair)

        async with asyncio.TaskGroup() as group:
            group.create_task(go_on())
            try:
                yield
            finally:
                over.set()

    async def assert_nothing_is_lost(self, pair: Pair) -> None:
        assert self.surprises == []
        keys = await database.rows(pair.postgres, "SELECT * FROM signing_keys")
        assert set(self.rotated) <= {key["kid"] for key in keys if key["activated_at"]}
        assert set(self.revoked) <= {key["kid"] for key in keys if key["revoked"]}


async def kill_again_and_again(log_ins: LogIns, kills: int) -> list[float]:
    """Kill and start the server; the seconds until every issuer was well, each time."""
    server, chance = log_ins.pair.postgres, random.Random(21)
    recoveries = []
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.1, 1.2))
        postgres_faults.kill(server)
        await asyncio.sleep(chance.choice([0, 0, 0.3]))
        server.start()
        recoveries.append(await log_ins.all_well(HEALTHY_WITHIN))
    return recoveries


async def survive(kills: int, log_ins: LogIns) -> None:
    async with log_ins.under_way():
        recoveries = await kill_again_and_again(log_ins, kills)
    print(
        f"{kills} kills of PostgreSQL: well again after {sorted(recoveries)[kills // 2]:.2f} s"
        f" (median), {max(recoveries):.2f} s (most); answers {dict(log_ins.record.statuses)}"
        f" (0: none), {log_ins.generations} generations of {len(log_ins.members)} log-ins"
    )
    await log_ins.assert_one_lineage_each()
    await database.assert_whole(log_ins.pair.postgres)


async def assert_issuers_agree(pair: Pair, client: Client) -> None:
    requests = [Request("GET", f"{url}/.well-known/jwks.json") for url in pair.urls]

    async def agree() -> bool:
        return len({(await client.send(request)).body for request in requests}) == 1

    await until(agree, within=5)


async def test_three_kills_lose_nothing(pair: Pair, client: Client) -> None:
    await survive(3, await LogIns.begin(pair, client, 6))


@pytest.mark.faults
async def test_a_hundred_kills_lose_nothing_while_keys_rotate(pair: Pair, client: Client) -> None:
    commands = Commands()
    async with commands.under_way(pair):
        await survive(100, await LogIns.begin(pair, client, 6))
    print(
        f"{len(commands.rotated)} rotations and {len(commands.revoked)} revocations acknowledged;"
        f" commands that failed {dict(commands.failures)}"
    )
    await commands.assert_nothing_is_lost(pair)
    await database.assert_whole(pair.postgres)
    await assert_issuers_agree(pair, client)
