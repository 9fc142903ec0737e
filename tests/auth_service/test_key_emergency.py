"""Emergencies: a key that signs too early, and keys that leave before their time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from auth_service.key_rotation import KeyRotation, StepRefused
from auth_service.store import signing_keys
from tests.auth_service.ring import kid_of_new_token, published, states, stored, turn


class Pauses:
    """Takes no time, and remembers how long it should have taken, in seconds."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


Emergency = Callable[..., Awaitable[str]]


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
def rotation(issuer: Any, pauses: Pauses) -> KeyRotation:
    server = issuer.server
    return KeyRotation(server.settings, server.key_encryption_key, server.now, pauses)


async def test_the_next_key_signs_at_once_though_it_is_young_and_old_tokens_stay_good(
    issuer: Any, rotation: KeyRotation, pauses: Pauses, clock: Any
) -> None:
    old, following = await published(issuer)
    clock.seconds += 5
    db = issuer.server.db
    assert await rotation.rotate_in_emergency(db, old, fresh=False, revoke=False) == following
    assert pauses.taken == [0]
    assert (await published(issuer))[:2] == [old, following]
    assert await states(issuer) == ["active", "published", "retired"]
    assert await kid_of_new_token(issuer) == following


async def test_a_key_that_was_published_this_moment_waits_until_the_issuers_publish_it(
    issuer: Any, rotation: KeyRotation, pauses: Pauses, clock: Any
) -> None:
    old, following = await published(issuer)
    clock.seconds += 1
    await rotation.rotate_in_emergency(issuer.server.db, old, fresh=False, revoke=False)
    assert pauses.taken == [2]
    clock.seconds += 100
    fresh = await rotation.rotate_in_emergency(
        issuer.server.db, following, fresh=True, revoke=False
    )
    assert pauses.taken == [2, 3]
    assert fresh not in (old, following)


async def test_a_fresh_one_distrusts_the_published_next_key_too(
    issuer: Any, rotation: KeyRotation
) -> None:
    old, distrusted = await published(issuer)
    fresh = await rotation.rotate_in_emergency(issuer.server.db, old, fresh=True, revoke=True)
    kids = await published(issuer)
    assert kids[0] == fresh
    assert len(kids) == 2
    keys = await stored(issuer)
    assert [keys[kid].revoked for kid in (old, distrusted)] == [True, True]
    assert keys[distrusted].activated_at is None


async def test_the_pause_leaves_the_old_key_signing_and_the_new_one_published(
    issuer: Any,
) -> None:
    server, (old, _) = issuer.server, await published(issuer)
    seen: list[list[str]] = []

    async def look(_seconds: float) -> None:
        assert await kid_of_new_token(issuer) == old
        seen.append(await published(issuer))

    rotation = KeyRotation(server.settings, server.key_encryption_key, server.now, look)
    fresh = await rotation.rotate_in_emergency(server.db, old, fresh=True, revoke=True)
    assert seen == [[old, fresh]]


async def test_of_ten_emergencies_about_one_key_one_happens(
    issuer: Any, rotation: KeyRotation
) -> None:
    old, following = await published(issuer)
    results = await asyncio.gather(
        *(
            rotation.rotate_in_emergency(issuer.server.db, old, fresh=False, revoke=True)
            for _ in range(10)
        ),
        return_exceptions=True,
    )
    assert [result for result in results if isinstance(result, str)] == [following]
    assert sum(isinstance(result, StepRefused) for result in results) == 9
    assert await states(issuer) == ["active", "published"]


async def test_a_revoked_active_key_is_gone_and_the_next_one_signs(
    issuer: Any, rotation: KeyRotation, clock: Any
) -> None:
    old, following = await published(issuer)
    clock.seconds += 5
    await rotation.revoke(issuer.server.db, old)
    kids = await published(issuer)
    assert kids[0] == following
    assert old not in kids
    assert issuer.server.keys.trusted(old) is None
    assert await kid_of_new_token(issuer) == following
    key = (await stored(issuer))[old]
    assert (key.state, key.revoked, key.encrypted_private) == ("removed", True, None)


async def test_a_revoked_next_key_is_replaced_by_another(
    issuer: Any, rotation: KeyRotation
) -> None:
    active, following = await published(issuer)
    await rotation.revoke(issuer.server.db, following)
    kids = await published(issuer)
    assert kids[0] == active
    assert len(kids) == 2
    assert following not in kids
    assert await kid_of_new_token(issuer) == active


async def test_a_revoked_retired_key_is_gone_and_nothing_else_changes(
    issuer: Any, rotation: KeyRotation, clock: Any
) -> None:
    old, *_ = await published(issuer)
    clock.seconds += 600
    await rotation.rotate(issuer.server.db)
    _, active, following = await published(issuer)
    await rotation.revoke(issuer.server.db, old)
    assert await published(issuer) == [active, following]


async def test_what_was_revoked_never_comes_back(issuer: Any, rotation: KeyRotation) -> None:
    db, (old, following) = issuer.server.db, await published(issuer)
    for kid in (following, old):
        await rotation.revoke(db, kid)
        gone = (await stored(issuer))[kid]
        with pytest.raises(StepRefused, match="removed already"):
            await rotation.revoke(db, kid)
        await signing_keys.activate(db, kid, issuer.server.time())
        await signing_keys.rewrap(db, kid, b"another")
        await turn(issuer)
        assert (await stored(issuer))[kid] == gone
    with pytest.raises(StepRefused, match="there is no key nothing"):
        await rotation.revoke(db, "nothing")


async def test_every_step_is_in_the_audit_log(
    issuer: Any, rotation: KeyRotation, clock: Any
) -> None:
    old, following = await published(issuer)
    clock.seconds += 5
    await rotation.revoke(issuer.server.db, old)
    rows = await issuer.server.db.fetch(
        "SELECT event, kid FROM audit_log WHERE kid IS NOT NULL ORDER BY id"
    )
    _, newest = await published(issuer)
    assert [tuple(row.values()) for row in rows] == [
        ("key published", old),
        ("key activated", old),
        ("key published", following),
        ("key revoked", old),
        ("key activated", following),
        ("key published", newest),
    ]


async def test_other_issuers_follow_a_revocation_within_seconds(
    start: Any, issuer: Any, rotation: KeyRotation, clock: Any
) -> None:
    async with start() as other:
        old, following = await published(issuer)
        clock.seconds += 5
        await rotation.revoke(issuer.server.db, old)
        async with asyncio.timeout(3):
            while other.server.keys.trusted(old) is not None:  # noqa: ASYNC110 - as it is seen
                await asyncio.sleep(0.05)
        assert await kid_of_new_token(other) == following
