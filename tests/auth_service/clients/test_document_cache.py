"""The cache of what clients publish: bounded, and one fetch for all who wait."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_service import document_cache
from auth_service.document_cache import COOLDOWN, DocumentCache
from auth_service.safe_fetch import DocumentRefused, Fetched, SafeFetch
from shared.errors import TemporarilyUnavailable, TooManyRequests
from tests.resource_service.issuer import JwksServer, respond


def parse(_url: str, fetched: Fetched) -> str:
    if fetched.body == b"bad":
        raise ValueError("it is bad")
    return fetched.body.decode()


async def anybody() -> None:
    """Admit whoever comes."""


@pytest.fixture
async def cache(clock: Any) -> AsyncIterator[DocumentCache[str]]:
    fetch = SafeFetch(loopback=True)
    cache = DocumentCache(fetch, parse, accept="*/*", maximum=100, now=clock)
    yield cache
    await cache.close()
    await fetch.close()


async def test_whoever_goes_away_takes_nothing_from_those_who_wait(
    cache: DocumentCache[str], site: JwksServer
) -> None:
    answer = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer.wait()
        await respond(b"good")(reader, writer)

    site.answer = slow
    first, second = (asyncio.create_task(cache.read(site.url, anybody)) for _ in range(2))
    await site.asked(1)
    first.cancel()
    await asyncio.sleep(0)
    answer.set()
    assert (await second).document == "good"
    assert first.cancelled()
    assert site.connections == 1


async def test_the_oldest_makes_room(
    cache: DocumentCache[str], site: JwksServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_cache, "ENTRIES", 3)
    site.answer = respond(b"good")
    for number in (1, 2, 3, 4, 2, 3, 4):
        await cache.read(f"{site.url}?{number}", anybody)
    assert site.connections == 4
    await cache.read(f"{site.url}?1", anybody)
    assert site.connections == 5


async def test_a_refusal_is_remembered_for_a_while_and_then_tried_again(
    cache: DocumentCache[str], site: JwksServer, clock: Any
) -> None:
    site.answer = respond(b"bad")
    for _ in range(3):
        with pytest.raises(DocumentRefused, match="it is bad"):
            await cache.read(site.url, anybody)
    assert site.connections == 1
    site.answer = respond(b"good")
    clock.seconds += COOLDOWN
    assert (await cache.read(site.url, anybody)).document == "good"


async def test_when_to_come_again(cache: DocumentCache[str], site: JwksServer, clock: Any) -> None:
    await site.stop()
    for seconds, expected in ((0, COOLDOWN), (10, COOLDOWN - 10)):
        clock.seconds += seconds
        with pytest.raises(TemporarilyUnavailable) as refused:
            await cache.read(site.url, anybody)
        assert refused.value.retry_after == expected


async def test_a_newer_one_is_fetched_once_in_a_while(
    cache: DocumentCache[str], site: JwksServer, clock: Any
) -> None:
    site.answer = respond(b"good")
    first = await cache.read(site.url, anybody)
    await cache.read(site.url, anybody, newer_than=first.fetched_at)
    assert site.connections == 1
    clock.seconds += COOLDOWN
    for _ in range(3):
        await cache.read(site.url, anybody, newer_than=first.fetched_at)
    assert site.connections == 2


@pytest.mark.parametrize(
    ("cache_control", "life"),
    [
        pytest.param("", 300, id="by default"),
        pytest.param("max-age=120", 120, id="what it says"),
        pytest.param("max-age=0", 60, id="a minute at least"),
        pytest.param("public, max-age=999999", 3600, id="an hour at most"),
        pytest.param("no-store", 60, id="no-store: a minute"),
    ],
)
async def test_how_long_a_document_is_used(
    cache: DocumentCache[str], site: JwksServer, clock: Any, cache_control: str, life: int
) -> None:
    headers = f"Cache-Control: {cache_control}\r\n" if cache_control else ""
    site.answer = respond(b"good", headers=headers)
    await cache.read(site.url, anybody)
    clock.seconds += life - 1
    await cache.read(site.url, anybody)
    assert site.connections == 1
    clock.seconds += 1
    await cache.read(site.url, anybody)
    assert site.connections == 2


async def test_only_who_begins_a_fetch_has_to_be_admitted(
    cache: DocumentCache[str], site: JwksServer, clock: Any
) -> None:
    begun = 0

    async def counted() -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.01)

    site.answer = respond(b"good")
    for fetches in (1, 2):
        await asyncio.gather(*(cache.read(site.url, counted) for _ in range(50)))
        assert (begun, site.connections) == (fetches, fetches)
        clock.seconds += 300


async def test_who_is_not_admitted_spoils_it_for_nobody_else(
    cache: DocumentCache[str], site: JwksServer
) -> None:
    async def refused() -> None:
        await asyncio.sleep(0.01)
        raise TooManyRequests(retry_after=7)

    site.answer = respond(b"good")
    first = asyncio.create_task(cache.read(site.url, refused))
    await asyncio.sleep(0)  # it has begun
    others = [asyncio.create_task(cache.read(site.url, anybody)) for _ in range(5)]
    with pytest.raises(TooManyRequests):
        await first
    assert {fresh.document for fresh in await asyncio.gather(*others)} == {"good"}
    assert site.connections == 1
    await cache.read(site.url, refused)  # nothing has to be fetched


async def test_a_refusal_that_nobody_waits_for_any_more_is_no_error(
    cache: DocumentCache[str], site: JwksServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def refused() -> None:
        await asyncio.sleep(0.01)
        raise TooManyRequests(retry_after=7)

    first = asyncio.create_task(cache.read(site.url, refused))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    del first  # and with it what it waited for
    await asyncio.sleep(0.05)
    gc.collect()
    assert caplog.records == []
    assert site.connections == 0
