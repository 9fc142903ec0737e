"""The pool that hashes passwords: bounded, whoever goes away meanwhile."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from auth_service.passwords import Passwords, check_policy
from shared.errors import AccessDenied, TemporarilyUnavailable

PASSWORD = "correct horse battery staple"


@pytest.fixture
def passwords(settings: Any) -> Iterator[Passwords]:
    """One thread, two places to wait, 50 ms a hash."""
    slow = {"password_memory_kib": 65_536, "password_workers": 1, "password_queue": 2}
    pool = Passwords(settings.model_copy(update=slow))
    yield pool
    pool.close()


async def begin(passwords: Passwords, number: int) -> "list[asyncio.Task[str]]":
    tasks = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(number)]
    await asyncio.sleep(0.01)
    return tasks


async def test_a_hash_whose_caller_went_away_is_counted_until_it_is_done(
    passwords: Passwords,
) -> None:
    tasks = await begin(passwords, 3)
    tasks[0].cancel()
    await asyncio.wait(tasks[:1])
    with pytest.raises(TemporarilyUnavailable) as refusal:
        await passwords.hash(PASSWORD)
    assert refusal.value.retry_after >= 1
    await asyncio.gather(*tasks[1:])
    assert await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))


async def test_who_goes_away_while_waiting_makes_room(passwords: Passwords) -> None:
    tasks = await begin(passwords, 3)
    tasks[2].cancel()
    await asyncio.wait(tasks[2:])
    assert await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))
    await asyncio.gather(*tasks[:2])


async def test_no_hash_at_all_verifies_nothing(passwords: Passwords) -> None:
    assert not await passwords.verify(PASSWORD, None)
    assert not await passwords.verify("x" * 1025, await passwords.hash(PASSWORD))


@pytest.mark.parametrize(
    "password", ["password1", "PASSWORD1", "12345678", "iloveyou", "qwertyuiop"]
)
def test_common_passwords_are_refused_whatever_their_case(password: str) -> None:
    with pytest.raises(AccessDenied):
        check_policy(password, "alice")


@pytest.mark.parametrize("password", ["alice's house", "eight chars", "ALICEalice and more"])
def test_a_name_in_a_password_does_no_harm(password: str) -> None:
    check_policy(password, "alice")
