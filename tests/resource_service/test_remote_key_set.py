"""The policies of the key set cache: on an injected clock, against a real HTTP server."""

import asyncio

import pytest

from resource_service.remote_key_set import RemoteKeySet
from shared import jws
from shared.errors import TemporarilyUnavailable
from shared.jws import SigningKey
from tests.resource_service.clock import Clock, MakeKeySet, fetched
from tests.resource_service.issuer import JwksServer, jwk_set, respond


async def test_is_fetched_anew_when_four_fifths_of_its_life_are_over(
    clock: Clock, keys: RemoteKeySet, jwks: JwksServer
) -> None:
    await clock.advance(239)
    assert jwks.connections == 1
    await clock.advance(1)
    assert jwks.connections == 2
    assert keys.age == 0


@pytest.mark.parametrize(
    ("cache_control", "refresh_after"),
    [
        pytest.param("", 240, id="none"),
        pytest.param("Cache-Control: no-cache\r\n", 240, id="without max-age"),
        pytest.param("Cache-Control: public, max-age=600\r\n", 480, id="max-age"),
        pytest.param("Cache-Control: PUBLIC,MAX-AGE=600\r\n", 480, id="in capitals"),
        pytest.param("Cache-Control: s-maxage=600\r\n", 240, id="of shared caches only"),
        pytest.param("Cache-Control: max-age=0\r\n", 48, id="short"),
        pytest.param("Cache-Control: max-age=86400\r\n", 2880, id="long"),
        pytest.param(f"Cache-Control: max-age={'9' * 5000}\r\n", 2880, id="absurd"),
        pytest.param("Cache-Control: max-age=-1\r\n", 240, id="negative"),
        pytest.param("Cache-Control: max-age=600\r\nAge: 100\r\n", 400, id="aged in a cache"),
        pytest.param("Cache-Control: max-age=600\r\nAge: 900\r\n", 48, id="stale in a cache"),
        pytest.param("Cache-Control: max-age=600\r\nAge: -100\r\n", 480, id="age is no number"),
    ],
)
async def test_its_life_is_the_max_age_within_bounds(
    clock: Clock,
    make: MakeKeySet,
    jwks: JwksServer,
    signing_key: SigningKey,
    cache_control: str,
    refresh_after: float,
) -> None:
    jwks.serve(signing_key, headers=cache_control)
    async with make().kept_fresh():
        await fetched()
        await clock.advance(refresh_after - 1)
        assert jwks.connections == 1
        await clock.advance(1)
        assert jwks.connections == 2


