"""The database session is ended at each statement of each flow: all of it is done, or nothing."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from auth_service import key_schedule
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.key_rotation import KeyRotation
from auth_service.settings import Settings
from auth_service.store import signing_keys
from lab.client import Client, Request, Response
from shared.database import UNAVAILABLE, Pool, create_pool
from stack.ports import free_ports
from tests.system.faults import database
from tests.system.faults import pair as pairs
from tests.system.faults.pair import PASSWORD, Pair, tokens_in
from tests.system.faults.sessions_cut import Blow, CuttingProxy, Moment, cutting_proxy
from tests.system.faults.waiting import until

# What an issuer does every second, and removes every minute.
UPKEEP = ("FROM signing_keys", "UPDATE logout_deliveries", "UPDATE mails", "DELETE FROM")
MOST = 60  # statements of one flow
NEW_PASSWORD = "eight red pears"


@pytest.fixture(scope="module")
async def proxy(pair: Pair) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(pair.postgres) as listening:
        yield listening


@pytest.fixture(scope="module")
async def url(pair: Pair, proxy: CuttingProxy) -> AsyncIterator[str]:
    """The address of an issuer that reaches the database by way of the proxy."""
    [port] = free_ports(1)
    settings = {"AUTH_PORT": str(port), "AUTH_DATABASE_URL": through(proxy, pair)}
    issuer = await pair.stack.start_process(
        "auth-3", "auth_service", port, pairs.environment(pair.stack) | settings
    )
    await issuer.wait_until_ready()
    yield f"http://127.0.0.1:{port}"
    await issuer.stop()


def through(proxy: CuttingProxy, pair: Pair) -> str:
    direct, local = pair.stack.databases.auth_url, f"127.0.0.1:{pair.postgres.port}/"
    assert local in direct
    return direct.replace(local, f"127.0.0.1:{proxy.port}/") + "?sslmode=disable"


async def strike_each(
    proxy: CuttingProxy,
    pair: Pair,
    flow: Callable[[Blow], Awaitable[None]],
    ignoring: tuple[str, ...] = (),
) -> list[str]:
    """Run `flow` with its first statement struck, then with its second, and so on; which.

    Before it runs, and once more when it has run and the answer is on its way. After each blow
    the database must be as if all of the flow, or nothing, had happened.
    """
    struck: dict[Moment, list[str]] = {"before": [], "after": []}
    for moment, statements in struck.items():
        for number in range(1, MOST):
            proxy.blow = Blow(number, moment, ignoring)
            await flow(proxy.blow)
            await database.assert_whole(pair.postgres)
            if not proxy.blow.struck:
                break
            statements.append(proxy.blow.struck)
        else:
            pytest.fail(f"it has no end: {statements}")
    # Now and then a statement of the issuer's own upkeep comes in between.
    both = [statement for statement in struck["before"] if statement in struck["after"]]
    shown = (statement[:80] for statement in both)
    print("the session was ended before and after each of:", *shown, sep="\n  ")
    return both


async def asked_until_well(client: Client, request: Request, blow: Blow) -> Response:
    """Send until the answer is not 503; that may only be if the session was struck."""
    response = Response()

    async def answered() -> bool:
        nonlocal response
        response = await client.send(request)
        assert response.status != 503 or blow.struck
        return response.status != 503

    await until(answered, within=5)
    return response


async def test_a_refresh_is_done_or_not(
    pair: Pair, url: str, proxy: CuttingProxy, client: Client
) -> None:
    held = (await pair.tokens(client)).refresh_token

    async def flow(blow: Blow) -> None:
        nonlocal held
        response = await asked_until_well(client, pair.refresh(url, held), blow)
        assert response.status == 200, response.body
        held = tokens_in(response.body).refresh_token

    struck = await strike_each(proxy, pair, flow, UPKEEP)
    assert any("UPDATE refresh_token_families" in statement for statement in struck)


@pytest.mark.faults
async def test_a_log_in_is_done_or_not(
    pair: Pair, url: str, proxy: CuttingProxy, client: Client
) -> None:
    username = await pair.register(client)

    async def flow(blow: Blow) -> None:
        response = await asked_until_well(client, pair.log_in(url, username), blow)
        assert response.status == 200, response.body

    struck = await strike_each(proxy, pair, flow, UPKEEP)
    assert any("INSERT INTO refresh_token_families" in statement for statement in struck)


@pytest.mark.faults
async def test_a_new_password_ends_every_log_in_or_is_not_set(
    pair: Pair, url: str, proxy: CuttingProxy, client: Client
) -> None:
    async def flow(blow: Blow) -> None:
        username = await pair.register(client)
        held = (await pair.tokens(client, username)).refresh_token
        change = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}
        request = pairs.as_json("PUT", f"{url}/users/{username}/password", change)
        answer = await asked_until_well(client, request, blow)
        assert answer.status in (204, 403)  # 403: it had been changed, and nobody was told
        old = await client.send(pair.log_in(pair.front, username))
        new = await client.send(pair.log_in(pair.front, username, NEW_PASSWORD))
        refreshed = await client.send(pair.refresh(pair.front, held))
        assert (old.status, new.status, refreshed.status) == (400, 200, 400)

    struck = await strike_each(proxy, pair, flow, UPKEEP)
    assert any("COMMIT" in statement for statement in struck)


@pytest.mark.faults
async def test_a_revocation_ends_the_log_in_and_sets_its_bit_or_neither(
    pair: Pair, url: str, proxy: CuttingProxy, client: Client
) -> None:
    async def flow(blow: Blow) -> None:
        held = (await pair.tokens(client)).refresh_token
        answer = await asked_until_well(client, pair.revoke(url, held), blow)
        assert answer.status == 200
        refreshed = await client.send(pair.refresh(pair.front, held))
        assert (refreshed.status, refreshed.error) == (400, "invalid_grant")

    struck = await strike_each(proxy, pair, flow, UPKEEP)
    assert any("INSERT INTO revoked_statuses" in statement for statement in struck)


@pytest.mark.faults
async def test_an_emergency_rotation_is_done_step_by_step_and_each_step_or_not(
    pair: Pair,
) -> None:
    """Every way to change the ring is in it: revoking two keys, publishing two, activating one."""
    async with cutting_proxy(pair.postgres) as proxy:
        await strike_rotation(pair, proxy)


async def strike_rotation(pair: Pair, proxy: CuttingProxy) -> None:
    environment = pairs.environment(pair.stack)
    key_encryption_key_file = Path(environment["AUTH_KEY_ENCRYPTION_KEY_FILE"])
    settings = Settings(
        database_url=SecretStr(through(proxy, pair)),
        key_encryption_key_file=key_encryption_key_file,
        jwks_max_age=int(environment["AUTH_JWKS_MAX_AGE"]),
    )
    rotation = KeyRotation(
        settings, KeyEncryptionKey.load(key_encryption_key_file), time.time, pause
    )

    async def flow(blow: Blow) -> None:
        async with create_pool(through(proxy, pair), size=1) as pool:
            try:
                await rotation.rotate_in_emergency(
                    pool, await active_kid(pool), fresh=True, revoke=True
                )
            except UNAVAILABLE:
                assert blow.struck

    struck = await strike_each(proxy, pair, flow)
    assert struck.count("COMMIT;") == 2


async def active_kid(pool: Pool) -> str:
    active = key_schedule.in_state(await signing_keys.ring(pool, None), "active")
    assert active is not None
    return active.kid


async def pause(_seconds: float) -> None:
    """Nobody verifies here."""
