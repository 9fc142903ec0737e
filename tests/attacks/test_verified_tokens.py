"""The verifier's memory of good tokens: never good for longer, never good for another."""

import math
from typing import Final

import pytest

from shared.access_token import AccessTokenVerifier, Statuses
from shared.errors import TemporarilyUnavailable
from shared.jws import VerificationKey
from shared.status_list import Entries, Reference
from tests.attacks.attack import SIGNATURE, UNKNOWN_KEY
from tests.attacks.world import AUDIENCE, ISSUER, Keys, Party, World, refusal, text

SMALL: Final = 8


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountingKeys(Keys):
    """Counts how often a signature was really checked, by handing out counting keys."""

    def __init__(self, key: VerificationKey) -> None:
        self.verifications = 0
        super().__init__(VerificationKey(key.kid, self))
        self._real = key._key.prepared_key

    @property
    def prepared_key(self) -> "CountingKeys":
        """Stand where python-jose has the key of `cryptography`."""
        return self

    def verify(self, *arguments: object) -> None:
        self.verifications += 1
        self._real.verify(*arguments)


@pytest.fixture
def clock(world: World) -> Clock:
    return Clock(world.now)


@pytest.fixture
def keys(world: World) -> CountingKeys:
    return CountingKeys(world.issuer.signing_key.verification_key())


@pytest.fixture
def verifier(keys: CountingKeys, clock: Clock) -> AccessTokenVerifier:
    return AccessTokenVerifier(keys, ISSUER, AUDIENCE, remember=SMALL, now=clock)


