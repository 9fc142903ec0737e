"""What `AccessTokenVerifier.verify` costs, over a raw RSA-2048 verification in `cryptography`."""

import secrets
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import httpx
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from lab.bench.measure import SERVER_CORE, Ratio, pinned
from resource_service.remote_status_lists import RemoteStatusLists
from resource_service.status_list import Policy
from shared import status_list
from shared.access_token import TYPE, AccessTokenVerifier
from shared.jws import SigningKey, decode
from shared.key_set import KeySet
from shared.status_list import Reference, StatusList, StatusListToken, pack

ISSUER = "http://127.0.0.1:8000"
AUDIENCE = "http://127.0.0.1:8080"
STATUS_LIST = f"{ISSUER}/status-lists/0"
LIST_SIZE = 2**20  # entries of a list of our issuer
NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_BLOCK = 500  # tokens verified by each of the three in turn


def sign_tokens(
    key: SigningKey, count: int, *, lifetime: int = 3600, also: Mapping[str, object] = NOTHING
) -> list[str]:
    """Make tokens like those that the auth service issues to a person, all different.

    `lifetime` is in seconds; `also` are more claims.
    """
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "5b0d3a52-6f0e-4d0c-9a57-3f4f9d5c1e11",
        "exp": now + lifetime,
        "iat": now,
        "client_id": "demo",
        "scope": "notes:read notes:write",
        "auth_time": now,
        "amr": ["pwd"],
        "sid": secrets.token_urlsafe(16),
    }

    def own() -> dict[str, object]:
        reference = {"idx": secrets.randbelow(LIST_SIZE), "uri": STATUS_LIST}
        return {"jti": secrets.token_urlsafe(16), "status": {"status_list": reference}}

    return [
        key.sign(msgspec.json.encode(claims | own() | dict(also)), typ=TYPE) for _ in range(count)
    ]


async def lists_at_hand(key: SigningKey) -> RemoteStatusLists:
    """Return the real follower of status lists, which has just fetched one with nothing set."""
    now = int(time.time())
    token = StatusListToken(
        sub=STATUS_LIST,
        iat=now,
        exp=now + 3600,
        status_list=StatusList(1, pack([], LIST_SIZE)),
    )
    body = key.sign(msgspec.json.encode(token), typ=status_list.TYPE).encode()
    transport = httpx.MockTransport(
        lambda _request: httpx.Response(200, stream=httpx.ByteStream(body))
    )
    keys = KeySet(key.verification_key())
    policy = Policy(httpx.AsyncClient(transport=transport), keys, ISSUER, poll=3600, stale=3600)
    lists = RemoteStatusLists(policy)
    await lists.look_up(Reference(0, STATUS_LIST))
    return lists


async def measure(rounds: int) -> dict[str, Ratio]:
    """Return `verify_ratio` (no cache) and `verify_cached_ratio` (every token seen before).

    With every check that a replica makes, its look into a status list among them.
    """
    signing_key = SigningKey.generate()
    public = _public_key(signing_key)
    keys = KeySet(signing_key.verification_key())
    statuses = await lists_at_hand(signing_key)
    tokens = sign_tokens(signing_key, _BLOCK)
    signed = [_taken_apart(token) for token in tokens]
    uncached = AccessTokenVerifier(keys, ISSUER, AUDIENCE, statuses=statuses, remember=0)
    cached = AccessTokenVerifier(keys, ISSUER, AUDIENCE, statuses=statuses)
    for token in tokens:
        await cached.verify(token)

    new, repeated = [], []
    with pinned(SERVER_CORE):
        for _ in range(rounds * 20):
            raw = _cpu_of_raw(public, signed)
            new.append(await cpu_of_verify(uncached, tokens) / raw)
            repeated.append(await cpu_of_verify(cached, tokens) / raw)
    return {"verify_ratio": Ratio.of(new), "verify_cached_ratio": Ratio.of(repeated)}


def _public_key(signing_key: SigningKey) -> RSAPublicKey:
    public = load_der_private_key(signing_key.to_der(), password=None).public_key()
    assert isinstance(public, RSAPublicKey)  # noqa: S101 - a SigningKey is RSA
    return public


def _taken_apart(token: str) -> tuple[bytes, bytes]:
    message, _, signature = token.encode().rpartition(b".")
    return message, decode(signature)


def _cpu_of_raw(public: RSAPublicKey, signed: list[tuple[bytes, bytes]]) -> float:
    started = time.process_time()
    for message, signature in signed:
        public.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    return time.process_time() - started


async def cpu_of_verify(verifier: AccessTokenVerifier, tokens: list[str]) -> float:
    """Return the CPU seconds that it takes to verify all these tokens once."""
    # Copies, as each request brings its own: a string remembers the hash that a look-up makes.
    fresh = [(token + " ")[:-1] for token in tokens]
    started = time.process_time()
    for token in fresh:
        await verifier.verify(token)
    return time.process_time() - started
