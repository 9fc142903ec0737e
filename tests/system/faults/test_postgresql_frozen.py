"""PostgreSQL is frozen: connections stay open and nobody answers (fault 22)."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

import pytest

from lab.client import Client, Request
from tests.system.faults import database, postgres_faults
from tests.system.faults.pair import Pair
from tests.system.faults.refreshing import LogIns
from tests.system.faults.waiting import until

BOUND: Final = 15.0  # seconds until a 503, at most
WELL_WITHIN: Final = 5.0  # seconds after the server goes on


@dataclass(frozen=True)
class Answer:
    status: int
    error: str
    retry_after: str | None
    seconds: float


async def timed(client: Client, request: Request) -> Answer:
    clock = asyncio.get_running_loop().time
    began = clock()
    response = await client.send(request)
    error = response.error if response.status >= 400 else ""
    return Answer(response.status, error, response.header("retry-after"), clock() - began)


async def who_needs_no_database(pair: Pair, client: Client, access_token: str) -> list[Answer]:
    """Ask each process for all that it can say without the database."""
    public = ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/health/ready")
    urls = [f"{url}{path}" for url in (*pair.urls, pair.front) for path in public]
    bearer = ("authorization", f"Bearer {access_token}")
    requests = [Request("GET", url) for url in urls]
    requests += [Request("GET", f"{pair.stack.api_url}/whoami", (bearer,))] * 2
    return [await timed(client, request) for request in requests]


async def test_a_freeze_that_is_shorter_than_the_grace_window_costs_patience_only(
    pair: Pair, client: Client
) -> None:
    log_ins = await LogIns.begin(pair, client, 12)
    token = (await pair.tokens(client)).access_token
    async with log_ins.under_way():
        await asyncio.sleep(0.3)
        with postgres_faults.frozen(pair.postgres):
            steady = await who_needs_no_database(pair, client, token)
            await asyncio.sleep(1.5)
        well = await log_ins.all_well(WELL_WITHIN)
    print(f"frozen for 1.5 s: well after {well:.2f} s, {dict(log_ins.record.statuses)}")
    assert {answer.status for answer in steady} == {200}
    await log_ins.assert_one_lineage_each()
    await database.assert_whole(pair.postgres)


@pytest.mark.faults
async def test_what_needs_no_database_goes_on_and_the_rest_says_503_in_bounded_time(
    pair: Pair, client: Client
) -> None:
    username = await pair.register(client)
    tokens = [await pair.tokens(client, username) for _ in range(20)]
    bearer = ("authorization", f"Bearer {tokens[0].access_token}")
    notes = Request("GET", f"{pair.stack.api_url}/notes", (bearer,))
    refreshes = [pair.refresh(pair.front, each.refresh_token) for each in tokens]
    needy = [*refreshes, *[pair.log_in(pair.front, username)] * 20, *[notes] * 20]
    steady: list[Answer] = []
    with postgres_faults.frozen(pair.postgres):
        asked = asyncio.gather(*(timed(client, request) for request in needy))
        while not asked.done():
            steady += await who_needs_no_database(pair, client, tokens[0].access_token)
            await asyncio.sleep(0.3)
    refused = asked.result()
    asked_again = [notes, *(pair.log_in(url, username) for url in pair.urls)]

    async def all_well() -> bool:
        return {(await client.send(request)).status for request in asked_again} == {200}

    well = await until(all_well, WELL_WITHIN)
    slowest, longest = (max(answer.seconds for answer in each) for each in (steady, refused))
    print(
        f"frozen: 503 after {longest:.1f} s at most, well again after {well:.2f} s; of what needs"
        f" no database {Counter(answer.status for answer in steady)}, {slowest:.3f} s at most"
    )
    assert {(answer.status, answer.error) for answer in refused} == {
        (503, "temporarily_unavailable")
    }
    assert all(answer.retry_after for answer in refused)
    assert max(answer.seconds for answer in refused) < BOUND
    assert {answer.status for answer in steady} == {200}
    again = [await client.send(request) for request in refreshes]
    assert Counter(response.status for response in again) == {200: 20}
    await database.assert_whole(pair.postgres)
