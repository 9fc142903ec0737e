"""Guessing is slowed down, in all processes together, and nobody is locked out by a stranger."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from auth_service import throttling
from auth_service.store import audit_log, throttles
from auth_service.store.throttles import Throttle
from auth_service.throttling import Caller
from auth_service.upkeep import _forget
from shared.errors import TooManyRequests
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.conftest import PASSWORD

FEW = {"log_in_attempts": 3, "address_attempts": 20}


@pytest.fixture
async def strict(start: Any, register: Any) -> AsyncIterator[Any]:
    """An issuer that lets three wrong passwords pass."""
    async with start(**FEW) as issuer:
        await register(issuer.server)
        yield issuer


def at(issuer: Any, address: str) -> httpx.AsyncClient:
    """A client that calls from that address."""
    transport = httpx.ASGITransport(issuer.app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=issuer.http.base_url)


def person_at(issuer: Any, address: str) -> Person:
    """A person whose browser has no cookie yet."""
    return Person(at(issuer, address))


async def log_in(person: Person, password: str = PASSWORD, name: str = "alice") -> httpx.Response:
    """Send the form of the log-in page; what comes back, unfollowed."""
    page = await person.get("/login", {"next": "/account"})
    action, hidden = person.form(page)
    form = {**hidden, "username": name, "password": password}
    return await person.http.post(action, data=form, headers=HTML)


async def wrong(person: Person, times: int, name: str = "alice") -> Counter[int]:
    return Counter([(await log_in(person, "wrong one", name)).status_code for _ in range(times)])


def assert_slowed_down(page: httpx.Response, seconds: int) -> None:
    assert (page.status_code, page.headers["retry-after"]) == (429, str(seconds))
    assert "There were too many attempts" in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["alice", "nobody"])
async def test_after_the_free_tries_each_waits_longer_whether_the_user_exists_or_not(
    strict: Any, clock: Any, name: str
) -> None:
    guesser = person_at(strict, "203.0.113.7")
    assert await wrong(guesser, 3, name) == {403: 3}
    for seconds in (1, 2, 4, 8, 16, 32, 32):
        assert_slowed_down(await log_in(guesser, "wrong one", name), seconds)
        clock.seconds += seconds
        assert await wrong(guesser, 1, name) == {403: 1}
    for _ in range(3):
        assert_slowed_down(await log_in(guesser, PASSWORD, name), throttles.LONGEST)
        clock.seconds += throttles.LONGEST
        assert await wrong(guesser, 1, name) == {403: 1}


async def test_a_right_password_is_not_even_looked_at_meanwhile_and_clears_the_count_later(
    strict: Any, clock: Any
) -> None:
    alice = person_at(strict, "203.0.113.7")
    await wrong(alice, 3)
    assert_slowed_down(await log_in(alice), 1)
    clock.seconds += 1
    assert (await log_in(alice)).status_code == 303
    alice.http.cookies.clear()
    assert await wrong(alice, 3) == {403: 3}


async def test_mistakes_are_forgotten_one_a_minute(strict: Any, clock: Any) -> None:
    guesser = person_at(strict, "203.0.113.7")
    for _ in range(5):
        assert await wrong(guesser, 2) == {403: 2}
        clock.seconds += 120
    assert await wrong(guesser, 4) == {403: 3, 429: 1}


async def test_fifty_at_once_get_no_more_tries_than_one_after_the_other(
    strict: Any, start: Any
) -> None:
    async with start(**FEW) as twin:
        for _ in range(2):
            form = {"grant_type": "password", "username": "alice", "password": "wrong one"}
            answers = await asyncio.gather(
                *(issuer.token("web", **form) for issuer in (strict, twin) for _ in range(25))
            )
            statuses = Counter(answer.status_code for answer in answers)
            assert statuses in ({400: 3, 429: 47}, {429: 50})
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused[0].json()["error"] == "too_many_requests"
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["cache-control"] == "no-store"


async def test_right_passwords_at_once_are_counted_back(strict: Any) -> None:
    for _ in range(5):
        answers = await asyncio.gather(
            *(
                strict.token("web", grant_type="password", username="alice", password=PASSWORD)
                for _ in range(3)
            )
        )
        assert {answer.status_code for answer in answers} == {200}
    rows = await strict.server.db.fetch(
        "SELECT empty_at FROM throttles WHERE empty_at > $1", strict.server.time()
    )
    assert rows == []


async def test_a_stranger_does_not_keep_the_owner_out_elsewhere(strict: Any) -> None:
    assert await wrong(person_at(strict, "203.0.113.7"), 10) == {403: 3, 429: 7}
    assert (await log_in(person_at(strict, "198.51.100.1"))).status_code == 303


async def test_guesses_from_everywhere_slow_each_other_down_but_no_known_browser(
    strict: Any, clock: Any
) -> None:
    home = person_at(strict, "198.51.100.1")
    assert (await log_in(home)).status_code == 303
    statuses = Counter[int]()
    for number in range(20):
        statuses += await wrong(person_at(strict, f"203.0.113.{number}"), 1)
    assert statuses == {403: 15, 429: 5}
    assert_slowed_down(await log_in(person_at(strict, "198.51.100.2")), 1)
    assert (await log_in(home)).status_code == 303
    clock.seconds += throttles.LONGEST
    assert (await log_in(person_at(strict, "198.51.100.2"))).status_code == 303


async def test_a_known_browser_has_a_limit_of_its_own(strict: Any) -> None:
    home = person_at(strict, "198.51.100.1")
    await log_in(home)
    assert await wrong(home, 5) == {403: 3, 429: 2}
    assert await wrong(home, 5, "bob") == {403: 3, 429: 2}  # whom it does not know


@pytest.mark.parametrize("cookie", ["", "x", "A" * 64, "é"])
async def test_a_made_up_device_is_none(strict: Any, cookie: str) -> None:
    counted = throttling.log_in(strict.server, "alice", Caller("192.0.2.1", device=cookie))
    assert len(counted) == 3


async def test_a_device_cookie_is_of_one_account(strict: Any) -> None:
    cookie = throttling.device_cookie(strict.server, "alice")
    assert len(throttling.log_in(strict.server, "alice", Caller("192.0.2.1", device=cookie))) == 1
    assert len(throttling.log_in(strict.server, "bob", Caller("192.0.2.1", device=cookie))) == 3


async def test_one_address_may_not_try_every_account(strict: Any, clock: Any) -> None:
    guesser = person_at(strict, "203.0.113.7")
    statuses = [await wrong(guesser, 1, f"user-{number}") for number in range(22)]
    assert sum(statuses, Counter()) == {403: 20, 429: 2}
    clock.seconds += 2
    assert await wrong(person_at(strict, "203.0.113.8"), 1) == {403: 1}


async def test_a_log_in_at_ones_own_account_clears_nothing_for_others(strict: Any) -> None:
    guesser = person_at(strict, "203.0.113.7")
    statuses = Counter[int]()
    for number in range(30):
        guesser.http.cookies.clear()
        statuses += await wrong(guesser, 1, f"user-{number}")
        await log_in(guesser)
    assert statuses[403] == 20


async def test_what_was_no_try_is_not_counted(strict: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict.server.passwords, "_limit", 0)
    guesser = person_at(strict, "203.0.113.7")
    assert await wrong(guesser, 6) == {503: 6}
    monkeypatch.undo()
    assert await wrong(guesser, 4) == {403: 3, 429: 1}


async def test_the_old_password_cannot_be_guessed_by_changing_it(strict: Any) -> None:
    change = {"old_password": "wrong one", "new_password": "another horse battery"}
    answers = [await strict.http.put("/users/alice/password", json=change) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
    assert answers[-1].json()["error"] == "too_many_requests"
    assert answers[-1].headers["retry-after"] == "1"


async def test_people_behind_one_confidential_client_do_not_share_an_address(strict: Any) -> None:
    for number in range(30):
        form = {"grant_type": "password", "username": f"user-{number}", "password": "wrong"}
        assert (await strict.token("web", **form)).status_code == 400
    public = [
        (await strict.token("docs", grant_type="password", username=f"u-{n}", password="wrong"))
        for n in range(21)
    ]
    assert Counter(answer.status_code for answer in public) == {400: 20, 429: 1}


async def test_registrations_from_one_address_are_slowed_down(strict: Any, clock: Any) -> None:
    async def add(number: int, address: str = "203.0.113.7") -> int:
        user = {"username": f"user-{number}", "password": PASSWORD}
        answer = await at(strict, address).post("/users", json=user)
        return int(answer.status_code)

    assert Counter([await add(n) for n in range(25)]) == {201: 20, 429: 5}
    assert await add(100, "203.0.113.8") == 201
    clock.seconds += 1
    assert [await add(101), await add(102)] == [201, 429]
    page = await person_at(strict, "203.0.113.7").get("/register", {"next": "/account"})
    person = person_at(strict, "203.0.113.7")
    page = await person.get("/register", {"next": "/account"})
    assert_slowed_down(await person.submit(page, username="carol", password=PASSWORD), 2)


async def test_a_stranger_cannot_fill_the_database_with_requests(strict: Any) -> None:
    db = strict.server.db
    await db.execute(
        "UPDATE clients SET redirect_uris = '{https://app.example/cb}',"
        " grant_types = '{authorization_code}' WHERE client_id = 'web'"
    )
    query = {"client_id": "web", "response_type": "code", "scope": "notes:read"}
    query |= {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}
    query |= {"code_challenge_method": "S256"}
    stranger = at(strict, "203.0.113.7")
    gets = [await stranger.get("/authorize", params=query, headers=HTML) for _ in range(150)]
    posts = [await stranger.post("/authorize", data=query, headers=HTML) for _ in range(60)]
    assert Counter(answer.status_code for answer in gets + posts) == {303: 200, 429: 10}
    assert_slowed_down(posts[-1], 1)
    assert "location" not in posts[-1].headers
    assert await db.fetchval("SELECT count(*) FROM authorization_requests") == 200


async def test_it_is_in_the_audit_log_and_in_the_metrics(strict: Any) -> None:
    await wrong(person_at(strict, "203.0.113.7"), 4)
    await wrong(person_at(strict, "203.0.113.9"), 4, "nobody")
    failed = [
        entry.detail["reason"]
        for entry in await audit_log.find(strict.server.db)
        if entry.event == "log-in failed"
    ]
    assert failed == ["wrong password"] * 3 + ["too many attempts"]
    assert strict.server.metrics.log_in_failures["too many attempts"] == 2
    assert strict.server.metrics.refusals["too_many_requests"] == 2


async def test_no_name_and_no_address_is_kept(strict: Any) -> None:
    await wrong(person_at(strict, "203.0.113.7"), 1, "my secret in the wrong field")
    dump = str(await strict.server.db.fetch("SELECT encode(key, 'escape') FROM throttles"))
    assert "secret" not in dump
    assert "203.0" not in dump


async def test_what_is_forgotten_is_removed(strict: Any, clock: Any) -> None:
    await wrong(person_at(strict, "203.0.113.7"), 5)
    count = "SELECT count(*) FROM throttles"
    await _forget(strict.server)
    assert await strict.server.db.fetchval(count) == 3
    clock.seconds += 180
    await _forget(strict.server)
    assert await strict.server.db.fetchval(count) == 0


async def test_throttles_in_any_order_do_not_wait_for_each_other(strict: Any) -> None:
    server = strict.server
    several = [Throttle(bytes([n]), 1_000_000, 1) for n in range(8)]

    async def there_and_back(order: list[Throttle]) -> None:
        for _ in range(50):
            await throttles.take(server.db, order, server.time())
            await throttles.give_back(server.db, order, server.time())

    async with asyncio.timeout(20):
        await asyncio.gather(*(there_and_back(several[:: (-1) ** n]) for n in range(8)))


async def test_a_throttle_admits_its_number_however_many_ask(
    strict: Any, start: Any, auth_owner: Any
) -> None:
    counted = [Throttle(b"x", 7, 60), Throttle(b"y", 9, 60)]
    now = strict.server.time()
    assert await throttles.take(strict.server.db, counted, now) == 0
    async with start(database_pool_size=50) as wide:
        # All have begun, and seen that nobody has to wait, before the first one counts.
        async with auth_owner.transaction():
            await auth_owner.execute("SELECT FROM throttles FOR UPDATE")
            takes = [
                asyncio.create_task(throttles.take(wide.server.db, counted, now)) for _ in range(50)
            ]
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while await auth_owner.fetchval(waiting) < 50:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert Counter(await asyncio.gather(*takes))[0] == 6
    with pytest.raises(TooManyRequests):
        await throttling.admit(strict.server, counted)
    later = now + timedelta(seconds=1)
    assert await throttles.take(strict.server.db, counted, later) == 0
    assert await throttles.take(strict.server.db, counted, later) == 2


async def test_calls_that_overtake_each_other_are_not_taken_for_guesses(strict: Any) -> None:
    """Each has read the clock before its statement runs, and an issuer's clock may lag."""
    counted, now = [Throttle(b"key", 3, 60)], strict.server.time()
    for seconds in (0, -0.01):
        at = now + timedelta(seconds=seconds)
        assert await throttles.take(strict.server.db, counted, at) == 0
    await throttles.give_back(strict.server.db, counted, now)
    earlier = now - timedelta(seconds=0.02)
    assert await throttles.take(strict.server.db, counted, earlier) == 0
