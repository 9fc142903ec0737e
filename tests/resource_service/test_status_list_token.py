"""Status List Tokens as hostile input: what is no list of this issuer for this URI is refused."""

import time
import zlib
from collections.abc import Callable

import pytest

from resource_service import status_list_token
from resource_service.status_list_token import StatusListRefused
from shared import jws
from shared.errors import TemporarilyUnavailable
from shared.jws import SigningKey, VerificationKey
from shared.key_set import KeySet
from shared.status_list import MAXIMUM_OCTETS
from tests.attacks.world import Keys
from tests.resource_service.status_lists import SIZE, ListServer

URI = "https://issuer.example/status-lists/0"
ISSUER = "https://issuer.example"


class Server(ListServer):
    """Signs lists, but serves none."""

    @property
    def uri(self) -> str:
        return URI


@pytest.fixture
def server(signing_key: SigningKey) -> Server:
    return Server(signing_key)


async def read(server: Server, token: str | bytes, now: float | None = None) -> bytes:
    keys = Keys(server.key.verification_key())
    octets = token.encode() if isinstance(token, str) else token
    now = time.time() if now is None else now
    return (await status_list_token.read(octets, URI, ISSUER, keys, now)).octets


async def test_a_good_list_is_read(server: Server) -> None:
    octets = await read(server, server.sign([0, 9]))
    assert octets[:2] == b"\x01\x02"
    assert len(octets) == SIZE // 8


async def test_a_list_that_names_its_issuer_is_read_and_one_without_ttl_too(server: Server) -> None:
    assert await read(server, server.sign(iss=ISSUER, ttl=None))


async def test_a_list_of_the_largest_size_is_read(server: Server) -> None:
    lst = jws.encode(zlib.compress(bytes(MAXIMUM_OCTETS))).decode()
    assert len(await read(server, server.sign(lst=lst))) == MAXIMUM_OCTETS


def packed(octets: bytes) -> str:
    return jws.encode(zlib.compress(octets)).decode()


BAD: dict[str, Callable[[Server], str | bytes]] = {
    "an access token": lambda server: server.sign(typ="at+jwt"),
    "an ID token": lambda server: server.sign(typ="JWT"),
    "of another list": lambda server: server.sign(sub=URI + "1"),
    "of another issuer's list": lambda server: server.sign(
        sub="https://evil.example/status-lists/0"
    ),
    "without sub": lambda server: server.sign(sub=None),
    "of another issuer": lambda server: server.sign(iss="https://evil.example"),
    "without iat": lambda server: server.sign(iat=None),
    "without exp": lambda server: server.sign(exp=None),
    "expired": lambda server: server.sign(exp=int(time.time()) - 31),
    "from the future": lambda server: server.sign(iat=int(time.time()) + 40),
    "of two bits": lambda server: server.sign(status_list={"bits": 2, "lst": packed(b"1")}),
    "without a list": lambda server: server.sign(status_list=None),
    "cut off in the list": lambda server: server.sign(
        lst=jws.encode(zlib.compress(bytes(9999))[:-4]).decode()
    ),
    "a bomb": lambda server: server.sign(lst=packed(bytes(64 * 1024 * 1024))),
    "a list that is too long": lambda server: server.sign(lst=packed(bytes(MAXIMUM_OCTETS + 1))),
    "no zlib": lambda server: server.sign(lst="AAAA"),
    "padded": lambda server: server.sign(lst="eNrbuRgAAhcBXQ=="),
    "unsigned": lambda server: server.sign().rpartition(".")[0] + ".",
    "altered": lambda server: server.sign().replace(".", ".e", 1),
    "with another signature": lambda server: server.sign().rpartition(".")[0] + "." + "A" * 342,
    "two parts": lambda server: server.sign().rpartition(".")[0],
    "four parts": lambda server: server.sign() + ".x",
    "HTML": lambda _server: b"<!doctype html><title>Welcome</title>",
    "nothing": lambda _server: b"",
    "not ASCII": lambda _server: b"\xff.\xff.\xff",
    "too long": lambda server: server.sign() + "A" * (2 * 1024 * 1024),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_refused_is_what_is(server: Server, make: Callable[[Server], str | bytes]) -> None:
    with pytest.raises(StatusListRefused):
        await read(server, make(server))


async def test_a_strangers_list_is_refused(server: Server, other_key: SigningKey) -> None:
    with pytest.raises(StatusListRefused, match="known key"):
        await read(server, server.sign(key=other_key))


async def test_a_strangers_list_under_our_kid_is_refused(
    server: Server, other_key: SigningKey
) -> None:
    keys = Keys(VerificationKey(other_key.kid, server.key.verification_key()._key))
    token = server.sign(key=other_key).encode()
    with pytest.raises(StatusListRefused, match="signature"):
        await status_list_token.read(token, URI, ISSUER, keys, time.time())


async def test_without_keys_it_cannot_be_known(server: Server) -> None:
    class NoKeys(KeySet):
        async def key(self, _kid: str) -> VerificationKey | None:
            raise TemporarilyUnavailable("no keys")

    with pytest.raises(TemporarilyUnavailable):
        await status_list_token.read(server.sign().encode(), URI, ISSUER, NoKeys(), time.time())


@pytest.mark.parametrize(
    ("after_exp", "good"), [(29, True), (30, False), (-1, True)], ids=["29 s", "30 s", "before"]
)
async def test_the_leeway_of_exp(server: Server, after_exp: int, good: bool) -> None:
    now = 1_800_000_000
    token = server.sign(iat=now - 600, exp=now)
    if good:
        assert await read(server, token, now + after_exp)
    else:
        with pytest.raises(StatusListRefused, match="expired"):
            await read(server, token, now + after_exp)


@pytest.mark.parametrize(("ahead", "good"), [(30, True), (31, False)], ids=["30 s", "31 s"])
async def test_the_leeway_of_iat(server: Server, ahead: int, good: bool) -> None:
    now = 1_800_000_000
    token = server.sign(iat=now + ahead, exp=now + 600)
    if good:
        assert await read(server, token, now)
    else:
        with pytest.raises(StatusListRefused, match="future"):
            await read(server, token, now)


async def test_no_bit_of_a_list_may_change(server: Server) -> None:
    token = server.sign([7])
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(StatusListRefused):
            await read(server, changed)