async def test_its_shortest_life_can_be_set(
    clock: Clock, make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    jwks.serve(signing_key, headers="Cache-Control: max-age=10\r\n")
    async with make(shortest_life=1).kept_fresh():
        await fetched()
        await clock.advance(8)
        assert jwks.connections == 2


async def test_a_thousand_callers_at_a_cold_start_cause_one_fetch(
    make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    keys = make()
    found = await asyncio.gather(*(keys.key(signing_key.kid) for _ in range(1000)))
    assert jwks.connections == 1
    assert {key.kid for key in found if key} == {signing_key.kid}


async def test_an_unchanged_key_stays_the_very_same_object(
    clock: Clock,
    keys: RemoteKeySet,
    jwks: JwksServer,
    signing_key: SigningKey,
    other_key: SigningKey,
) -> None:
    before = keys.trusted(signing_key.kid)
    jwks.serve(other_key, signing_key)
    await clock.advance(240)
    assert keys.trusted(other_key.kid) is not None
    assert keys.trusted(signing_key.kid) is before


async def test_other_key_material_under_a_known_kid_is_another_object(
    clock: Clock,
    keys: RemoteKeySet,
    jwks: JwksServer,
    signing_key: SigningKey,
    other_key: SigningKey,
) -> None:
    before = keys.trusted(signing_key.kid)
    jwks.answer = respond(jwk_set({**other_key.public_jwk, "kid": signing_key.kid}))
    await clock.advance(240)
    after = keys.trusted(signing_key.kid)
    assert after is not None
    assert after is not before
    header, payload, signature = other_key.sign(b"{}", typ="JWT").encode().split(b".")
    assert after.verify(header + b"." + payload, jws.decode(signature))


async def test_a_withdrawn_key_is_gone_with_the_next_fetch(
    clock: Clock,
    keys: RemoteKeySet,
    jwks: JwksServer,
    signing_key: SigningKey,
    other_key: SigningKey,
) -> None:
    jwks.serve(other_key)
    await clock.advance(240)
    assert keys.trusted(signing_key.kid) is None
    assert await keys.key(signing_key.kid) is None


async def test_an_unknown_kid_forces_a_fetch_that_finds_a_new_key(
    keys: RemoteKeySet, jwks: JwksServer, signing_key: SigningKey, other_key: SigningKey
) -> None:
    jwks.serve(signing_key, other_key)
    assert (await keys.key(other_key.kid)) is not None
    assert jwks.connections == 2


@pytest.mark.parametrize("issuer_lives", [True, False])
async def test_a_flood_of_unknown_kids_forces_one_fetch_per_cooldown(
    clock: Clock, keys: RemoteKeySet, jwks: JwksServer, signing_key: SigningKey, issuer_lives: bool
) -> None:
    if not issuer_lives:
        jwks.answer = respond(b"", status="500 Internal Server Error")
    for count in (2, 3, 4):
        outcomes = await asyncio.gather(*(outcome(keys, f"kid-{n}") for n in range(500)))
        outcomes += [await outcome(keys, f"kid-{n}") for n in range(100)]
        assert jwks.connections == count
        if issuer_lives:
            assert set(outcomes) == {None}
        else:  # it might be a new key, so nobody may say that the token is bad
            assert {type(outcome) for outcome in outcomes} == {TemporarilyUnavailable}
        assert keys.trusted(signing_key.kid) is not None
        await clock.advance(30 - 1e-3)
        assert (await outcome(keys, "late") is None) is issuer_lives
        assert jwks.connections == count
        await clock.advance(1e-3)


async def outcome(keys: RemoteKeySet, kid: str) -> object:
    try:
        return await keys.key(kid)
    except TemporarilyUnavailable as error:
        return error


async def test_what_is_unknown_leaves_no_trace(keys: RemoteKeySet) -> None:
    def size() -> int:
        return sum(len(v) for v in vars(keys).values() if isinstance(v, dict | list | set))

    before = size()
    for number in range(1000):
        await keys.key(f"kid-{number}")
    assert size() == before


async def test_failures_back_off_from_one_second_to_a_minute_until_one_succeeds(
    clock: Clock, make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    jwks.answer = respond(b"", status="503 Service Unavailable")
    keys = make()
    async with keys.kept_fresh():
        await fetched()
        for failures, pause in enumerate((1, 2, 4, 8, 16, 32, 60, 60, 60), start=1):
            assert jwks.connections == failures
            await clock.advance(pause - 0.01)
            assert jwks.connections == failures
            await clock.advance(0.01)
        jwks.serve(signing_key)
        await clock.advance(60)
        assert keys.usable
        assert keys.fetches == {"refused": 10, "ok": 1}
        before = jwks.connections
        await clock.advance(239)
        assert jwks.connections == before


async def test_chance_halves_a_pause_at_most(
    clock: Clock, make: MakeKeySet, jwks: JwksServer
) -> None:
    jwks.answer = respond(b"", status="503 Service Unavailable")
    async with make(jitter=lambda: 1.0).kept_fresh():
        await fetched()
        for failures, pause in enumerate((0.5, 1, 2, 4, 8, 16, 30, 30), start=1):
            assert jwks.connections == failures
            await clock.advance(pause)


async def test_a_forced_fetch_that_fails_does_not_hurry_the_planned_one(
    clock: Clock, keys: RemoteKeySet, jwks: JwksServer
) -> None:
    jwks.answer = respond(b"", status="500 Internal Server Error")
    with pytest.raises(TemporarilyUnavailable):
        await keys.key("unknown")
    await clock.advance(239)
    assert jwks.connections == 2
    await clock.advance(1)
    assert jwks.connections == 3


async def test_keys_stay_usable_for_an_hour_after_the_last_good_fetch_and_no_longer(
    clock: Clock, keys: RemoteKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    await jwks.stop()
    await clock.advance(3599)
    assert keys.usable
    assert keys.trusted(signing_key.kid) is not None
    await clock.advance(1)
    assert not keys.usable
    assert keys.trusted(signing_key.kid) is None
    with pytest.raises(TemporarilyUnavailable) as refusal:
        await keys.key(signing_key.kid)
    assert 1 <= refusal.value.retry_after <= 60


async def test_recovers_by_itself_when_the_issuer_comes_back(
    clock: Clock, keys: RemoteKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    await jwks.stop()
    await clock.advance(7200)
    assert not keys.usable
    await jwks.start()
    await clock.advance(60)
    assert keys.trusted(signing_key.kid) is not None


async def test_a_cold_start_without_the_issuer_cannot_know(
    clock: Clock, make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    await jwks.stop()
    keys = make()
    async with keys.kept_fresh():
        outcomes = await asyncio.gather(
            *(keys.key(signing_key.kid) for _ in range(100)), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {TemporarilyUnavailable}
        await jwks.start()
        await clock.advance(1)
        assert keys.usable
        assert await keys.key(signing_key.kid) is not None


async def test_the_fetch_goes_on_when_the_request_that_began_it_is_gone(
    make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    good, release = jwks.answer, asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        await good(reader, writer)

    jwks.answer = wait
    keys = make()
    first = asyncio.create_task(keys.key(signing_key.kid))
    await jwks.asked(1)
    second = asyncio.create_task(keys.key(signing_key.kid))
    await asyncio.sleep(0)
    first.cancel()
    release.set()
    assert await second is not None
    assert jwks.connections == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_is_kept_fresh_without_anybody_asking_and_left_alone_at_the_end(
    clock: Clock, make: MakeKeySet, jwks: JwksServer
) -> None:
    async with make().kept_fresh():
        await fetched()
        await clock.advance(2400)
        assert jwks.connections == 11
    assert clock.timers == []
    await clock.advance(2400)
    assert jwks.connections == 11


async def test_ends_at_once_while_a_fetch_hangs(make: MakeKeySet, jwks: JwksServer) -> None:
    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)

    jwks.answer = hang
    keys = make(timeout=60)
    async with asyncio.timeout(1):
        async with keys.kept_fresh():
            waiting = asyncio.create_task(keys.key("any"))
            await jwks.asked(1)
        with pytest.raises(TemporarilyUnavailable):
            await waiting
