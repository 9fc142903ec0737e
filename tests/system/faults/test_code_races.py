"""One code redeemed by many at once, at two issuer processes behind Caddy (faults 1 and 2)."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from lab.client import Client, Request
from tests.auth_service.browser_flow.person import Person
from tests.system.faults import database
from tests.system.faults.pair import PASSWORD, Pair, tokens_in
from tests.system.faults.waiting import until

AT_ONCE = 50
CALLBACK = "http://127.0.0.1:5000/callback"  # where a program of the person's would listen
WANTED = {"redirect_uri": CALLBACK, "scope": "notes:read offline_access openid"}
REVOKED_WITHIN = 10  # seconds: a poll of the status list is 5


@asynccontextmanager
async def logged_in(pair: Pair, client: Client) -> AsyncIterator[Person]:
    """A person with a browser, at the issuer's own address."""
    issuer = f"http://127.0.0.1:{pair.stack.ports.auth}"
    async with httpx.AsyncClient(base_url=issuer, trust_env=False) as http:
        person, username = Person(http), await pair.register(client)
        page = await person.authorize(pair.stack.demo["DEMO_CLIENT_ID"], **WANTED)
        await person.log_in(page, username, PASSWORD)
        yield person


def token_request(pair: Pair, form: dict[str, str]) -> Request:
    demo = pair.stack.demo
    basic = base64.b64encode(f"{demo['DEMO_CLIENT_ID']}:{demo['DEMO_CLIENT_SECRET']}".encode())
    authorization = ("authorization", f"Basic {basic.decode()}")
    return Request.form(f"{pair.front}/token", form.items(), authorization)


async def is_refused(pair: Pair, client: Client, access_token: str) -> bool:
    bearer = (("authorization", f"Bearer {access_token}"),)
    responses = [
        await client.send(Request("GET", f"http://127.0.0.1:{port}/whoami", bearer))
        for port in pair.stack.ports.replicas
    ]
    return all(response.status == 401 for response in responses)


async def redeem_at_once(rounds: int, pair: Pair, client: Client) -> None:
    async with logged_in(pair, client) as person:
        for _ in range(rounds):
            code = await person.code(pair.stack.demo["DEMO_CLIENT_ID"], **WANTED)
            form = person.exchange(code, redirect_uri=CALLBACK)
            request = token_request(pair, form)
            responses = await asyncio.gather(*(client.send(request) for _ in range(AT_ONCE)))
            assert Counter(r.status for r in responses) == {200: 1, 400: AT_ONCE - 1}
            [won] = [tokens_in(r.body) for r in responses if r.status == 200]
            lost = [r.body for r in responses if r.status == 400]
            assert all(b'"invalid_grant"' in body for body in lost)
            form = {"grant_type": "refresh_token", "refresh_token": won.refresh_token}
            refused = await client.send(token_request(pair, form))
            assert (refused.status, b'"invalid_grant"' in refused.body) == (400, True)
        await until(lambda: is_refused(pair, client, won.access_token), REVOKED_WITHIN)
    await database.assert_whole(pair.postgres)
    print(f"{rounds} codes redeemed {AT_ONCE} times at once: one success each, then ended")


async def test_a_code_redeemed_fifty_times_at_once_is_good_once_and_then_ended(
    pair: Pair, client: Client
) -> None:
    await redeem_at_once(4, pair, client)


@pytest.mark.faults
async def test_two_hundred_codes_redeemed_fifty_times_at_once_are_good_once_each(
    pair: Pair, client: Client
) -> None:
    await redeem_at_once(200, pair, client)
