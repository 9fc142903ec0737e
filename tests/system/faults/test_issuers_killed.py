"""Every issuer is killed while the replicas serve (fault 13)."""

import asyncio
import secrets
from collections import Counter

import pytest

from lab.client import Client, Request
from lab.load import fire
from tests.system.faults.gate import forged_token
from tests.system.faults.pair import Pair

RATE = 150.0  # requests a second
KILLED_AT, SECONDS = 1.0, 6.0


@pytest.mark.faults
async def test_replicas_serve_every_valid_token_while_all_issuers_are_dead(
    pair: Pair, client: Client
) -> None:
    """They ask for keys every second here, in vain. How long that goes on is tested in process."""
    tokens = [(await pair.tokens(client)).access_token for _ in range(20)]
    whoami = [who_am_i(pair, token) for token in tokens]
    load = asyncio.create_task(fire(client, whoami, rate=RATE, count=int(RATE * SECONDS)))
    await asyncio.sleep(KILLED_AT)
    try:
        await asyncio.gather(*(issuer.kill() for issuer in pair.issuers))
        shots = await load
        unknown = await client.send(who_am_i(pair, forged_token(secrets.token_urlsafe(32))))
    finally:
        for issuer in pair.issuers:
            await issuer.start()
        for issuer in pair.issuers:
            await issuer.wait_until_ready()
    new = await client.send(who_am_i(pair, (await pair.tokens(client)).access_token))
    statuses, replicas = (
        Counter(getattr(shot, what) for shot in shots) for what in ("status", "replica")
    )
    after = sorted(shot.latency for shot in shots if shot.due > KILLED_AT)
    print(
        f"issuers dead for {SECONDS - KILLED_AT:.0f} s: {dict(statuses)} by {dict(replicas)},"
        f" p99 {after[int(len(after) * 0.99)] * 1000:.1f} ms"
    )
    assert statuses == {200: len(shots)}
    assert replicas.keys() == {"replica-1", "replica-2"}
    assert (unknown.status, unknown.error) == (503, "temporarily_unavailable")  # it may be new
    assert new.status == 200


def who_am_i(pair: Pair, token: str) -> Request:
    return Request("GET", f"{pair.stack.api_url}/whoami", (("authorization", f"Bearer {token}"),))
