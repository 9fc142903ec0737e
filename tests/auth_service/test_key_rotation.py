"""Rotation by plan: once, safe, by the schedule or by command, whoever else wants it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import pytest

from auth_service.key_rotation import StepRefused
from shared import jws
from shared.jws import SigningKey
from tests.auth_service.ring import (
    kid_of_new_token,
    new_token,
    published,
    states,
    stored,
    turn,
)

MAX_AGE = 300
DAY = 86_400


async def until(condition: Callable[[], Awaitable[bool]], within: float = 5) -> None:
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - as clients see it
            await asyncio.sleep(0.05)


async def test_rotation_is_refused_until_every_verifier_can_know_the_next_key(
    issuer: Any, clock: Any
) -> None:
    before = await published(issuer)
    clock.seconds += 2 * MAX_AGE - 1
    with pytest.raises(StepRefused) as refusal:
        await issuer.server.rotation.rotate(issuer.server.db)
    assert refusal.value.possible_at == datetime.fromtimestamp(clock.seconds + 1, UTC)
    assert await published(issuer) == before
    assert await states(issuer) == ["active", "published"]


async def test_rotation_changes_what_signs_and_keeps_what_verifies(issuer: Any, clock: Any) -> None:
    old, following = await published(issuer)
    token = await new_token(issuer)
    clock.seconds += 2 * MAX_AGE
    assert await issuer.server.rotation.rotate(issuer.server.db) == following
    kids = await published(issuer)
    assert kids[:2] == [old, following]
    assert len(kids) == 3
    assert await states(issuer) == ["active", "published", "retired"]
    assert await kid_of_new_token(issuer) == following
    header, payload, signature = token.encode().split(b".")
    key = issuer.server.keys.trusted(old)
    assert key.verify(header + b"." + payload, jws.decode(signature))


async def test_a_retired_key_is_removed_when_the_last_token_under_it_has_expired(
    start: Any, clock: Any
) -> None:
    async with start(access_token_lifetime=1000) as issuer:
        old, *_ = await published(issuer)
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 1000 + 30 + MAX_AGE - 1
        assert old in await published(issuer)
        clock.seconds += 1
        assert old not in await published(issuer)
        assert issuer.server.keys.trusted(old) is None
        row = await issuer.server.db.fetchrow("SELECT * FROM signing_keys WHERE kid = $1", old)
        assert row["removed_at"] is not None
        assert row["encrypted_private"] is None


async def test_a_shorter_token_lifetime_does_not_remove_a_key_too_early(
    start: Any, clock: Any
) -> None:
    async with start(access_token_lifetime=3600) as issuer:
        old, *_ = await published(issuer)
    async with start(access_token_lifetime=60) as issuer:
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 3600
        assert old in await published(issuer)


async def test_a_shorter_max_age_does_not_hurry_a_rotation(start: Any, clock: Any) -> None:
    async with start(jwks_max_age=3600):
        pass
    async with start(jwks_max_age=60) as issuer:
        clock.seconds += 7199
        with pytest.raises(StepRefused, match="verifiers may not know the next key yet"):
            await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 1
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 7200  # the key that was the last one then was served with both
        await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 119
        with pytest.raises(StepRefused):
            await issuer.server.rotation.rotate(issuer.server.db)
        clock.seconds += 1
        await issuer.server.rotation.rotate(issuer.server.db)


async def test_of_fifty_rotations_at_once_by_two_issuers_one_happens(
    start: Any, issuer: Any, clock: Any
) -> None:
    async with start() as other:
        clock.seconds += 2 * MAX_AGE
        results = await asyncio.gather(
            *(
                chosen.server.rotation.rotate(chosen.server.db)
                for _ in range(25)
                for chosen in (issuer, other)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(result, str) for result in results) == 1
        assert sum(isinstance(result, StepRefused) for result in results) == 49
        assert await states(issuer) == ["active", "published", "retired"]
        events = "SELECT event FROM audit_log WHERE kid IS NOT NULL ORDER BY id"
        assert [row["event"] for row in await issuer.server.db.fetch(events)] == [
            *("key published", "key activated", "key published"),
            *("key retired", "key activated", "key published"),
        ]


async def test_when_the_period_is_over_one_issuer_rotates_and_all_follow(
    start: Any, issuer: Any, clock: Any
) -> None:
    async with start() as other:
        old, following = await published(issuer)
        clock.seconds += 30 * DAY - 1
        await asyncio.sleep(1.5)  # the issuers look
        assert await kid_of_new_token(issuer) == old
        clock.seconds += 1

        async def both_follow() -> bool:
            kids = {await kid_of_new_token(issuer), await kid_of_new_token(other)}
            return kids == {following}

        await until(both_follow)
        assert await states(issuer) == ["active", "published", "retired"]


async def test_of_twenty_issuers_that_find_a_rotation_due_one_takes_the_step(
    start: Any, clock: Any
) -> None:
    async with start(key_rotation_period=DAY) as issuer, start(key_rotation_period=DAY) as other:
        clock.seconds += DAY
        await asyncio.gather(*(turn(one) for _ in range(10) for one in (issuer, other)))
        assert await states(issuer) == ["active", "published", "retired"]


async def test_with_period_zero_nothing_rotates_by_itself(start: Any, clock: Any) -> None:
    async with start(key_rotation_period=0) as issuer:
        before = await published(issuer)
        clock.seconds += 3650 * DAY
        assert await published(issuer) == before


async def test_a_next_key_that_is_missing_is_published(issuer: Any) -> None:
    await issuer.server.db.execute("DELETE FROM signing_keys WHERE activated_at IS NULL")
    assert await states(issuer) == ["active"]
    await turn(issuer)
    assert await states(issuer) == ["active", "published"]


async def test_other_issuers_see_a_rotation_within_seconds(
    start: Any, issuer: Any, clock: Any
) -> None:
    async with start() as other:
        clock.seconds += 2 * MAX_AGE
        following: str = await issuer.server.rotation.rotate(issuer.server.db)

        async def seen() -> bool:
            return await kid_of_new_token(other) == following

        await until(seen)


async def test_they_see_it_though_every_connection_was_cut(
    start: Any, issuer: Any, clock: Any, auth_database_url: str
) -> None:
    async with start() as other:
        clock.seconds += 2 * MAX_AGE
        following = await issuer.server.rotation.rotate(issuer.server.db)
        connection = await asyncpg.connect(auth_database_url)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()

        async def seen() -> bool:
            return bool(other.server.keys.active_kid == following)

        await until(seen)
        await until(lambda: is_issuing(other))


async def is_issuing(issuer: Any) -> bool:
    response: httpx.Response = await issuer.token(grant_type="client_credentials")
    return response.status_code == 200


async def test_a_rotation_that_is_cut_off_has_not_happened(
    issuer: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await published(issuer)
    clock.seconds += 2 * MAX_AGE

    def fail(_bits: int) -> SigningKey:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SigningKey, "generate", fail)
        with pytest.raises(KeyboardInterrupt):
            await issuer.server.rotation.rotate(issuer.server.db)
    assert await published(issuer) == before
    assert await states(issuer) == ["active", "published"]
    await issuer.server.rotation.rotate(issuer.server.db)


async def test_a_key_that_is_still_needed_is_not_removed_and_it_says_from_when_it_may_be(
    issuer: Any, clock: Any
) -> None:
    old, following = await published(issuer)
    rotation, db = issuer.server.rotation, issuer.server.db
    for kid, reason in ((old, "it signs"), (following, "it is the next to sign")):
        with pytest.raises(StepRefused, match=reason):
            await rotation.remove(db, kid)
    clock.seconds += 2 * MAX_AGE
    await rotation.rotate(db)
    clock.seconds += 600 + 30 + MAX_AGE - 1
    with pytest.raises(StepRefused, match="tokens under it may still be good") as refusal:
        await rotation.remove(db, old)
    assert refusal.value.possible_at == datetime.fromtimestamp(clock.seconds + 1, UTC)
    assert (await stored(issuer))[old].state == "retired"
    clock.seconds += 1
    await rotation.remove(db, old)
    assert (await stored(issuer))[old].state == "removed"
    with pytest.raises(StepRefused, match="removed already"):
        await rotation.remove(db, old)
    with pytest.raises(StepRefused, match="there is no key nothing"):
        await rotation.remove(db, "nothing")


@pytest.mark.parametrize("bits", [3072, 4096])
async def test_another_key_size_comes_with_the_next_published_key(
    start: Any, clock: Any, bits: int
) -> None:
    async with start():
        pass
    async with start(signing_key_bits=bits) as issuer:
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        assert await bits_published(issuer) == [2048, 2048, bits]
        clock.seconds += 2 * MAX_AGE
        await issuer.server.rotation.rotate(issuer.server.db)
        await turn(issuer)
        signature = issuer.server.keys.sign(b"{}", typ="at+jwt").split(".")[2]
        assert len(jws.decode(signature.encode())) * 8 == bits


async def bits_published(issuer: Any) -> list[int]:
    await turn(issuer)
    keys = (await issuer.http.get("/.well-known/jwks.json")).json()["keys"]
    return [len(jws.decode(key["n"].encode())) * 8 for key in keys]
