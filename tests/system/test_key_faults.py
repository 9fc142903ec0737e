"""The signing keys turn, and are revoked, while everybody goes on: real processes, real time."""

import asyncio
import statistics
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from lab.load import Shot, fire
from tests.system.key_site import KeySite, Token, key_site

LIFETIME = 20  # seconds of an access token
RATE = 60  # requests a second


class Traffic:
    """Tokens issued all the time, and a steady load with all of them that have not expired."""

    def __init__(self, site: KeySite) -> None:
        self.tokens: list[Token] = []
        self.shots: list[Shot] = []
        self.first_uses: Counter[int] = Counter()  # by status
        self._site = site
        self._over = False

    @property
    def kids(self) -> set[str]:
        return {token.kid for token in self.tokens}

    async def until_rotated(self, times: int, within: float) -> None:
        self.tokens.append(await self._site.issue())
        async with asyncio.timeout(within), asyncio.TaskGroup() as group:
            group.create_task(self._issue())
            group.create_task(self._load())
            while len(self.kids) <= times:  # noqa: ASYNC110 - the tokens say it
                await asyncio.sleep(0.1)
            await asyncio.sleep(3)  # the replicas drop nothing that is still needed
            self._over = True

    async def _issue(self) -> None:
        """Each token is used at once: no replica may be the last one to know its key."""
        while not self._over:
            token = await self._site.issue()
            self.tokens.append(token)
            for replica in self._site.replicas:
                response = await self._site.client.send(token.request(replica))
                self.first_uses[response.status] += 1
            await asyncio.sleep(0.1)

    async def _load(self) -> None:
        while not self._over:
            good = [
                token
                for token in self.tokens
                if time.monotonic() - token.issued_at < LIFETIME - 3  # this second, and a margin
            ]
            requests = [token.request(self._site.api) for token in good[:: len(good) // RATE + 1]]
            self.shots += await fire(self._site.client, requests, rate=RATE, count=RATE)


@pytest.mark.parametrize(
    "times",
    [pytest.param(1, id="quick"), pytest.param(10, id="slow", marks=pytest.mark.faults)],
)
async def test_rotations_under_load_fail_no_request(
    state_folder: Path, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with key_site(
        state_folder,
        AUTH_JWKS_MAX_AGE="2",
        AUTH_KEY_ROTATION_PERIOD="1",
        AUTH_ACCESS_TOKEN_LIFETIME=str(LIFETIME),
    ) as site:
        traffic = Traffic(site)
        began = time.monotonic()
        await traffic.until_rotated(times, within=60 + 15 * times)
        seconds = time.monotonic() - began
    latencies = statistics.quantiles((shot.latency for shot in traffic.shots), n=100)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(traffic.kids) - 1} rotations in {seconds:.0f} s, two issuers, four replicas: "
            f"{len(traffic.tokens)} tokens, {sum(traffic.first_uses.values())} first uses, "
            f"{len(traffic.shots)} requests under load, median {latencies[49] * 1000:.1f} ms, "
            f"p99 {latencies[98] * 1000:.1f} ms; by status "
            f"{dict(traffic.first_uses + Counter(shot.status for shot in traffic.shots))}"
        )
    assert len(traffic.kids) > times
    assert {shot.status for shot in traffic.shots} == {200}
    assert set(traffic.first_uses) == {200}
    assert len({shot.replica for shot in traffic.shots}) == 4


async def test_a_revoked_key_is_refused_by_every_replica_within_the_max_age(
    state_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    max_age = 10
    async with key_site(state_folder, AUTH_JWKS_MAX_AGE=str(max_age)) as site:
        token = await site.issue()
        accepted: dict[str, float] = {}  # when last, by replica
        refused: set[str] = set()

        async def watch(replica: str) -> None:
            while replica not in refused:
                response = await site.client.send(token.request(replica))
                if response.status == 200:
                    accepted[replica] = time.time()
                else:
                    assert (response.status, response.error) == (401, "invalid_token")
                    refused.add(replica)
                await asyncio.sleep(0.02)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for replica in site.replicas:
                group.create_task(watch(replica))
            await asyncio.sleep(0.5)
            assert accepted.keys() == site.replicas.keys()
            await site.admin("keys", "revoke", token.kid, "--yes")
            await assert_taken_over(site, token.kid)
        revoked_at = await removed_at(site, token.kid)
        bounds = sorted(last - revoked_at.timestamp() for last in accepted.values())
        with capsys.disabled():
            print(  # noqa: T201
                "\nrevoked: last accepted after "
                + ", ".join(f"{bound:.1f}" for bound in bounds)
                + f" s at the four replicas; max-age {max_age} s"
            )
        assert bounds[-1] <= max_age
        await assert_it_stays_refused(site, token)


@pytest.mark.faults
async def test_a_fresh_key_in_an_emergency_is_known_by_every_replica_when_it_signs(
    state_folder: Path,
) -> None:
    async with key_site(state_folder) as site:  # the replicas would fetch again after 240 s
        before = await site.issue()
        rotation = asyncio.create_task(
            site.admin("keys", "rotate", "--emergency", "--fresh", "--yes")
        )
        after = before
        async with asyncio.timeout(30):
            while after.kid == before.kid:
                after = await site.issue()
        await rotation
        statuses = Counter(
            [
                (await site.client.send(token.request(replica))).status
                for token in (after, before)
                for replica in site.replicas
            ]
        )
        assert statuses == {200: 8}


async def assert_taken_over(site: KeySite, revoked: str) -> None:
    """Both issuers sign with the next key within seconds, and every replica knows it."""
    async with asyncio.timeout(5):
        tokens = [await site.issue() for _ in range(4)]
        while any(token.kid == revoked for token in tokens):
            tokens = [await site.issue() for _ in range(4)]
    for token in tokens:
        for replica in site.replicas:
            assert (await site.client.send(token.request(replica))).status == 200


async def assert_it_stays_refused(site: KeySite, token: Token) -> None:
    """By a replica too that starts anew, with the keys that it has in its file."""
    replica, process = next(iter(site.replicas.items()))
    await process.stop()
    await process.start()
    await process.wait_until_ready()
    for address in (replica, *site.replicas):
        assert (await site.client.send(token.request(address))).status == 401


async def removed_at(site: KeySite, kid: str) -> datetime:
    connection = await asyncpg.connect(site.stack.databases.auth_url)
    time_of_it: datetime = await connection.fetchval(
        "SELECT removed_at FROM signing_keys WHERE kid = $1", kid
    )
    await connection.close()
    return time_of_it.astimezone(UTC)
