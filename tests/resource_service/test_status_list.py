"""One status list, followed: when it is fetched, what changes it, and when it is too old."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.status_list import Policy
from shared import jws
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.jws import SigningKey
from shared.status_list import Reference, pack
from tests.attacks.world import Keys
from tests.resource_service.clock import Clock, fetched
from tests.resource_service.issuer import Answer, respond
from tests.resource_service.status_lists import SIZE, ListServer, revoked
from tests.resource_service.test_remote_key_set_faults import (
    drip,
    flood,
    hang,
    nonsense,
    redirect,
    truncate,
)


@pytest.fixture
async def server(signing_key: SigningKey) -> AsyncIterator[ListServer]:
    server = ListServer(signing_key)
    await server.start()
    server.publish()
    yield server
    await server.stop()


@pytest.fixture
def keys(signing_key: SigningKey) -> Keys:
    return Keys(signing_key.verification_key())


class Day:
    """The time of day, which goes with the fake clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = time.time() - clock.now

    def __call__(self) -> float:
        return self._began + self._clock.now


MakeLists = Callable[..., RemoteStatusLists]


@pytest.fixture
async def make(server: ListServer, keys: Keys, clock: Clock) -> AsyncIterator[MakeLists]:
    """Make followers on the fake clock."""
    async with httpx.AsyncClient() as http:

        def make(
            *, file: Any = None, aggregation_uri: str = "", **policy: Any
        ) -> RemoteStatusLists:
            chosen = {"poll": 5.0, "stale": 300.0, "timeout": 1.0} | policy
            return RemoteStatusLists(
                Policy(
                    http,
                    keys,
                    server.issuer,
                    now=lambda: clock.now,
                    time_of_day=Day(clock),
                    call_later=clock.call_later,
                    **chosen,
                ),
                file=file,
                aggregation_uri=aggregation_uri,
            )

        yield make
        await fetched()


@pytest.fixture
def lists(make: MakeLists) -> RemoteStatusLists:
    return make()


def entry(server: ListServer, idx: int) -> Reference:
    return Reference(idx, server.uri)


async def test_a_list_is_fetched_when_a_token_first_points_to_it(
    server: ListServer, lists: RemoteStatusLists
) -> None:
    server.publish(7)
    assert server.connections == 0
    assert revoked(lists, entry(server, 7)) is None
    assert await lists.look_up(entry(server, 7)) is True
    assert revoked(lists, entry(server, 7)) is True
    assert revoked(lists, entry(server, 6)) is False
    assert server.connections == 1


async def test_of_fifty_who_want_an_unknown_list_one_fetches_it(
    server: ListServer, lists: RemoteStatusLists
) -> None:
    server.publish(1)
    answers = await asyncio.gather(*(lists.look_up(entry(server, n % 2)) for n in range(50)))
    assert answers == [False, True] * 25
    assert server.connections == 1


async def test_the_fetch_goes_on_when_the_request_that_began_it_is_cancelled(
    server: ListServer, lists: RemoteStatusLists
) -> None:
    first = asyncio.create_task(lists.look_up(entry(server, 0)))
    await server.asked(1)
    first.cancel()
    assert await lists.look_up(entry(server, 0)) is False
    assert server.connections == 1


