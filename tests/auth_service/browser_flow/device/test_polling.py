"""What a device learns that asks for its tokens (RFC 8628 §3.4, §3.5)."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from auth_service import accounts, device_authorization
from auth_service.device_authorization import GRANT_TYPE
from tests.auth_service.browser_flow.device.device import (
    begin,
    decide,
    error,
    log_in,
    poll,
)
from tests.auth_service.browser_flow.person import Person, claims_of
from tests.auth_service.conftest import PASSWORD, SECRET, SOMEWHERE


async def test_who_asks_too_soon_has_to_slow_down_for_good(app: Any, clock: Any) -> None:
    codes = await begin(app)
    pending, slow_down = "authorization_pending", "slow_down"
    for wait, told in [
        (0, pending),
        (5, pending),
        (4, pending),  # a second for the network
        (3, slow_down),  # 10 from now on
        (5, slow_down),  # 15
        (13, slow_down),  # 20
        (19, pending),
        (15, slow_down),
    ]:
        clock.seconds += wait
        assert await error(app, codes) == told, wait


async def test_the_interval_holds_across_issuers(
    app: Any, clock: Any, start: Callable[..., Any]
) -> None:
    codes = await begin(app)
    assert await error(app, codes) == "authorization_pending"
    async with start() as other:
        clock.seconds += 2
        assert await error(other, codes) == "slow_down"
        clock.seconds += 6
        assert await error(app, codes) == "slow_down"  # 10 by then
        clock.seconds += 15
        assert await error(other, codes) == "authorization_pending"


async def test_of_many_polls_at_once_one_is_in_time(app: Any) -> None:
    codes = await begin(app)
    told = Counter(await asyncio.gather(*(error(app, codes) for _ in range(50))))
    assert told == {"authorization_pending": 1, "slow_down": 49}
    assert await app.server.db.fetchval("SELECT poll_interval FROM device_codes") == 5 + 49 * 5


async def test_a_no_is_told(app: Any, person: Person) -> None:
    codes = await begin(app)
    await log_in(person)
    assert "Nobody got access" in (await decide(person, codes, "deny")).text
    assert await error(app, codes) == "access_denied"


async def test_a_code_expires(app: Any, person: Person, clock: Any) -> None:
    codes = await begin(app)
    await log_in(person)
    clock.seconds += 599
    assert await error(app, codes) == "authorization_pending"
    page = await person.submit(await person.get("/device"), user_code=codes["user_code"])
    clock.seconds += 1
    assert await error(app, codes) == "expired_token"
    late = await person.submit(page, decision="allow")
    assert late.status_code == 400
    again = await person.submit(await person.get("/device"), user_code=codes["user_code"])
    assert "No device is waiting with this code" in again.text


async def test_what_was_approved_expires_too(app: Any, person: Person, clock: Any) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    clock.seconds += 600
    assert await error(app, codes) == "expired_token"


async def test_a_code_is_for_its_client_alone(app: Any, person: Person) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    form = {"grant_type": GRANT_TYPE, "device_code": codes["device_code"]}
    other = await app.http.post("/token", data=form, auth=("box", SECRET))
    assert (other.status_code, other.json()["error"]) == (400, "invalid_grant")
    assert await error(app, {"device_code": codes["device_code"] + "x"}) == "invalid_grant"
    assert await error(app, {"device_code": codes["user_code"]}) == "invalid_grant"
    assert await error(app, {"device_code": ""}) == "invalid_request"
    assert (await poll(app, codes)).status_code == 200


async def test_a_code_is_redeemed_once_however_many_ask_at_the_same_time(
    app: Any, person: Person, start: Callable[..., Any]
) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    async with start() as other:
        answers = await asyncio.gather(*(poll([app, other][n % 2], codes) for n in range(50)))
    told = Counter((answer.status_code, answer.json().get("error")) for answer in answers)
    assert told == {(200, None): 1, (400, "invalid_grant"): 49}
    assert await app.server.db.fetchval("SELECT count(*) FROM refresh_token_families") == 1


@pytest.mark.parametrize("what", ["disabled", "new password"])
async def test_who_was_changed_after_saying_yes_lets_nobody_in(
    app: Any, person: Person, what: str
) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    if what == "disabled":
        await accounts.disable(app.server, "alice")
    else:
        await accounts.change_password(
            app.server, "alice", PASSWORD, "another long password", SOMEWHERE
        )
    assert await error(app, codes) == "invalid_grant"
    assert await error(app, codes) == "invalid_grant"


async def test_the_log_in_is_the_devices_own(app: Any, person: Person) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    tokens = (await poll(app, codes)).json()
    sid = claims_of(tokens["access_token"])["sid"]
    assert sid != str(await app.server.db.fetchval("SELECT session_id FROM sessions"))
    await person.submit(await person.get("/logout"), decision="log_out")
    form = {"grant_type": "refresh_token", "client_id": "tv"}
    refreshed = await app.http.post(
        "/token", data={**form, "refresh_token": tokens["refresh_token"]}
    )
    assert refreshed.status_code == 200
    await accounts.change_password(
        app.server, "alice", PASSWORD, "another long password", SOMEWHERE
    )
    refreshed = await app.http.post(
        "/token", data={**form, "refresh_token": refreshed.json()["refresh_token"]}
    )
    assert refreshed.json()["error"] == "invalid_grant"


async def test_an_openid_request_needs_offline_access_to_refresh(app: Any, person: Person) -> None:
    codes = await begin(app, "openid")
    await log_in(person)
    await decide(person, codes)
    assert "refresh_token" not in (await poll(app, codes)).json()


async def test_what_is_over_is_forgotten(app: Any, clock: Any) -> None:
    codes = await begin(app)
    clock.seconds += 600
    await device_authorization.forget(app.server)
    assert await error(app, codes) == "expired_token"
    clock.seconds += 86_400
    await device_authorization.forget(app.server)
    assert await error(app, codes) == "invalid_grant"
