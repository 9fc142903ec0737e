"""The issuer's key set is down, slow, or not what it should be (faults 13 to 19).

Each replica is a real process; it asks for its keys again every second here. Beside it runs a
twin with a good issuer, under the same load at the same time.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from lab.client import Client, NoAnswer, Request
from lab.load import Shot, fire
from shared.jws import SigningKey
from tests.resource_service.issuer import JwksServer, jwk_set, respond
from tests.system.faults.gate import (
    LONG,
    RATE,
    SHORT,
    Gate,
    assert_unharmed,
    forged_token,
    gate,
    traffic,
    valid_token,
)
from tests.system.faults.key_set_answers import hostile_answers
from tests.system.faults.waiting import until

KEY: Final = SigningKey.generate()
NEXT_KEY: Final = SigningKey.generate()
ANSWERS: Final = hostile_answers(KEY.public_jwk)
COOLDOWN: Final = 30  # seconds between two fetches that strangers force


@pytest.fixture(scope="module")
async def folder(state_folder: Path) -> Path:
    path = state_folder / "gates"
    path.mkdir()
    return path


async def serving(*keys: SigningKey, headers: str = SHORT) -> JwksServer:
    issuer = JwksServer()
    issuer.serve(*keys, headers=headers)
    await issuer.start()
    return issuer


@pytest.fixture(scope="module")
async def twin(folder: Path) -> AsyncIterator[Gate]:
    """The replica to which nothing is done."""
    issuer = await serving(KEY)
    async with gate(folder, issuer) as running:
        yield running
    await issuer.stop()


@pytest.fixture(scope="module")
async def victim(folder: Path) -> AsyncIterator[Gate]:
    """The replica whose issuer goes bad; it may be good again at the end of each test."""
    issuer = await serving(KEY)
    async with gate(folder, issuer) as running:
        yield running
    await issuer.stop()


@pytest.fixture(scope="module")
def tokens() -> list[str]:
    return [valid_token(KEY) for _ in range(50)]


async def meet(
    what: str, victim: Gate, twin: Gate, tokens: list[str], client: Client, seconds: float
) -> None:
    """Let the victim's issuer give a bad answer under traffic, and then a good one again."""
    answer, outcome = ANSWERS[what]
    before = (await victim.fetches(client)).get(outcome, 0)

    async def met() -> bool:
        return (await victim.fetches(client)).get(outcome, 0) > before

    victim.issuer.answer = answer
    try:
        shots, control = await traffic(client, [victim, twin], tokens, seconds)
        await until(met, within=5)
    finally:
        victim.issuer.serve(KEY, headers=SHORT)
    assert_unharmed(f"JWKS {what}", shots, control)
    good = (await victim.fetches(client))["ok"]

    async def good_again() -> bool:
        return (await victim.fetches(client))["ok"] > good

    await until(good_again, within=10)


async def test_the_good_keys_stay_and_nobody_waits_when_the_key_server_fails(
    victim: Gate, twin: Gate, tokens: list[str], client: Client
) -> None:
    await meet("an error", victim, twin, tokens, client, seconds=1)


@pytest.mark.faults
@pytest.mark.parametrize("what", ANSWERS)
async def test_the_good_keys_stay_and_nobody_waits_when_the_key_set_is(
    what: str, victim: Gate, twin: Gate, tokens: list[str], client: Client
) -> None:
    await meet(what, victim, twin, tokens, client, seconds=4.5 if what in ("slow", "hung") else 2)


