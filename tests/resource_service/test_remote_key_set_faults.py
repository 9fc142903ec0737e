"""What the issuer may answer instead of its key set: the good keys stay."""

import asyncio

import pytest

from shared.jws import SigningKey
from tests.resource_service.clock import Clock, MakeKeySet, fetched
from tests.resource_service.issuer import Answer, JwksServer, jwk_set, respond


async def redirect(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    port = writer.get_extra_info("sockname")[1]
    location = f"Location: http://127.0.0.1:{port}/elsewhere\r\nContent-Length: 0\r\n"
    writer.write(f"HTTP/1.1 302 Found\r\n{location}\r\n".encode())


async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")


async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(1)


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An octet now and then: no single wait is long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(20):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def truncate(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"keys": [')


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """100 MB, if anybody reads them."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
    for sent in range(0, 100_000_000, 65536):
        assert sent < 20_000_000, "it goes on reading"
        writer.write(b" " * 65536)
        await writer.drain()


BAD_ANSWERS = {
    "hung": (hang, "timeout"),
    "dripping": (drip, "timeout"),
    "an error": (respond(b"", status="500 Internal Server Error"), "refused"),
    "not found": (respond(b"{}", status="404 Not Found"), "refused"),
    "no content": (respond(b"", status="204 No Content"), "refused"),
    "truncated": (truncate, "unreachable"),
    "HTML": (respond(b"<!doctype html><title>Welcome</title>"), "refused"),
    "nothing": (respond(b""), "refused"),
    "no HTTP": (nonsense, "unreachable"),
    "a redirect": (redirect, "refused"),
    "an empty set": (respond(jwk_set()), "refused"),
    "a list": (respond(b"[]"), "refused"),
    "no list of keys": (respond(b'{"keys": {}}'), "refused"),
    "only bad keys": (
        respond(jwk_set({"kty": "oct", "k": "AAAA", "kid": "1"}, 7, None)),
        "refused",
    ),
    "100 MB": (flood, "refused"),
    "deeply nested": (respond(b'{"keys":' + b"[" * 100_000), "refused"),
    "deeply nested objects": (respond(b'{"keys":' * 20_000), "refused"),
    "10,000 keys": (respond(jwk_set(*({"kid": n} for n in range(10_000)))), "refused"),
    "a compressed bomb": (
        respond(b"\x1f\x8b" + b"x" * 100, headers="Content-Encoding: gzip\r\n"),
        "refused",
    ),
    "not UTF-8": (respond(b'{"keys": ["\xff"]}'), "refused"),
}


@pytest.mark.parametrize(("answer", "outcome"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_good_keys_stay_when_the_answer_is(
    clock: Clock,
    make: MakeKeySet,
    jwks: JwksServer,
    signing_key: SigningKey,
    answer: Answer,
    outcome: str,
) -> None:
    keys = make(timeout=0.3 if outcome == "timeout" else 3.0)
    async with keys.kept_fresh():
        await fetched()
        before = keys.trusted(signing_key.kid)
        jwks.answer = answer
        await clock.advance(240)
        assert jwks.connections == 2
        assert keys.fetches == {"ok": 1, outcome: 1}
        assert keys.trusted(signing_key.kid) is before is not None
        jwks.serve(signing_key)
        await clock.advance(1)
        assert keys.fetches["ok"] == 2


async def test_a_flood_is_not_read_to_its_end(make: MakeKeySet, jwks: JwksServer) -> None:
    sent = 0

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while sent < 100_000_000:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    jwks.answer = count
    keys = make()
    async with keys.kept_fresh():
        await fetched()
        assert keys.fetches == {"refused": 1}
        await asyncio.sleep(0.05)
        assert sent < 20_000_000  # what the kernel's buffers hold


async def test_valid_tokens_do_not_wait_while_a_fetch_hangs(
    make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    keys = make(timeout=0.5)
    async with keys.kept_fresh():
        await fetched()
        jwks.answer = hang
        unknown = asyncio.create_task(keys.key("unknown"))
        await jwks.asked(2)
        begun = asyncio.get_running_loop().time()
        for _ in range(1000):
            assert await keys.key(signing_key.kid) is not None
        assert asyncio.get_running_loop().time() - begun < 0.25
        assert not unknown.done()
        await asyncio.wait([unknown])
        assert unknown.exception() is not None


async def test_a_fetch_of_the_largest_set_does_not_hold_up_the_event_loop(
    make: MakeKeySet, jwks: JwksServer, signing_key: SigningKey
) -> None:
    filler = {"kty": "oct", "kid": "x" * 7000}
    jwks.answer = respond(jwk_set(signing_key.public_jwk, *[filler] * 31))
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = asyncio.get_running_loop().time()
            await asyncio.sleep(0.001)
            longest = max(longest, asyncio.get_running_loop().time() - begun)

    watching = asyncio.create_task(watch())
    keys = make()
    assert await keys.key(signing_key.kid) is not None
    watching.cancel()
    assert longest < 0.1
