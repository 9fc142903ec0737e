"""Each scheme's authenticator, on real stores: its own credential, and all that is not."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
import pytest

from lab import schemes
from lab.client import Headers
from lab.schemes import Person, hs256, password_check, redis
from lab.schemes.basic import BasicAuthenticator
from lab.schemes.hs256 import Hs256Authenticator
from lab.schemes.memory import MemoryStore
from lab.schemes.none import AnyoneAuthenticator
from lab.schemes.postgres import PostgresStore
from lab.schemes.redis import RedisStore
from lab.schemes.session_app import SessionAuthenticator, SessionStore
from lab.schemes.sessions import Sessions
from lab.stores import Stores
from resource_service.authenticator import Authenticator, BearerAuthenticator, Scope
from resource_service.settings import Settings
from shared.access_token import AccessToken, AccessTokenVerifier
from shared.errors import InvalidToken, MissingToken, OAuthError, TemporarilyUnavailable
from tests.attacks.world import AUDIENCE, ISSUER, Keys, World

NOW: Final = int(time.time())
CREDENTIALS: Final = ("basic", "memory", "postgres", "redis", "hs256", "rs256")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sealgate-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
async def stores(folder: Path) -> AsyncIterator[Stores]:
    async with Stores(folder / "stores") as running:
        yield running


@pytest.fixture(scope="module")
def issuer() -> World:
    return World()


def _person(world: World, number: int = 1, **claims: object) -> Person:
    token = world.token(claims=world.claims(sub=f"person-{number}", **claims))
    return Person(f"person-{number}", "tr0ub4dor", token, password_check.claims(token))


@pytest.fixture(scope="module")
async def authenticators(stores: Stores, issuer: World) -> AsyncIterator[dict[str, Authenticator]]:
    places = stores.places
    postgres = PostgresStore(places.database_url, size=2, touch_every=60)
    in_redis = RedisStore(places.redis_url)
    basic = BasicAuthenticator(places.database_url, size=2)
    verifier = AccessTokenVerifier(
        Keys(issuer.issuer.signing_key.verification_key()), ISSUER, AUDIENCE
    )
    async with AsyncExitStack() as opened:
        for resource in (postgres, in_redis, basic):
            await opened.enter_async_context(resource.opened())
        yield {
            "basic": basic,
            "postgres": SessionAuthenticator(postgres),
            "redis": SessionAuthenticator(in_redis),
            "hs256": Hs256Authenticator(places.hs256_secret.encode(), ISSUER, AUDIENCE),
            "rs256": BearerAuthenticator(verifier),
        }


async def _seeded(
    name: str, stores: Stores, authenticators: dict[str, Authenticator], *people: Person
) -> tuple[Authenticator, list[Headers]]:
    credentials = await schemes.find(name).seed(stores.places, people)
    if name != "memory":
        return authenticators[name], credentials
    sessions = Sessions()
    kept = msgspec.json.decode(
        stores.places.sessions_file.read_bytes(), type=dict[str, AccessToken]
    )
    for session_id, user in kept.items():
        sessions.put(session_id, user)
    return SessionAuthenticator(MemoryStore(sessions)), credentials


def _scope(headers: Headers) -> Scope:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "headers": raw}


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_it_knows_its_own_people_by_equal_claims(
    name: str, stores: Stores, issuer: World, authenticators: dict[str, Authenticator]
) -> None:
    people = [_person(issuer, number) for number in range(3)]
    authenticator, credentials = await _seeded(name, stores, authenticators, *people)
    for person, credential in zip(people, credentials, strict=True):
        for _ in range(2):
            assert await authenticator.authenticate(_scope(credential)) == person.claims


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_it_refuses_a_forged_credential_as_often_as_it_comes(
    name: str, stores: Stores, issuer: World, authenticators: dict[str, Authenticator]
) -> None:
    authenticator, [credential] = await _seeded(name, stores, authenticators, _person(issuer))
    [(header, value)] = credential
    middle = len(value) - 20 if name != "basic" else 10
    changed = "A" if value[middle] != "A" else "B"
    forged = ((header, value[:middle] + changed + value[middle + 1 :]),)
    for _ in range(2):
        with pytest.raises(InvalidToken):
            await authenticator.authenticate(_scope(forged))
    assert (await authenticator.authenticate(_scope(credential))).sub == "person-1"


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_it_refuses_whoever_sends_nothing(
    name: str, stores: Stores, issuer: World, authenticators: dict[str, Authenticator]
) -> None:
    authenticator, _ = await _seeded(name, stores, authenticators, _person(issuer))
    with pytest.raises(MissingToken):
        await authenticator.authenticate(_scope(()))


UNKNOWN: Final = [
    pytest.param("basic", ("authorization", "Basic bm9ib2R5OnRyMHViNGRvcg=="), id="basic"),
    *(
        pytest.param(name, ("cookie", f"session={'A' * 43}"), id=name)
        for name in ("memory", "postgres", "redis")
    ),
    *(
        pytest.param(name, ("authorization", "Bearer a.b.c"), id=name)
        for name in ("hs256", "rs256")
    ),
]


@pytest.mark.parametrize(("name", "header"), UNKNOWN)
async def test_it_refuses_an_unknown_credential(
    name: str,
    header: tuple[str, str],
    stores: Stores,
    issuer: World,
    authenticators: dict[str, Authenticator],
) -> None:
    authenticator, _ = await _seeded(name, stores, authenticators, _person(issuer))
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(_scope((header,)))


@pytest.mark.parametrize("name", ["hs256", "rs256"])
async def test_it_refuses_an_expired_token(
    name: str, stores: Stores, issuer: World, authenticators: dict[str, Authenticator]
) -> None:
    person = _person(issuer, iat=NOW - 400, exp=NOW - 100)
    authenticator, [credential] = await _seeded(name, stores, authenticators, person)
    with pytest.raises(InvalidToken, match="expired"):
        await authenticator.authenticate(_scope(credential))


@pytest.mark.parametrize("name", ["hs256", "rs256"])
async def test_it_refuses_anothers_token(
    name: str, stores: Stores, issuer: World, authenticators: dict[str, Authenticator]
) -> None:
    person = _person(issuer, aud="https://other.example")
    authenticator, [credential] = await _seeded(name, stores, authenticators, person)
    with pytest.raises(InvalidToken):
        await authenticator.authenticate(_scope(credential))


async def test_a_session_in_postgresql_ends_by_either_limit_and_by_logging_out(
    stores: Stores, issuer: World
) -> None:
    people = [_person(issuer, number) for number in range(4)]
    credentials = await schemes.find("postgres").seed(stores.places, people)
    ids = [value.partition("=")[2] for ((_, value),) in credentials]
    store = PostgresStore(stores.places.database_url, size=2, touch_every=60)
    async with store.opened():
        connection = await asyncpg.connect(stores.places.database_url)
        for session_id, column in zip(ids, ("idle_at", "ends_at"), strict=False):
            await connection.execute(
                f"UPDATE sessions SET {column} = 0 WHERE id_sha256 = sha256($1::bytea)",  # noqa: S608
                session_id.encode(),
            )
        await connection.close()
        await store.close(ids[2])
        assert [await store.read(of) for of in ids] == [None, None, None, people[3].claims]


@pytest.mark.parametrize(("touch_every", "moved"), [(0, True), (60, True), (3600, False)])
async def test_a_session_in_postgresql_that_is_used_stays(
    stores: Stores, issuer: World, touch_every: float, moved: bool
) -> None:
    [credential] = await schemes.find("postgres").seed(stores.places, [_person(issuer)])
    session_id = credential[0][1].partition("=")[2].encode()
    connection = await asyncpg.connect(stores.places.database_url)
    soon = time.time() + 100
    where = "WHERE id_sha256 = sha256($1::bytea)"
    await connection.execute(f"UPDATE sessions SET idle_at = $2 {where}", session_id, soon)  # noqa: S608
    store = PostgresStore(stores.places.database_url, size=2, touch_every=touch_every)
    async with store.opened():
        assert await store.read(session_id.decode()) is not None
    after = await connection.fetchval(f"SELECT idle_at FROM sessions {where}", session_id)  # noqa: S608
    await connection.close()
    assert (after > soon + 1000) is moved


async def test_a_session_in_redis_ends_by_either_limit_and_by_logging_out(
    stores: Stores, issuer: World
) -> None:
    people = [_person(issuer, number) for number in range(4)]
    credentials = await schemes.find("redis").seed(stores.places, people)
    ids = [value.partition("=")[2] for ((_, value),) in credentials]
    store, valkey = RedisStore(stores.places.redis_url), redis.connect(stores.places.redis_url)
    async with store.opened():
        await valkey.pexpire(redis.key(ids[0]), 1)
        ended = redis.Session(people[1].claims, time.time() - 1)
        await valkey.set(redis.key(ids[1]), msgspec.json.encode(ended))
        await store.close(ids[2])
        await asyncio.sleep(0.01)
        assert [await store.read(of) for of in ids] == [None, None, None, people[3].claims]
        await valkey.expire(redis.key(ids[3]), 100)
        await store.read(ids[3])
        assert await valkey.ttl(redis.key(ids[3])) > 1000  # its idle time began anew
    await valkey.aclose()


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(PostgresStore("postgresql://a:b@127.0.0.1:1/c", size=1, touch_every=60)),
        pytest.param(RedisStore("redis://:a@127.0.0.1:1/0")),
    ],
    ids=["postgres", "redis"],
)
async def test_a_store_out_of_reach_is_no_refusal(store: PostgresStore | RedisStore) -> None:
    sessions: SessionStore = store
    async with store.opened():
        with pytest.raises(TemporarilyUnavailable):
            await SessionAuthenticator(sessions).authenticate(_scope((("cookie", "session=a"),)))


async def test_an_hs256_token_with_another_header_is_refused_unread() -> None:
    claims = password_check.claims(_person(World()).token)
    token = hs256.sign(b"secret", claims)
    authenticator = Hs256Authenticator(b"secret", ISSUER, AUDIENCE)
    _, _, rest = token.partition(".")
    for header in ("eyJhbGciOiJub25lIn0", ""):
        with pytest.raises(OAuthError):
            await authenticator.authenticate(
                _scope((("authorization", f"Bearer {header}.{rest}"),))
            )


async def test_the_control_asks_nobody() -> None:
    settings = Settings.load(database_url="postgresql://a:b@127.0.0.1:1/c")
    authenticator = AnyoneAuthenticator(settings)
    assert (await authenticator.authenticate(_scope(()))).client_id == "anyone"