async def refuse(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Hang up without a word."""


@pytest.mark.parametrize(
    "what",
    ["gone", "HTML", *(pytest.param(what, marks=pytest.mark.faults) for what in ("hung", "slow"))],
)
async def test_a_replica_that_starts_without_its_keys_says_503_and_recovers_in_seconds(
    what: str, folder: Path, client: Client
) -> None:
    issuer = await serving(KEY)
    issuer.answer = refuse if what == "gone" else ANSWERS[what][0]
    if what == "gone":
        await issuer.stop()
    async with gate(folder, issuer, ready=False) as starting:
        whoami = starting.whoami(valid_token(KEY))
        for _ in range(5):
            answer = await client.send(whoami)
            assert (answer.status, answer.error) == (503, "temporarily_unavailable")
            assert answer.header("www-authenticate") is None
            assert int(answer.header("retry-after") or 0) >= 1
            ready = await client.send(Request("GET", f"{starting.url}/health/ready"))
            assert ready.status == 503
            await asyncio.sleep(0.2)
        issuer.serve(KEY, headers=SHORT)
        if what == "gone":
            await issuer.start()

        async def well() -> bool:
            status = (await client.send(whoami)).status
            assert status in (200, 503)
            return status == 200

        seconds = await until(well, within=8)
        print(f"started with the JWKS {what}: 503, and 200 {seconds:.1f} s after it came up")
    await issuer.stop()


async def withstand_flood(
    seconds: float, victim: Gate, twin: Gate, tokens: list[str], client: Client
) -> None:
    """The twin gets as many bad tokens, but of a `kid` that it knows."""
    count = int(seconds * RATE)
    unknown = [victim.whoami(forged_token(secrets.token_urlsafe(32))) for _ in range(count)]
    known = [twin.whoami(forged_token(KEY.kid)) for _ in range(200)]
    before = victim.issuer.connections
    async with asyncio.TaskGroup() as group:
        strangers = [
            group.create_task(fire(client, requests, rate=RATE, count=count))
            for requests in (unknown, known)
        ]
        valid = group.create_task(traffic(client, [victim, twin], tokens, seconds))
    fetches = victim.issuer.connections - before
    print(f"{count} random kids in {seconds:.0f} s: {fetches} fetches")
    assert_unharmed("flood of random kids", *valid.result())
    assert {shot.status for task in strangers for shot in task.result()} == {401}
    assert 1 <= fetches <= 1 + seconds // COOLDOWN


@pytest.fixture
async def steady(folder: Path) -> AsyncIterator[Gate]:
    """A replica with keys that stay fresh for an hour: what it fetches, strangers forced."""
    issuer = await serving(KEY, headers=LONG)
    async with gate(folder, issuer) as running:
        assert issuer.connections == 1
        yield running
    await issuer.stop()


async def test_a_flood_of_random_kids_forces_one_fetch(
    steady: Gate, twin: Gate, tokens: list[str], client: Client
) -> None:
    await withstand_flood(2, steady, twin, tokens, client)


@pytest.mark.faults
async def test_a_long_flood_of_random_kids_forces_one_fetch_per_cooldown(
    steady: Gate, twin: Gate, tokens: list[str], client: Client
) -> None:
    await withstand_flood(12, steady, twin, tokens, client)


async def test_a_fetch_outlives_the_request_that_began_it(steady: Gate, client: Client) -> None:
    """Who asks with a key that is new here waits for the fetch that somebody else began."""
    served = asyncio.Event()
    document = respond(jwk_set(KEY.public_jwk, NEXT_KEY.public_jwk), headers=LONG)

    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        await document(reader, writer)
        served.set()

    steady.issuer.answer = answer_late
    new = steady.whoami(valid_token(NEXT_KEY))
    async with Client(timeout=0.2) as impatient:
        with pytest.raises(NoAnswer):
            await impatient.send(new)
    assert not served.is_set()
    answers = await asyncio.gather(*(client.send(new) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert steady.issuer.connections == 2


@pytest.mark.faults
async def test_the_event_loop_goes_on_while_the_longest_key_set_is_read(
    victim: Gate, twin: Gate, client: Client
) -> None:
    """256 KiB with 32 good keys, fetched anew every second and each key new every time."""
    generated = [await asyncio.to_thread(SigningKey.generate) for _ in range(36)]
    documents = [
        jwk_set(
            *({**key.public_jwk, "x-filler": "A" * 7600} for key in (KEY, *generated[n : n + 31]))
        )
        for n in range(6)
    ]
    clock = asyncio.get_running_loop().time
    fetched_at: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched_at.append(clock() - start)
        await respond(documents[len(fetched_at) % 6], headers=SHORT)(reader, writer)

    async def probe(one: Gate) -> list[Shot]:
        live = Request("GET", f"{one.url}/health/live")
        return await fire(client, live, rate=RATE, count=900, start=start)

    victim.issuer.answer, start = answer, clock() + 0.1
    shots, control = await asyncio.gather(probe(victim), probe(twin))
    victim.issuer.serve(KEY, headers=SHORT)
    longest, usual = (longest_wait_at(fetched_at, each) for each in (shots, control))
    print(
        f"{len(fetched_at)} fetches of {len(documents[0])} octets: longest wait during one"
        f" {longest * 1000:.1f} ms (median), {usual * 1000:.1f} ms at the twin meanwhile"
    )
    assert len(fetched_at) >= 5
    assert longest < 0.05


def longest_wait_at(moments: list[float], shots: list[Shot]) -> float:
    """The longest latency around each moment; of these the median, since the machine stalls too."""
    longest = [
        max((shot.latency for shot in shots if moment - 0.05 < shot.due < moment + 0.15), default=0)
        for moment in moments
    ]
    return sorted(longest)[len(longest) // 2]
