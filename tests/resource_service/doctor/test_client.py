"""The careful client: what it does with answers that are too long, too slow or no answers."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator

import pytest

from resource_service.doctor import client as module
from resource_service.doctor.client import MAXIMUM_OCTETS, Client, NoAnswer, open_client
from tests.resource_service.issuer import Answer, JwksServer, respond


@pytest.fixture
async def server() -> AsyncIterator[JwksServer]:
    server = JwksServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def client(server: JwksServer) -> AsyncIterator[Client]:
    async with open_client(server.url) as client:
        yield client


def write(*chunks: bytes, then_wait: bool = False) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
        await writer.drain()
        if then_wait:
            await reader.read()  # until the client goes

    return answer


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def test_an_answer_is_read_whole_with_the_times(server: JwksServer, client: Client) -> None:
    server.answer = respond(b'{"a": 1}', headers="Content-Type: Application/JSON; charset=x\r\n")
    before = time.time()
    answer = await client.get(server.url)
    assert (answer.status, answer.document()) == (200, {"a": 1})
    assert answer.media_type == "application/json"
    assert before <= answer.asked_at <= answer.received_at <= time.time()


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b"[" * 100_000, b"1" * 5000, b"\xff"])
async def test_what_is_no_json_object_is_no_document(
    server: JwksServer, client: Client, body: bytes
) -> None:
    server.answer = respond(body)
    assert (await client.get(server.url)).document() is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(respond(b"x" * (MAXIMUM_OCTETS + 1)), id="too long"),
        pytest.param(
            write(HEAD + b"\r\n", b"x" * (MAXIMUM_OCTETS + 1), then_wait=True), id="endless"
        ),
        pytest.param(
            respond(gzip.compress(b"{}"), headers="Content-Encoding: gzip\r\n"), id="compressed"
        ),
        pytest.param(
            respond(b"", status="302 Found", headers="Location: /\x1b[31m\r\n"), id="an escape"
        ),
        pytest.param(write(b""), id="nothing"),
        pytest.param(write(b"SSH-2.0-OpenSSH_9.2\r\n"), id="not HTTP"),
        pytest.param(write(HEAD + b"Content-Length: 9\r\n\r\n{}"), id="cut off"),
    ],
)
async def test_what_cannot_be_read_is_no_answer(
    server: JwksServer, client: Client, answer: Answer
) -> None:
    server.answer = answer
    with pytest.raises(NoAnswer) as refused:
        await client.get(server.url)
    assert str(refused.value).isprintable()
    assert str(refused.value)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(write(then_wait=True), id="silence"),
        pytest.param(write(HEAD + b"\r\n", b"{", then_wait=True), id="half an answer"),
    ],
)
async def test_nobody_is_waited_for_long(
    server: JwksServer, client: Client, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    server.answer = answer
    started = time.monotonic()
    with pytest.raises(NoAnswer, match="no complete answer within"):
        await client.get(server.url)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("url", ["http://", "http://\u2603.example/\n"])
async def test_an_address_that_is_none_is_no_answer(client: Client, url: str) -> None:
    with pytest.raises(NoAnswer):
        await client.get(url)


async def test_a_redirect_is_an_answer_like_others(server: JwksServer, client: Client) -> None:
    server.answer = respond(b"", status="302 Found", headers="Location: /x?y\r\n")
    answer = await client.get(server.url)
    assert answer.status == 302
    assert answer.summary == "302 without a media type, a redirect to /x?y"
    assert server.connections == 1
