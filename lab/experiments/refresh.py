"""C4: refreshing is hidden state: how many store operations does it add to a request?"""

import asyncio
from typing import Final

import asyncpg

from lab import schemes
from lab.client import Request
from lab.experiments import Experiment, Json
from lab.laboratory import Laboratory

LIFETIME: Final = 300.0  # seconds, on the clock of the simulated users
RATES: Final = (0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 100.0)  # requests per lifetime: λ·TTL
REQUESTS: Final = 400  # of each simulated user
REFRESHES: Final = 60


async def run(lab: Laboratory) -> Json:
    """Count the issuer's transactions for real refreshes, and refreshes for simulated users."""
    lab.advance(f"{REFRESHES} refreshes at the real issuer")
    per_refresh = await _transactions_per_refresh(lab)
    users = []
    for rate in RATES:
        refreshes = _refreshes(lab, rate)
        users.append({"requests_per_lifetime": rate, "requests": REQUESTS, "refreshes": refreshes})
    return {"transactions_per_refresh": per_refresh, "users": users, "refreshes": REFRESHES}


async def _transactions_per_refresh(lab: Laboratory) -> float:
    site = schemes.Site(lab.stack.auth_url, "")
    log_in = await schemes.find("rs256").log_in(lab.client, site, lab.account)
    token = str(log_in.response.json()["refresh_token"])
    postgres = lab.stack.databases.postgres
    assert postgres is not None  # noqa: S101 - the lab's stacks have their own
    connection = await asyncpg.connect(postgres.url())
    try:
        await _transactions(connection)
        quiet = await _transactions(connection)
        before = await _transactions(connection)
        for _ in range(REFRESHES):
            token = await _refresh(lab, token)
        after = await _transactions(connection)
    finally:
        await connection.close()
    return (after - before - (before - quiet)) / REFRESHES


async def _transactions(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """Return the transactions of the issuer's database so far, once all have been reported."""
    await asyncio.sleep(2.5)
    return int(
        await connection.fetchval(
            "SELECT xact_commit FROM pg_stat_database WHERE datname = 'sealgate_auth'"
        )
    )


async def _refresh(lab: Laboratory, token: str) -> str:
    form = [
        ("grant_type", "refresh_token"),
        ("client_id", lab.account.public_client_id),
        ("refresh_token", token),
    ]
    answer = await lab.client.send(Request.form(f"{lab.stack.auth_url}/token", form))
    return str(answer.json()["refresh_token"])


def _refreshes(lab: Laboratory, rate: float) -> int:
    """Return how often a user must refresh who asks by chance, `rate` times per lifetime.

    The log-in counts as one: without a token there is nothing to send.
    """
    now, expires, refreshes = 0.0, 0.0, 0
    for _ in range(REQUESTS):
        now += lab.chance.expovariate(rate / LIFETIME)
        if now >= expires:
            refreshes += 1
            expires = now + LIFETIME
    return refreshes


EXPERIMENT: Final = Experiment(
    id="C4", title="Refreshing is hidden state", run=run, seconds=20, quick_seconds=20
)
