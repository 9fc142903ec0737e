"""`audit explain`: why was I logged out, in plain words."""

from collections.abc import Callable
from typing import Any

import pytest

from auth_service import accounts, audit_story
from auth_service.store import audit_log
from tests.auth_service.conftest import SOMEWHERE

PASSWORD = "correct horse battery staple"
DAY = 86_400


@pytest.fixture
def story(issuer: Any) -> Callable[[], Any]:
    """The story of the only log-in there is; the clock began at 2027-01-15 08:00:00."""

    async def tell() -> str:
        family_id = await issuer.server.db.fetchval("SELECT family_id FROM refresh_token_families")
        rows = await audit_log.find(issuer.server.db, family_id=family_id)
        server = issuer.server
        lines = audit_story.tell(rows, "alice", server.settings, server.time())
        return "\n".join(lines).replace(str(family_id), "F")

    return tell


async def refreshed(issuer: Any, clock: Any, token: str, times: int) -> str:
    for _ in range(times):
        clock.seconds += 240
        token = (await issuer.refresh(token)).json()["refresh_token"]
    return token


async def test_a_stolen_token(issuer: Any, clock: Any, story: Any) -> None:
    stolen = await refreshed(issuer, clock, (await issuer.log_in())["refresh_token"], 3)
    newest = (await issuer.refresh(stolen)).json()["refresh_token"]
    clock.seconds += 61
    await issuer.refresh(stolen)
    clock.seconds += 5
    await issuer.refresh(newest)
    assert await story() == (
        "Log-in F: alice at the client web\n"
        "  2027-01-15 08:00:00  logged in\n"
        "  2027-01-15 08:12:00  refreshed 4 times, this was the last time\n"
        "  2027-01-15 08:13:01  the refresh token of generation 4 came again from web,"
        " 61 s after it had been replaced\n"
        "  2027-01-15 08:13:06  its tokens came once more, in vain\n"
        "It ended because a refresh token that had been replaced was used again. Whoever was given"
        " the newer token would use that one, so somebody else may hold a copy: that is the sign of"
        " a stolen token. Nobody can tell the thief from the owner, so the log-in was ended for"
        " both."
    )


async def test_a_log_in_that_has_not_ended(issuer: Any, clock: Any, story: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await issuer.refresh(token)
    await issuer.refresh(token)
    await issuer.refresh(token, "other")
    await refreshed(issuer, clock, (await issuer.refresh(token)).json()["refresh_token"], 1)
    assert await story() == (
        "Log-in F: alice at the client web\n"
        "  2027-01-15 08:00:00  logged in\n"
        "  2027-01-15 08:00:00  refused once, this was the last time: foreign client\n"
        "  2027-01-15 08:04:00  refreshed twice, this was the last time;"
        " a token was repeated twice within the window, no harm done\n"
        "It has not ended. If it is not refreshed, it ends at 2027-01-29 08:04:00;\n"
        "it ends at 2027-04-15 08:00:00 at the latest."
    )


async def test_a_log_in_that_ended_by_itself(issuer: Any, clock: Any, story: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    clock.seconds += 15 * DAY
    ended = "It ended by itself at 2027-01-29 08:00:00: it was not refreshed for 14 days."
    assert (await story()).endswith(ended)
    await issuer.refresh(token)
    assert "2027-01-30 08:00:00  its refresh token came, but was expired (idle)" in await story()
    assert (await story()).endswith(ended)


async def test_a_log_in_that_was_used_to_its_end(issuer: Any, clock: Any, story: Any) -> None:
    token = (await issuer.log_in())["refresh_token"]
    for _ in range(9):
        clock.seconds += 9.9 * DAY
        token = (await issuer.refresh(token)).json()["refresh_token"]
    clock.seconds += DAY
    assert (await story()).endswith(
        "It ended by itself at 2027-04-15 08:00:00: no log-in lives for 90 days."
    )


async def test_a_new_password(issuer: Any, story: Any) -> None:
    await issuer.log_in()
    await accounts.change_password(
        issuer.server, "alice", PASSWORD, "another horse battery", SOMEWHERE
    )
    told = await story()
    assert "2027-01-15 08:00:00  ended: password changed" in told
    assert told.endswith(
        "It ended because the password was changed, which ends every log-in of the user."
    )


async def test_a_disabled_user(issuer: Any, story: Any) -> None:
    await issuer.log_in()
    await accounts.disable(issuer.server, "alice")
    assert "an administrator disabled the user" in await story()


async def test_a_log_that_was_shortened_says_that_it_does_not_reach_back(
    issuer: Any, clock: Any, story: Any, auth_owner: Any
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await refreshed(issuer, clock, token, 1)
    await audit_log.remove_before(auth_owner, issuer.server.time(), 100)
    told = await story()
    assert "2027-01-15 08:04:00  the log does not reach back further than this" in told
    assert "alice at the client web" in told
