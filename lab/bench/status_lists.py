"""What a status list weighs, and what it costs a request to look into one."""

import random
import statistics
import time
from typing import Final

import msgspec

from lab.bench.measure import SERVER_CORE, pinned
from lab.bench.verification import (
    AUDIENCE,
    ISSUER,
    STATUS_LIST,
    cpu_of_verify,
    lists_at_hand,
    sign_tokens,
)
from shared.access_token import AccessTokenVerifier
from shared.jws import SigningKey
from shared.key_set import KeySet
from shared.status_list import TYPE, StatusList, StatusListToken, pack

Octets = dict[str, dict[str, int]]  # of a list's token, by entries and by the share revoked

SIZES: Final = (10_000, 1_000_000, 10_000_000)
SHARES: Final = (0.0001, 0.01, 0.05)
_BLOCK: Final = 500  # tokens


def measure_octets() -> Octets:
    """Return how long the signed Status List Token is, with the revoked entries at random.

    Random is what compresses worst. Our issuer's lists have 2^20 entries and go on in a next
    one, so of ten million entries it makes ten lists; here they are one.
    """
    chance = random.Random(1)  # noqa: S311 - no secret
    key = SigningKey.generate()
    return {
        str(size): {
            f"{share:.2%}": _octets(key, chance.sample(range(size), int(size * share)), size)
            for share in SHARES
        }
        for size in SIZES
    }


def _octets(key: SigningKey, revoked: list[int], size: int) -> int:
    now = int(time.time())
    listed = StatusList(1, pack(revoked, size))
    token = StatusListToken(sub=STATUS_LIST, iat=now, exp=now + 600, ttl=5, status_list=listed)
    return len(key.sign(msgspec.json.encode(token), typ=TYPE))


async def measure_check(rounds: int) -> float:
    """Return what the check costs a request, in microseconds of CPU.

    The same verified tokens are verified again, in blocks that alternate between a verifier that
    looks into a list and one that looks into none; the median difference counts.
    """
    key = SigningKey.generate()
    keys = KeySet(key.verification_key())
    tokens = sign_tokens(key, _BLOCK)
    blind = AccessTokenVerifier(keys, ISSUER, AUDIENCE)
    seeing = AccessTokenVerifier(keys, ISSUER, AUDIENCE, statuses=await lists_at_hand(key))
    for verifier in (blind, seeing):
        for token in tokens:
            await verifier.verify(token)
    differences = []
    with pinned(SERVER_CORE):
        for _ in range(rounds * 50):
            without = await cpu_of_verify(blind, tokens)
            differences.append(await cpu_of_verify(seeing, tokens) - without)
    return statistics.median(differences) / _BLOCK * 1e6
