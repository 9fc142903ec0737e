"""What ends a log-in races with the refreshes of it, at two issuer processes (fault 6)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from lab.client import Client, Request
from shared import jws, status_list
from tests.system.faults import database
from tests.system.faults.pair import PASSWORD, Pair, Tokens, as_json, tokens_in


@dataclass
class Session:
    """Somebody who is logged in several times and refreshes each, on and on, until refused."""

    pair: Pair
    client: Client
    username: str
    held: list[str] = field(default_factory=list)  # the newest refresh token of each log-in
    access_tokens: list[str] = field(default_factory=list)

    async def refresh_until_refused(self, tokens: Tokens, number: int) -> None:
        chance = random.Random(number)
        while True:
            self.access_tokens.append(tokens.access_token)
            self.held[number] = tokens.refresh_token
            url = chance.choice(self.pair.urls)
            response = await self.client.send(self.pair.refresh(url, tokens.refresh_token))
            if response.status != 200:
                assert (response.status, response.error) == (400, "invalid_grant")
                return
            tokens = tokens_in(response.body)

    async def log_in_until_refused(self) -> None:
        """Log in anew each time; these too must end."""
        while True:
            request = self.pair.log_in(self.pair.front, self.username)
            response = await self.client.send(request)
            if response.status != 200:
                assert (response.status, response.error) == (400, "invalid_grant")
                return
            tokens = tokens_in(response.body)
            self.access_tokens.append(tokens.access_token)
            self.held.append(tokens.refresh_token)

    @asynccontextmanager
    async def under_way(self, log_ins: int, *, new_ones: bool) -> AsyncIterator[None]:
        """Refresh while the block runs, which is to end all of it."""
        first = [await self.pair.tokens(self.client, self.username) for _ in range(log_ins)]
        self.held = [tokens.refresh_token for tokens in first]
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for number, tokens in enumerate(first):
                group.create_task(self.refresh_until_refused(tokens, number))
            if new_ones:
                group.create_task(self.log_in_until_refused())
            yield

    async def assert_nothing_survived(self) -> None:
        for token in self.held:
            response = await self.client.send(self.pair.refresh(self.pair.front, token))
            assert (response.status, response.error) == (400, "invalid_grant")
        lists: dict[str, bytes] = {}
        for token in self.access_tokens:
            uri, idx = status_of(token)
            if uri not in lists:
                lists[uri] = await self._fetch(uri)
            assert lists[uri][idx >> 3] >> (idx & 7) & 1, "an access token is still good"

    async def _fetch(self, uri: str) -> bytes:
        response = await self.client.send(Request("GET", uri))
        claims = payload(response.body.decode())
        return status_list.unpack(claims["status_list"]["lst"])


def payload(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = msgspec.json.decode(jws.decode(token.split(".")[1].encode()))
    return claims


def status_of(access_token: str) -> tuple[str, int]:
    status = payload(access_token)["status"]["status_list"]
    return status["uri"], status["idx"]


async def new_password(session: Session) -> None:
    change = {"old_password": PASSWORD, "new_password": "eight red pears"}
    url = f"{session.pair.front}/users/{session.username}/password"
    assert (await session.client.send(as_json("PUT", url, change))).status == 204


async def disabled(session: Session) -> None:
    await session.pair.command("users", "disable", session.username)


async def logged_out(session: Session) -> None:
    """Revoke each log-in by the token that the app holds (RFC 7009)."""
    for number in range(len(session.held)):
        request = session.pair.revoke(session.pair.front, session.held[number])
        assert (await session.client.send(request)).status == 200


ENDS = {
    "a new password": (new_password, True),
    "the user is disabled": (disabled, True),
    "log-out": (logged_out, False),
}
End = Callable[[Session], Awaitable[None]]


async def race(rounds: int, pair: Pair, client: Client, end: End, *, new_ones: bool) -> None:
    chance, sessions = random.Random(6), []
    for _ in range(rounds):
        session = Session(pair, client, await pair.register(client))
        async with session.under_way(4, new_ones=new_ones):
            await asyncio.sleep(chance.uniform(0, 0.1))
            await end(session)
        await session.assert_nothing_survived()
        sessions.append(session)
    print(
        f"{rounds} rounds: {sum(len(session.access_tokens) for session in sessions)} access tokens"
        f" of {sum(len(session.held) for session in sessions)} log-ins, none survived"
    )
    await database.assert_whole(pair.postgres)


@pytest.mark.parametrize(("end", "new_ones"), ENDS.values(), ids=ENDS)
async def test_nothing_survives(pair: Pair, client: Client, end: End, new_ones: bool) -> None:
    await race(1, pair, client, end, new_ones=new_ones)


@pytest.mark.faults
@pytest.mark.parametrize(("end", "new_ones"), ENDS.values(), ids=ENDS)
async def test_nothing_survives_many_races(
    pair: Pair, client: Client, end: End, new_ones: bool
) -> None:
    await race(5 if end is disabled else 25, pair, client, end, new_ones=new_ones)