async def test_a_token_seen_before_is_not_verified_again(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    token = world.token()
    first = await verifier.verify(token)
    assert await verifier.verify(str(token.encode(), "ascii")) is first
    assert keys.verifications == 1


async def test_nor_is_one_whose_status_nobody_asks_for(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    status = {"status_list": {"idx": 500_000, "uri": f"{ISSUER}/status-lists/0"}}
    token = world.token(claims=world.claims(status=status))
    for _ in range(2):
        await verifier.verify(token)
    assert keys.verifications == 1


async def test_a_header_is_not_a_bare_token_nor_the_reverse(
    world: World, verifier: AccessTokenVerifier
) -> None:
    token = world.token()
    await verifier.verify(token)
    assert verifier.recall(token.encode()) is None  # a header without a scheme
    header = f"Bearer {token}"
    await verifier.verify_anew(token.encode(), header.encode())
    assert verifier.recall(header.encode()) is not None
    assert await refusal(verifier, header) is not None


async def test_what_is_much_longer_than_its_token_is_not_kept(
    world: World, verifier: AccessTokenVerifier
) -> None:
    token = world.token().encode()
    for spaces, kept in ((7000, True), (9000, False)):
        header = b"Bearer" + b" " * spaces + token
        await verifier.verify_anew(token, header)
        assert (verifier.recall(header) is not None) is kept


class OneList(Statuses):
    """A list that is at hand, and asked for when what is at hand does not do."""

    def __init__(self) -> None:
        self.entries = Entries(bytes(2), math.inf)
        self.asked = 0

    def at_hand(self, _uri: str) -> Entries:
        return self.entries

    async def look_up(self, reference: Reference) -> bool:
        self.asked += 1
        raise TemporarilyUnavailable(f"entry {reference.idx}")


@pytest.mark.parametrize(
    ("octets", "lasts"),
    [(b"\x00\x02", math.inf), (b"\x00", math.inf), (b"\x00\x00", 0)],
    ids=["is set", "is no more in the list", "is in a list that is too old"],
)
async def test_its_status_is_looked_up_once_its_entry(
    world: World, keys: CountingKeys, clock: Clock, octets: bytes, lasts: float
) -> None:
    statuses = OneList()
    verifier = AccessTokenVerifier(keys, ISSUER, AUDIENCE, statuses=statuses, now=clock)
    status = {"status_list": {"idx": 9, "uri": f"{ISSUER}/status-lists/0"}}
    token = world.token(claims=world.claims(status=status))
    statuses.entries.used = False
    for _ in range(2):
        await verifier.verify(token)
    assert (keys.verifications, statuses.asked) == (1, 0)
    assert statuses.entries.used
    statuses.entries.octets, statuses.entries.usable_until = octets, lasts
    with pytest.raises(TemporarilyUnavailable, match="entry 9"):
        await verifier.verify(token)
    assert statuses.asked == 1


@pytest.mark.parametrize(
    ("later", "description"),
    [(330, "the token has expired"), (-61, "the token was issued in the future")],
)
async def test_its_dates_are_checked_every_time(
    world: World, verifier: AccessTokenVerifier, clock: Clock, later: int, description: str
) -> None:
    token = world.token()
    await verifier.verify(token)
    clock.now += later
    for _ in range(2):
        assert await refusal(verifier, token) == description
    clock.now = world.now
    assert await refusal(verifier, token) is None


async def test_it_is_refused_once_its_key_is_removed(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    token = world.token()
    await verifier.verify(token)
    keys.use([])
    assert await refusal(verifier, token) == UNKNOWN_KEY


async def test_it_is_refused_once_another_key_has_its_kid(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    token = world.token()
    await verifier.verify(token)
    other = Party().jwk | {"kid": world.issuer.kid}
    keys.use([VerificationKey.from_jwk(other)])
    assert await refusal(verifier, token) == SIGNATURE


async def test_it_is_verified_anew_when_its_key_was_read_anew(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    token = world.token()
    await verifier.verify(token)
    keys.use([world.issuer.signing_key.verification_key()])
    again = await verifier.verify(token)
    assert await verifier.verify(token) is again  # and remembered under the new key


async def test_a_flood_of_forgeries_does_not_push_good_tokens_out(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    good = [world.token(claims=world.claims(jti=str(number))) for number in range(SMALL)]
    for token in good:
        await verifier.verify(token)
    signed, _, signature = good[0].rpartition(".")
    headers = [text(b'{"alg":"RS256","typ":"at+jwt","kid":"%d"}' % n) for n in range(200)]
    forgeries = [f"{header}.{signed.split('.')[1]}.{signature}" for header in headers]
    forgeries += [f"{signed}.{text(str(number).encode() * 64)}" for number in range(200)]
    for token in forgeries:
        assert await refusal(verifier, token) is not None
    verified = keys.verifications
    for token in good:
        await verifier.verify(token)
    assert keys.verifications == verified


async def test_no_more_tokens_are_kept_than_were_asked_for(
    world: World, verifier: AccessTokenVerifier, keys: CountingKeys
) -> None:
    tokens = [world.token(claims=world.claims(jti=str(number))) for number in range(3 * SMALL)]
    for token in tokens:
        await verifier.verify(token)
    keys.verifications = 0
    for token in reversed(tokens[-SMALL:]):
        await verifier.verify(token)
    assert keys.verifications == 0
    await verifier.verify(tokens[0])
    assert keys.verifications == 1


async def test_none_is_kept_when_none_is_asked_for(
    world: World, keys: CountingKeys, clock: Clock
) -> None:
    verifier = AccessTokenVerifier(keys, ISSUER, AUDIENCE, remember=0, now=clock)
    for expected in (1, 2, 3):
        await verifier.verify(world.token())
        assert keys.verifications == expected


async def test_many_headers_of_one_issuer_do_not_pile_up(
    world: World, verifier: AccessTokenVerifier
) -> None:
    """Headers are remembered too; each that comes again is still read right."""
    for number in [*range(200), *range(200)]:
        await verifier.verify(world.token(world.header(x=number)))
    assert len(verifier._kids) <= 64


async def test_a_token_that_differs_in_one_spare_bit_is_another_token(
    world: World, verifier: AccessTokenVerifier
) -> None:
    token = world.token()
    await verifier.verify(token)
    other = token[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[token[-1]]
    assert await refusal(verifier, other) == "the token is malformed"


async def test_a_header_that_was_good_does_not_make_a_wrong_signature_good(
    world: World, verifier: AccessTokenVerifier
) -> None:
    await verifier.verify(world.token())
    assert await refusal(verifier, world.token(sign=world.attacker.rs256)) == SIGNATURE
