"""The device flow (RFC 8628): the whole way, and what a person decides."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from auth_service import accounts, second_factor, sessions, totp, user_codes
from auth_service.accounts import alive_since
from auth_service.device_authorization import GRANT_TYPE, LIFETIME
from auth_service.store import clients, consents, device_codes, users
from tests.auth_service.browser_flow.device.device import (
    FREE,
    ISSUER,
    begin,
    decide,
    error,
    log_in,
    poll,
)
from tests.auth_service.browser_flow.person import HTML, Person, claims_of
from tests.auth_service.conftest import PASSWORD, SECRET, SOMEWHERE


async def test_the_whole_way(app: Any, person: Person, clock: Any) -> None:
    codes = await begin(app, "openid profile offline_access notes:read")
    assert codes["verification_uri"] == f"{ISSUER}/device"
    link = codes["verification_uri_complete"]
    assert link == f"{ISSUER}/device?user_code={codes['user_code']}"
    assert (codes["expires_in"], codes["interval"]) == (600, 5)
    assert await error(app, codes) == "authorization_pending"
    page = await log_in(person, codes)
    assert "Connect a device" in page.text
    assert f'value="{codes["user_code"]}"' in page.text
    clock.seconds += 5
    assert await error(app, codes) == "authorization_pending"
    page = await person.submit(page, user_code=codes["user_code"])
    assert "The tv" in page.text
    assert codes["user_code"] in page.text
    assert "read your notes" in page.text
    page = await person.submit(page, decision="allow")
    assert "The device is let in" in page.text
    clock.seconds += 5
    tokens = (await poll(app, codes)).json()
    assert tokens["scope"] == "notes:read offline_access openid profile"
    claims = claims_of(tokens["access_token"])
    assert (claims["client_id"], claims["amr"]) == ("tv", ["pwd"])
    assert claims["auth_time"] == clock.seconds - 10  # when the person logged in
    assert claims_of(tokens["id_token"])["sub"] == claims["sub"]
    refreshed = await app.http.post(
        "/token",
        data={
            "grant_type": "refresh_token",
            "client_id": "tv",
            "refresh_token": tokens["refresh_token"],
        },
    )
    assert refreshed.status_code == 200


async def test_a_second_factor_counts_on_the_device_too(
    app: Any, person: Person, clock: Any
) -> None:
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    codes = [totp.code(secret, int(clock() // 30) + n) for n in (0, 1)]
    await second_factor.confirm(app.server, alice.sub, codes[0])
    clock.seconds += 30
    device = await begin(app)
    page = await log_in(person, device)
    assert "Enter a code" in page.text
    page = await person.submit(page, code=codes[1])
    assert f'value="{device["user_code"]}"' in page.text
    page = await person.submit(page, user_code=device["user_code"])
    await person.submit(page, decision="allow")
    claims = claims_of((await poll(app, device)).json()["access_token"])
    assert (claims["acr"], "otp" in claims["amr"]) == ("2", True)


async def test_a_confidential_client_authenticates_at_both_endpoints(
    app: Any, person: Person
) -> None:
    form = {"scope": "notes:read"}
    nobody = await app.http.post("/device_authorization", data={**form, "client_id": "box"})
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")
    assert nobody.headers["www-authenticate"].startswith("Basic ")
    basic = ("box", SECRET)
    codes = (await app.http.post("/device_authorization", data=form, auth=basic)).json()
    await log_in(person)
    await decide(person, codes)
    form = {"grant_type": GRANT_TYPE, "device_code": codes["device_code"]}
    tokens = await app.http.post("/token", data=form, auth=basic)
    assert tokens.json()["scope"] == "notes:read"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param("scope=notes:read", "invalid_client", id="nobody"),
        pytest.param("client_id=nobody", "invalid_client", id="unknown"),
        pytest.param("client_id=gone", "invalid_client", id="disabled"),
        pytest.param("client_id=spa", "unauthorized_client", id="another grant"),
        pytest.param("client_id=tv&scope=admin", "invalid_scope", id="admin"),
        pytest.param("client_id=tv&scope=other", "invalid_scope", id="unknown scope"),
        pytest.param("client_id=tv&scope=a%22", "invalid_scope", id="malformed scope"),
        pytest.param("client_id=tv&client_id=tv", "invalid_request", id="repeated"),
        pytest.param("client_id=tv&scope=%FF", "invalid_request", id="not UTF-8"),
        pytest.param(
            "client_id=tv&resource=https://other.example", "invalid_target", id="resource"
        ),
    ],
)
async def test_a_bad_request_is_refused(app: Any, body: str, error: str) -> None:
    response = await app.http.post(
        "/device_authorization",
        content=body,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == (401 if error == "invalid_client" else 400)
    assert response.json()["error"] == error
    assert response.headers["cache-control"] == "no-store"
    assert await app.server.db.fetchval("SELECT count(*) FROM device_codes") == 0


async def test_a_query_string_is_refused(app: Any) -> None:
    response = await app.http.post("/device_authorization?client_id=tv", data={"client_id": "tv"})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_of_many_decisions_at_once_one_counts(app: Any, person: Person) -> None:
    codes = await begin(app)
    page = await log_in(person, codes)
    page = await person.submit(page, user_code=codes["user_code"])
    session = await app.server.db.fetchrow("SELECT * FROM sessions")
    assert session is not None
    action, hidden = person.form(page)

    async def decided(n: int) -> bool:
        fields = {**hidden, "decision": "allow" if n % 2 else "deny"}
        return (await person.http.post(action, data=fields, headers=HTML)).status_code == 200

    # No more at a time than there are guesses, since each counts as one until it was right.
    assert sum(await asyncio.gather(*(decided(n) for n in range(FREE)))) == 1
    found = await app.server.db.fetchrow("SELECT sub, decided_at FROM device_codes")
    told = (await poll(app, codes)).json()
    assert ("access_token" in told) is (found["sub"] is not None)


async def test_a_yes_that_is_taken_back_lets_nobody_in(app: Any, person: Person) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    await accounts.withdraw_consent(app.server, alice.sub, "tv")
    assert await error(app, codes) == "access_denied"


async def test_a_yes_that_is_given_while_it_is_taken_back_lets_nobody_in(
    app: Any, person: Person
) -> None:
    """Whoever takes it back waits for the yes that is under way, and then finds it."""
    codes = await begin(app)
    await log_in(person)
    session = await sessions.current(app.server, person.http.cookies["sealgate"])
    assert session is not None
    consent = (session.sub, "tv", frozenset({"notes:read"}), "", app.server.time())
    await consents.grant(app.server.db, *consent)
    mac, now = user_codes.mac(app.server, codes["user_code"]), app.server.time()
    async with app.server.db.acquire() as connection, connection.transaction():
        assert await device_codes.approve(connection, mac, session, now - LIFETIME, now)
        await consents.grant(connection, *consent)
        taking_back = asyncio.create_task(accounts.withdraw_consent(app.server, session.sub, "tv"))
        done, _ = await asyncio.wait([taking_back], timeout=0.3)
        assert not done
    await taking_back
    assert await error(app, codes) == "access_denied"
    assert await consents.find_apps_of(app.server.db, session.sub, alive_since(app.server)) == []


async def test_a_yes_of_somebody_who_is_not_logged_in_any_more_is_none(
    app: Any, person: Person
) -> None:
    codes = await begin(app)
    page = await log_in(person, codes)
    page = await person.submit(page, user_code=codes["user_code"])
    new = "another horse battery"
    await accounts.change_password(app.server, "alice", PASSWORD, new, SOMEWHERE)
    for decision in ("allow", "deny"):
        assert (await person.submit(page, decision=decision)).status_code == 400
    assert await error(app, codes) == "authorization_pending"


async def test_a_client_that_is_disabled_is_not_asked_about(app: Any, person: Person) -> None:
    codes = await begin(app)
    page = await log_in(person, codes)
    await clients.disable(app.server.db, "tv", app.server.time())
    page = await person.submit(page, user_code=codes["user_code"])
    assert "No device is waiting with this code" in page.text


async def test_what_was_agreed_to_is_remembered_and_in_the_audit_log(
    app: Any, person: Person
) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    await poll(app, codes)
    consent = await app.server.db.fetchrow("SELECT client_id, scope FROM consents")
    assert tuple(consent) == ("tv", ["notes:read"])
    rows = await app.server.db.fetch(
        "SELECT event FROM audit_log WHERE client_id = 'tv' ORDER BY id"
    )
    assert [row["event"] for row in rows] == ["client created", "consent given", "logged in"]


async def test_a_link_decides_nothing_by_itself(app: Any, person: Person) -> None:
    await person.code()  # somebody is logged in
    codes = await begin(app)
    page = await person.get(codes["verification_uri_complete"])
    assert "Connect a device" in page.text
    assert await error(app, codes) == "authorization_pending"


async def test_a_form_of_another_site_decides_nothing(app: Any, person: Person) -> None:
    await person.code()
    codes = await begin(app)
    forged = {"user_code": codes["user_code"], "decision": "allow", "csrf_token": "0" * 64}
    for path in ("/device", "/device/decision"):
        response = await person.http.post(path, data=forged, headers=HTML)
        assert response.status_code == 400
    assert await error(app, codes) == "authorization_pending"


async def test_a_stranger_cannot_fill_the_database_with_devices(
    app: Any, start: Callable[..., Any]
) -> None:
    async with start(address_attempts=2) as strict:
        form = {"client_id": "tv", "scope": "notes:read"}
        answers = Counter(
            [
                (await strict.http.post("/device_authorization", data=form)).status_code
                for _ in range(30)
            ]
        )
    assert answers == {200: 20, 429: 10}
    assert await app.server.db.fetchval("SELECT count(*) FROM device_codes") == 20