async def test_a_list_is_polled_and_a_bit_that_was_set_is_seen_within_a_poll(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    assert await lists.look_up(entry(server, 3)) is False
    server.publish(3)
    await clock.advance(4.9)
    assert revoked(lists, entry(server, 3)) is False
    await clock.advance(0.1)
    assert revoked(lists, entry(server, 3)) is True
    assert server.connections == 2
    assert lists.fetches == {"changed": 2}


async def test_what_did_not_change_is_not_sent_again(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    await lists.look_up(entry(server, 0))
    await clock.advance(50)
    assert lists.fetches == {"changed": 1, "unchanged": 10}
    assert "if-none-match" not in server.requests[0]
    assert "if-none-match" in server.requests[1]


async def test_nothing_on_the_way_may_answer_from_its_cache(
    server: ListServer, lists: RemoteStatusLists
) -> None:
    await lists.look_up(entry(server, 0))
    assert "cache-control: no-cache" in server.requests[0]
    assert "accept: application/statuslist+jwt" in server.requests[0]
    assert "accept-encoding: identity" in server.requests[0]


async def test_the_age_is_that_of_the_request_which_the_issuer_answered(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock.now += 2  # it takes so long
        await respond(server.token.encode())(reader, writer)

    server.honest, server.answer = False, slow
    await lists.look_up(entry(server, 0))
    assert lists.ages == {server.uri: 2}
    await clock.advance(2.9)
    assert server.connections == 1
    server.answer = respond(b"", status="500 Internal Server Error")
    await clock.advance(0.1)  # five seconds after the first request, not after its answer
    assert server.connections == 2


async def test_a_poll_that_takes_longer_than_the_interval_is_not_doubled(
    server: ListServer, make: MakeLists, clock: Clock
) -> None:
    lists = make(poll=0.5)
    server.honest, server.answer = False, hang
    asking = asyncio.create_task(lists.look_up(entry(server, 0)))
    await server.asked(1)
    clock.now += 3
    with pytest.raises(TemporarilyUnavailable):
        await asking
    assert server.connections == 1


BOMB = jws.encode(zlib.compress(bytes(64 * 1024 * 1024))).decode()
HOSTILE: dict[str, Callable[[ListServer], Answer]] = {
    "hung": lambda _server: hang,
    "dripping": lambda _server: drip,
    "truncated": lambda _server: truncate,
    "100 MB": lambda _server: flood,
    "no HTTP": lambda _server: nonsense,
    "a redirect": lambda _server: redirect,
    "an error": lambda _server: respond(b"", status="500 Internal Server Error"),
    "not found": lambda _server: respond(b"", status="404 Not Found"),
    "no content": lambda _server: respond(b"", status="204 No Content"),
    "HTML": lambda _server: respond(b"<!doctype html><title>Welcome</title>"),
    "nothing": lambda _server: respond(b""),
    "compressed": lambda server: respond(
        server.sign([5]).encode(), headers="Content-Encoding: gzip\r\n"
    ),
    "another list": lambda server: respond(server.sign([5], sub=server.uri + "1").encode()),
    "an access token": lambda server: respond(server.sign([5], typ="at+jwt").encode()),
    "another issuer's": lambda server: respond(
        server.sign([5], key=SigningKey.generate()).encode()
    ),
    "a bomb": lambda server: respond(server.sign(lst=BOMB).encode()),
    "expired": lambda server: respond(server.sign([5], exp=1).encode()),
    "an old one again": lambda server: respond(server.sign([5], iat=server.iat - 31).encode()),
}


@pytest.mark.parametrize("make_answer", HOSTILE.values(), ids=HOSTILE)
async def test_a_good_list_stays_until_it_is_stale_when_the_answer_is(
    server: ListServer,
    lists: RemoteStatusLists,
    clock: Clock,
    make_answer: Callable[[ListServer], Answer],
) -> None:
    server.publish(3)
    assert await lists.look_up(entry(server, 3)) is True
    server.answer, server.honest = make_answer(server), False
    for _ in range(3):
        await clock.advance(5)
        assert revoked(lists, entry(server, 3)) is True
        assert revoked(lists, entry(server, 5)) is False
    assert sum(lists.fetches.values()) == 4
    assert lists.fetches["changed"] == 1
    server.honest = True
    server.publish(3, 4)
    await clock.advance(5)
    assert revoked(lists, entry(server, 4)) is True


async def test_past_the_bound_it_cannot_be_known_and_the_next_good_poll_mends_it(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    server.publish(3, exp=int(time.time()) + 3600)
    await lists.look_up(entry(server, 3))
    await server.stop()
    await clock.advance(299.9)
    assert revoked(lists, entry(server, 3)) is True
    await clock.advance(0.1)
    for idx in (3, 4):
        assert revoked(lists, entry(server, idx)) is None
        with pytest.raises(TemporarilyUnavailable) as refused:
            await lists.look_up(entry(server, idx))
        assert 1 <= refused.value.retry_after <= 5
    await server.start()
    await clock.advance(5)
    assert revoked(lists, entry(server, 3)) is True
    assert revoked(lists, entry(server, 4)) is False


async def test_a_list_is_not_used_past_its_own_end_though_it_is_not_stale(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    server.publish(exp=int(Day(clock)()) + 60)
    await lists.look_up(entry(server, 0))
    await server.stop()
    await clock.advance(88)  # 60 s and the leeway, less what the second was cut by
    assert revoked(lists, entry(server, 0)) is False
    await clock.advance(3)
    assert revoked(lists, entry(server, 0)) is None


async def test_an_answer_that_nothing_changed_does_not_prolong_a_list_past_its_end(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    server.publish(exp=int(Day(clock)()) + 60)
    await lists.look_up(entry(server, 0))
    await clock.advance(95)
    assert revoked(lists, entry(server, 0)) is None
    assert lists.fetches["refused"] >= 1


async def test_when_the_lists_server_hangs_only_the_first_wait(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    server.honest, server.answer = False, hang
    with pytest.raises(TemporarilyUnavailable):
        await lists.look_up(entry(server, 0))
    await clock.advance(4)
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        with pytest.raises(TemporarilyUnavailable):
            await lists.look_up(entry(server, 0))
    assert asyncio.get_running_loop().time() - began < 0.5
    assert server.connections == 1


async def test_an_unknown_list_is_had_within_a_poll_of_the_servers_return(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    await server.stop()
    with pytest.raises(TemporarilyUnavailable):
        await lists.look_up(entry(server, 0))
    await server.start()
    await clock.advance(5)
    assert revoked(lists, entry(server, 0)) is False


async def test_an_entry_beyond_the_list_leads_nowhere_and_costs_at_most_a_fetch_a_second(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    assert await lists.look_up(entry(server, SIZE - 1)) is False
    for _ in range(50):
        with pytest.raises(InvalidToken, match="no entry"):
            await lists.look_up(entry(server, SIZE))
    assert server.connections == 1
    await clock.advance(1)
    for _ in range(50):
        with pytest.raises(InvalidToken):
            await lists.look_up(entry(server, SIZE))
    assert server.connections == 2


async def test_a_list_that_has_grown_is_fetched_for_the_first_token_beyond_it(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    await lists.look_up(entry(server, 0))
    server.token = server.sign(lst=pack([SIZE + 1], 2 * SIZE))
    clock.now += 2
    assert await lists.look_up(entry(server, SIZE + 1)) is True
    assert server.connections == 2


async def test_a_newer_list_with_an_iat_a_little_older_is_taken_since_issuers_clocks_differ(
    server: ListServer, lists: RemoteStatusLists, clock: Clock
) -> None:
    now = int(Day(clock)())
    server.publish(iat=now)
    await lists.look_up(entry(server, 3))
    server.publish(3, iat=now - 29)
    await clock.advance(5)
    assert revoked(lists, entry(server, 3)) is True
    server.publish(iat=now - 31)  # compared with the newest seen, not with the last one
    await clock.advance(5)
    assert revoked(lists, entry(server, 3)) is True


async def test_with_the_key_of_a_list_withdrawn_it_is_asked_for_in_full_and_signed_by_another(
    server: ListServer,
    lists: RemoteStatusLists,
    keys: Keys,
    clock: Clock,
    other_key: SigningKey,
) -> None:
    await lists.look_up(entry(server, 3))
    keys.use([])
    await clock.advance(5)
    assert "if-none-match" not in server.requests[-1]
    assert lists.fetches["refused"] == 1
    keys.use([other_key.verification_key()])
    server.key = other_key
    server.publish(3)
    await clock.advance(5)
    assert revoked(lists, entry(server, 3)) is True
