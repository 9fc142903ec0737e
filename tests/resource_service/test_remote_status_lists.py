"""The status lists of an issuer together: which are followed, and what a restart keeps."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from resource_service.remote_status_lists import IDLE, MAXIMUM_LISTS, RemoteStatusLists
from resource_service.status_list import Policy
from resource_service.status_list_file import StatusListFile
from shared.errors import InvalidToken, TemporarilyUnavailable
from shared.jws import SigningKey
from shared.status_list import Reference
from tests.attacks.world import Keys
from tests.resource_service.clock import Clock, fetched
from tests.resource_service.issuer import respond
from tests.resource_service.status_lists import ListServer, revoked


class Everything(ListServer):
    """Serves a list under every number, and says which there are."""

    def __init__(self, key: SigningKey) -> None:
        super().__init__(key)
        self.named: object = {"status_lists": []}
        self.asked_for: list[str] = []
        self.held = asyncio.Event()  # answers wait for it
        self.held.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = request.split(" ")[1]
        self.asked_for.append(path)
        await self.held.wait()
        if path == "/status-lists":
            answer = respond(json.dumps(self.named).encode())
        else:
            exp = int(time.time()) + 86_400  # far enough for a clock that runs ahead
            answer = respond(self.sign([1], sub=self.issuer + path, exp=exp).encode())
        await answer(reader, writer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def server(signing_key: SigningKey) -> AsyncIterator[Everything]:
    server = Everything(signing_key)
    await server.start()
    yield server
    await server.stop()


class Lists:
    """Makes followers of one server, with a clock of ours."""

    def __init__(self, http: httpx.AsyncClient, server: Everything, clock: Clock) -> None:
        self.keys = Keys(server.key.verification_key())
        self._http = http
        self._server = server
        self._clock = clock
        self._began = time.time() - clock.now

    def day(self) -> float:
        return self._began + self._clock.now

    def make(
        self, *, path: Path | None = None, aggregation: bool = False, poll: float = 5.0
    ) -> RemoteStatusLists:
        issuer = self._server.issuer
        return RemoteStatusLists(
            Policy(
                self._http,
                self.keys,
                issuer,
                poll=poll,
                timeout=1.0,
                now=lambda: self._clock.now,
                time_of_day=self.day,
                call_later=self._clock.call_later,
            ),
            aggregation_uri=f"{issuer}/status-lists" if aggregation else "",
            file=None if path is None else StatusListFile(path, issuer, time_of_day=self.day),
        )

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[RemoteStatusLists]:
        lists = self.make(**options)
        async with lists.kept_fresh():
            await fetched()
            yield lists


@pytest.fixture
async def follow(server: Everything, clock: Clock) -> AsyncIterator[Lists]:
    async with httpx.AsyncClient() as http:
        yield Lists(http, server, clock)
        await fetched()


def place(server: Everything, number: int, idx: int = 1) -> Reference:
    return Reference(idx, f"{server.issuer}/status-lists/{number}")


async def test_lists_that_the_issuer_names_are_at_hand_before_the_first_token(
    server: Everything, follow: Lists
) -> None:
    server.named = {"status_lists": [place(server, n).uri for n in range(3)]}
    async with follow.running(aggregation=True) as lists:
        await fetched()
        for n in range(3):
            assert revoked(lists, place(server, n)) is True
            assert revoked(lists, place(server, n, idx=2)) is False


async def test_of_many_lists_the_newest_are_fetched_ahead(
    server: Everything, follow: Lists
) -> None:
    server.named = {"status_lists": [place(server, n).uri for n in range(60)]}
    async with follow.running(aggregation=True) as lists:
        assert list(lists.ages) == [place(server, n).uri for n in range(52, 60)]


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({}, id="nothing"),
        pytest.param([], id="a list"),
        pytest.param({"status_lists": "x"}, id="no list"),
        pytest.param({"status_lists": [1, None]}, id="numbers"),
        pytest.param({"status_lists": ["http://evil.example/status-lists/0"]}, id="elsewhere"),
        pytest.param({"status_lists": ["x" * 100_000]}, id="too long"),
    ],
)
async def test_an_issuer_that_names_nothing_useful_is_asked_once(
    server: Everything, follow: Lists, named: object
) -> None:
    server.named = named
    async with follow.running(aggregation=True) as lists:
        assert lists.ages == {}
        assert server.asked_for == ["/status-lists"]
        assert await lists.look_up(place(server, 0)) is True


async def test_an_issuer_that_is_down_is_asked_again_until_it_answers(
    server: Everything, follow: Lists
) -> None:
    server.named = {"status_lists": [place(server, 0).uri]}
    await server.stop()
    lists = follow.make(aggregation=True, poll=0.02)
    async with lists.kept_fresh():
        await asyncio.sleep(0.2)
        assert lists.ages == {}
        await server.start()
        await fetched()
        await fetched()
        assert revoked(lists, place(server, 0)) is True


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/status-lists/0",
        "{issuer}.evil.example/status-lists/0",
        "{issuer}@evil.example/status-lists/0",
        "{issuer}0/status-lists/0",
        "{issuer}",
        "{issuer}/",
        "{issuer}/status-lists/0?x=1",
        "{issuer}/status-lists/0#x",
        "{issuer}/status-lists/../admin",
        "{issuer}/status-lists/./0",
        "{issuer}/status-lists/%2e%2e/admin",
        "{issuer}//evil.example/0",
        "{issuer}/status-lists/0 HTTP/1.1",
        "{issuer}/status-lists/0\r\nX: y",
        "{issuer}/status-lists/é",
        "HTTP://127.0.0.1/status-lists/0",
        "file:///etc/passwd",
        "0",
    ],
)
async def test_a_reference_to_anywhere_else_leads_nowhere_and_nothing_is_fetched(
    server: Everything, follow: Lists, uri: str
) -> None:
    lists = follow.make()
    reference = Reference(0, uri.format(issuer=server.issuer))
    assert revoked(lists, reference) is None
    with pytest.raises(InvalidToken, match="uri"):
        await lists.look_up(reference)
    assert server.asked_for == []
    assert lists.ages == {}


async def test_of_too_many_lists_the_one_that_was_idle_longest_makes_room(
    server: Everything, follow: Lists, clock: Clock
) -> None:
    lists = follow.make()
    for n in range(MAXIMUM_LISTS):
        assert await lists.look_up(place(server, n)) is True
    kept = lists.at_hand(place(server, 7).uri)
    assert kept is not None
    assert all(revoked(lists, place(server, n)) for n in range(MAXIMUM_LISTS))
    await clock.advance(6)
    for n in range(MAXIMUM_LISTS):
        if n != 7:
            revoked(lists, place(server, n))
    await clock.advance(1)
    assert await lists.look_up(place(server, 1000)) is True
    assert len(lists.ages) == MAXIMUM_LISTS
    assert place(server, 7).uri not in lists.ages
    assert revoked(lists, place(server, 7)) is None
    assert kept.is_revoked(place(server, 7).idx, clock.now) is None  # nobody polls it any more
    assert await lists.look_up(place(server, 7)) is True


async def test_a_list_that_is_dropped_while_it_is_fetched_does_not_come_back(
    server: Everything, follow: Lists, clock: Clock
) -> None:
    lists = follow.make()
    await lists.look_up(place(server, 0))
    kept = lists.at_hand(place(server, 0).uri)
    assert kept is not None
    server.held = asyncio.Event()
    fetch = lists._lists[place(server, 0).uri].begin()
    while len(server.asked_for) < 2:  # noqa: ASYNC110 - as it is seen
        await asyncio.sleep(0.001)
    for n in range(1, MAXIMUM_LISTS + 1):
        lists._follow(place(server, n).uri).entries.used = True
    assert place(server, 0).uri not in lists.ages
    server.held.set()
    await fetch
    assert kept.is_revoked(1, clock.now) is None


async def test_a_list_that_turns_stale_while_it_is_read_is_no_verdict_on_the_token(
    server: Everything, follow: Lists, clock: Clock
) -> None:
    lists = follow.make()
    await lists.look_up(place(server, 0))
    followed = lists._lists[place(server, 0).uri]
    followed._failures = 1  # so that nobody fetches it now
    moments = iter([clock.now, clock.now + 2, clock.now + 2])
    followed.entries.usable_until = clock.now + 1
    lists._now = lambda: next(moments)
    assert await lists.look_up(place(server, 0)) is True
    with pytest.raises(TemporarilyUnavailable):
        await lists.look_up(place(server, 0))


async def test_a_list_that_nobody_asks_for_is_followed_no_more_but_the_last_one_is(
    server: Everything, follow: Lists, clock: Clock
) -> None:
    lists = follow.make()
    for n in range(3):
        await lists.look_up(place(server, n))
    for _ in range(int(IDLE / 5) + 2):
        revoked(lists, place(server, 1))
        await clock.advance(5)
    assert list(lists.ages) == [place(server, 1).uri]
    polls = len(server.asked_for)
    await clock.advance(2 * IDLE)
    assert list(lists.ages) == [place(server, 1).uri]
    assert len(server.asked_for) == polls + int(2 * IDLE / 5)


async def test_a_restart_while_the_issuer_is_down_begins_with_the_lists_of_the_file(
    server: Everything, follow: Lists, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "status"
    async with follow.running(path=path) as lists:
        await lists.look_up(place(server, 0))
        await clock.advance(20)  # confirmed again, and saved with that
    await server.stop()
    clock.now += 100
    async with follow.running(path=path) as lists:
        assert revoked(lists, place(server, 0)) is True
        assert revoked(lists, place(server, 0, idx=2)) is False
        assert lists.ages[place(server, 0).uri] == pytest.approx(100, abs=11)
        await clock.advance(201)
        assert revoked(lists, place(server, 0)) is None


async def test_the_file_is_the_owners_and_has_no_more_than_what_was_signed(
    server: Everything, follow: Lists, tmp_path: Path
) -> None:
    path = tmp_path / "status"
    async with follow.running(path=path) as lists:
        await lists.look_up(place(server, 0))
    assert path.stat().st_mode & 0o777 == 0o600
    saved = json.loads(path.read_text())
    assert saved["issuer"] == server.issuer
    assert [each.keys() for each in saved["lists"]] == [{"uri", "token", "confirmed_at"}]


def forged(server: Everything) -> str:
    return server.sign([], key=SigningKey.generate(), sub=place(server, 0).uri)


async def test_a_saved_list_is_verified_like_a_fetched_one(
    server: Everything, follow: Lists, tmp_path: Path
) -> None:
    path = tmp_path / "status"
    uri, now = place(server, 0).uri, follow.day()
    for token, confirmed_at in (
        (forged(server), now),
        (server.sign([], sub=uri, exp=int(now) - 31), now),
        (server.sign([], sub=uri + "1"), now),
        (server.sign([], sub=uri), now + 10),  # from the future
        (server.sign([], sub=uri), now - 301),  # too old
        ("é", now),
    ):
        saved = {"uri": uri, "token": token, "confirmed_at": confirmed_at}
        path.write_text(json.dumps({"issuer": server.issuer, "lists": [saved]}))
        path.chmod(0o600)
        await server.stop()
        async with follow.running(path=path) as lists:
            assert revoked(lists, place(server, 0)) is None
            with pytest.raises(TemporarilyUnavailable):
                await lists.look_up(place(server, 0))
        await server.start()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"issuer": "https://other.example", "lists": []}',
        b'{"issuer": 1}',
        b"[" * 100_000,
    ],
    ids=["empty", "a list", "no text", "another issuer's", "malformed", "deep"],
)
async def test_a_file_that_is_none_of_ours_is_not_used(
    server: Everything, follow: Lists, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "status"
    path.write_bytes(content)
    async with follow.running(path=path) as lists:
        assert lists.ages == {}
        assert await lists.look_up(place(server, 0)) is True


async def test_a_file_that_others_may_write_is_not_used(
    server: Everything, follow: Lists, tmp_path: Path
) -> None:
    path = tmp_path / "status"
    async with follow.running(path=path) as lists:
        await lists.look_up(place(server, 0))
    path.chmod(0o622)
    await server.stop()
    async with follow.running(path=path) as lists:
        assert revoked(lists, place(server, 0)) is None
    path.unlink()
    os.symlink(tmp_path / "elsewhere", path)
    async with follow.running(path=path) as lists:
        assert lists.ages == {}


async def test_a_disk_that_cannot_be_written_changes_nothing(
    server: Everything, follow: Lists, tmp_path: Path
) -> None:
    async with follow.running(path=tmp_path / "missing" / "status") as lists:
        assert await lists.look_up(place(server, 0)) is True


async def test_after_the_end_nothing_is_fetched_and_no_task_is_left(
    server: Everything, follow: Lists, clock: Clock
) -> None:
    server.named = {"status_lists": [place(server, 0).uri]}
    before = asyncio.all_tasks()
    async with follow.running(aggregation=True):
        await fetched()
    polls = len(server.asked_for)
    await clock.advance(60)
    assert len(server.asked_for) == polls
    assert {task for task in asyncio.all_tasks() - before if "serve" not in repr(task)} == set()
