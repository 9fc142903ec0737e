"""One refresh token used by many at once, at two issuer processes behind Caddy (faults 3 to 5)."""

import asyncio
import random
from collections import Counter

import pytest

from lab.client import Client, Request
from tests.system.faults import database
from tests.system.faults.pair import Pair, tokens_in

AT_ONCE = 50
TABS = 8


async def generation(pair: Pair, username: str) -> int:
    [family] = await database.rows(
        pair.postgres,
        "SELECT generation FROM refresh_token_families JOIN users USING (sub) WHERE username = $1",
        username,
    )
    number: int = family["generation"]
    return number


async def refreshes_at(client: Client, pair: Pair) -> list[int]:
    """How many tokens each issuer has issued for a refresh token."""
    counts = []
    for url in pair.urls:
        text = (await client.send(Request("GET", f"{url}/metrics"))).body.decode()
        name = 'sealgate_tokens_issued_total{grant_type="refresh_token"} '
        counts.append(sum(float(v.split()[0]) for v in text.split(name)[1:]))
    return [int(count) for count in counts]


async def use_at_once(rounds: int, pair: Pair, client: Client) -> None:
    username = await pair.register(client)
    held = (await pair.tokens(client, username)).refresh_token
    before = await refreshes_at(client, pair)
    for _ in range(rounds):
        request = pair.refresh(pair.front, held)
        responses = await asyncio.gather(*(client.send(request) for _ in range(AT_ONCE)))
        assert Counter(response.status for response in responses) == {200: AT_ONCE}
        [held] = {tokens_in(response.body).refresh_token for response in responses}
    after = await refreshes_at(client, pair)
    shares = [now - then for now, then in zip(after, before, strict=True)]
    print(f"{rounds} rounds of {AT_ONCE} at once: one successor each time; by issuer {shares}")
    assert min(shares) > rounds  # both had a part in it
    assert await generation(pair, username) == 1 + rounds


async def test_one_token_used_fifty_times_at_once_has_one_successor(
    pair: Pair, client: Client
) -> None:
    await use_at_once(5, pair, client)


@pytest.mark.faults
async def test_forty_tokens_in_a_row_used_fifty_times_at_once_have_one_successor_each(
    pair: Pair, client: Client
) -> None:
    await use_at_once(40, pair, client)


async def lose_answers(rounds: int, pair: Pair, client: Client) -> None:
    """Drop the connection, before, while or after the issuer does it, then ask again."""
    username, chance, lost = await pair.register(client), random.Random(4), 0
    held = (await pair.tokens(client, username)).refresh_token
    for _ in range(rounds):
        request = pair.refresh(chance.choice(pair.urls), held)
        try:
            async with asyncio.timeout(chance.uniform(0, 0.012)):
                await client.send(request)
        except TimeoutError:
            lost += 1
        again = [pair.refresh(url, held) for url in (pair.front, *pair.urls)]
        responses = [await client.send(request) for request in again]
        assert Counter(response.status for response in responses) == {200: len(again)}
        [held] = {tokens_in(response.body).refresh_token for response in responses}
    print(f"{lost} of {rounds} answers lost; the same successor each time it was asked for again")
    assert lost > rounds / 10
    assert await generation(pair, username) == 1 + rounds


async def test_a_lost_answer_is_had_by_asking_again(pair: Pair, client: Client) -> None:
    await lose_answers(20, pair, client)


@pytest.mark.faults
async def test_five_hundred_lost_answers_are_had_by_asking_again(
    pair: Pair, client: Client
) -> None:
    await lose_answers(500, pair, client)


async def refresh_in_tabs(rounds: int, pair: Pair, client: Client) -> None:
    """Each tab wakes up when the access token expires, and takes what it finds in the storage.

    One that finds a new token there has nothing to do; what the others bring they store.
    """
    username, chance = await pair.register(client), random.Random(5)
    stored = (await pair.tokens(client, username)).refresh_token
    asked = 0

    async def wake_up(expired: str, after: float) -> None:
        nonlocal stored, asked
        await asyncio.sleep(after)
        if stored != expired:
            return
        asked += 1
        response = await client.send(pair.refresh(pair.front, expired))
        assert response.status == 200, response.body
        stored = tokens_in(response.body).refresh_token

    for _ in range(rounds):
        await asyncio.gather(*(wake_up(stored, chance.uniform(0, 0.015)) for _ in range(TABS)))
    print(f"{TABS} tabs, {rounds} expiries: {asked} refreshes, nobody logged out")
    assert asked > rounds
    assert await generation(pair, username) == 1 + rounds


async def test_tabs_that_refresh_together_stay_logged_in(pair: Pair, client: Client) -> None:
    await refresh_in_tabs(20, pair, client)


@pytest.mark.faults
async def test_tabs_that_refresh_together_four_hundred_times_stay_logged_in(
    pair: Pair, client: Client
) -> None:
    await refresh_in_tabs(400, pair, client)
