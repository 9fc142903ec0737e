"""The device flow (RFC 8628): a device that polls, and a person with a browser elsewhere."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from auth_service import accounts, device_authorization, second_factor, totp, user_codes
from auth_service.device_authorization import GRANT_TYPE
from auth_service.store import clients, users
from tests.auth_service.browser_flow.person import HTML, Person, claims_of
from tests.auth_service.conftest import PASSWORD, SECRET, SOMEWHERE

ISSUER = "http://127.0.0.1:8000"
FREE = 5  # wrong codes before somebody has to wait
UNKNOWN = "BBBB-BBBB"  # one in 20⁸ that a device has it
Codes = dict[str, Any]


@pytest.fixture
async def app(app: Any) -> Any:
    """The issuer with a public and a confidential client for devices."""
    usual = await clients.find(app.server.db, "app")
    assert usual is not None
    for client_id, secret_sha256 in (("tv", None), ("box", usual.secret_sha256)):
        client = replace(
            usual,
            client_id=client_id,
            name=f"The {client_id}",
            secret_sha256=secret_sha256,
            grant_types=frozenset({GRANT_TYPE, "refresh_token"}),
            redirect_uris=(),
        )
        assert await clients.add(app.server.db, client)
    return app


async def begin(app: Any, scope: str = "notes:read", client_id: str = "tv") -> Codes:
    response = await app.http.post(
        "/device_authorization", data={"client_id": client_id, "scope": scope}
    )
    assert response.status_code == 200, response.text
    codes: Codes = response.json()
    return codes


async def poll(app: Any, codes: Codes, client_id: str = "tv") -> httpx.Response:
    response: httpx.Response = await app.http.post(
        "/token",
        data={
            "grant_type": GRANT_TYPE,
            "client_id": client_id,
            "device_code": codes["device_code"],
        },
    )
    assert response.headers["cache-control"] == "no-store"
    return response


async def error(app: Any, codes: Codes, client_id: str = "tv") -> str:
    response = await poll(app, codes, client_id)
    assert response.status_code == 400
    return str(response.json()["error"])


async def log_in(person: Person, codes: Codes | None = None, username: str = "alice") -> Any:
    """Follow the device's link, log in, and come to the page that asks for the code."""
    path = "/device" if codes is None else codes["verification_uri_complete"]
    return await person.log_in(await person.get(path), username)


async def decide(person: Person, codes: Codes, decision: str = "allow") -> httpx.Response:
    page = await person.submit(await person.get("/device"), user_code=codes["user_code"])
    assert "Let this device in?" in page.text, page.text
    return await person.submit(page, decision=decision)


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


async def test_no_code_can_be_read_in_the_database(app: Any) -> None:
    codes = await begin(app)
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", codes["user_code"])
    assert len(codes["device_code"]) == 43
    (row,) = await app.server.db.fetch("SELECT * FROM device_codes")
    # Nor guessed from it: eight letters are soon tried through, unless a key is needed too.
    plain = [codes["user_code"], codes["user_code"].replace("-", ""), codes["device_code"]]
    assert not any(code in str(dict(row)) for code in plain)
    assert row["user_code_mac"] == user_codes.mac(app.server, codes["user_code"])
    assert len({user_codes.new() for _ in range(1000)}) == 1000


async def test_a_user_code_that_is_taken_is_not_given_again(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter(["BCDF-GHJK", "BCDF-GHJK", "LMNP-QRST"])
    monkeypatch.setattr(user_codes, "new", lambda: next(made))
    assert [(await begin(app))["user_code"] for _ in range(2)] == ["BCDF-GHJK", "LMNP-QRST"]


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


async def test_a_yes_that_is_taken_back_lets_nobody_in(app: Any, person: Person) -> None:
    codes = await begin(app)
    await log_in(person)
    await decide(person, codes)
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    await accounts.withdraw_consent(app.server, alice.sub, "tv")
    assert await error(app, codes) == "access_denied"


async def test_a_client_that_is_disabled_is_not_asked_about(app: Any, person: Person) -> None:
    codes = await begin(app)
    page = await log_in(person, codes)
    await clients.disable(app.server.db, "tv", app.server.time())
    page = await person.submit(page, user_code=codes["user_code"])
    assert "No device is waiting with this code" in page.text


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


@pytest.mark.parametrize(
    "typed", ["bcdf-ghjk", "BCDFGHJK", " bcdf ghjk ", "BCDF\u2013GHJK", "b.c.d.f.g.h.j.k"]
)
async def test_a_code_may_be_typed_in_many_ways(
    app: Any, person: Person, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_codes, "new", lambda: "BCDF-GHJK")
    await begin(app)
    page = await person.submit(await log_in(person), user_code=typed)
    assert "Let this device in?" in page.text


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDF-GHJA", "BCDFGHJKL", "x" * 1000, "가나다라"])
async def test_what_cannot_be_a_code_is_not_looked_up(app: Any, person: Person, typed: str) -> None:
    page = await log_in(person)
    for _ in range(FREE + 1):
        response = await person.submit(page, user_code=typed)
        assert response.status_code == 400
        assert "eight letters" in response.text
    assert (
        "Let this device in?"
        in (await person.submit(page, user_code=(await begin(app))["user_code"])).text
    )


async def test_nobody_guesses_on_and_on(person: Person, clock: Any) -> None:
    page = await log_in(person)
    guesses = 0
    for _ in range(600):  # every second of a code's life
        guesses += (await person.submit(page, user_code=UNKNOWN)).status_code == 400
        clock.seconds += 1
    assert FREE < guesses <= 20


async def test_who_has_guessed_too_often_has_to_wait_with_the_right_code_too(
    app: Any, person: Person, clock: Any
) -> None:
    codes = await begin(app)
    page = await log_in(person)
    _, hidden = person.form(page)
    for _ in range(FREE):
        response = await person.submit(page, user_code=UNKNOWN)
        assert response.status_code == 400
        assert "No device is waiting with this code" in response.text
    right = {**hidden, "user_code": codes["user_code"], "decision": "allow"}
    for path in ("/device", "/device/decision"):
        response = await person.http.post(path, data=right, headers=HTML)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert "too many attempts" in response.text
    assert await error(app, codes) == "authorization_pending"
    clock.seconds += 1
    page = await person.submit(page, user_code=codes["user_code"])
    assert "Let this device in?" in page.text


async def test_nobody_makes_room_for_guesses_by_codes_of_his_own(app: Any, person: Person) -> None:
    codes = await begin(app)
    page = await log_in(person)
    for _ in range(FREE):
        await person.submit(page, user_code=codes["user_code"])
        await person.submit(page, user_code=UNKNOWN)
    assert (await person.submit(page, user_code=UNKNOWN)).status_code == 429


async def test_guesses_at_the_same_time_are_counted_too(app: Any, person: Person) -> None:
    page = await log_in(person)
    action, hidden = person.form(page)

    async def guess() -> int:
        form = {**hidden, "user_code": UNKNOWN}
        return (await person.http.post(action, data=form, headers=HTML)).status_code

    answers = Counter(await asyncio.gather(*(guess() for _ in range(50))))
    assert answers == {400: FREE, 429: 50 - FREE}
    refused = await app.server.db.fetchval(
        "SELECT count(*) FROM audit_log WHERE event = 'user code refused'"
    )
    assert refused == FREE


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


async def test_what_is_over_is_forgotten(app: Any, clock: Any) -> None:
    codes = await begin(app)
    clock.seconds += 600
    await device_authorization.forget(app.server)
    assert await error(app, codes) == "expired_token"
    clock.seconds += 86_400
    await device_authorization.forget(app.server)
    assert await error(app, codes) == "invalid_grant"
