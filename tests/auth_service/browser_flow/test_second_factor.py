"""The second factor: set up on the account page, asked for at every log-in, each code once."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest

from auth_service import second_factor, totp
from auth_service.key_encryption import KeyEncryptionKey
from auth_service.key_rewrapping import rewrap
from auth_service.pages.texts import ENGLISH
from auth_service.store import audit_log, second_factors, users
from shared.errors import AccessDenied
from tests.auth_service.browser_flow.person import HTML, Person, answer, claims_of
from tests.auth_service.browser_flow.test_account import another, change, open_account
from tests.auth_service.browser_flow.test_pages import assert_safe
from tests.auth_service.conftest import PASSWORD, SOMEWHERE

NEW = "another horse battery"


class Phone:
    """Alice's generator, and her recovery codes."""

    def __init__(self, sub: Any, secret: bytes, codes: list[str], clock: Any) -> None:
        self.sub = sub
        self.recovery_codes = codes
        self._secret = secret
        self._clock = clock

    def code(self) -> str:
        """The code that it shows now."""
        return totp.code(self._secret, int(self._clock() // 30))

    def next(self) -> str:
        """Wait for the next code, and read it."""
        self._clock.seconds += 30
        return self.code()


@pytest.fixture
async def phone(app: Any, clock: Any) -> Phone:
    """Alice has a second factor."""
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    code = totp.code(secret, int(clock() // 30))
    codes = await second_factor.confirm(app.server, alice.sub, code)
    return Phone(alice.sub, secret, codes, clock)


def is_asked_for_a_code(page: httpx.Response) -> bool:
    return "Enter a code ·" in page.text


async def claims(app: Any, person: Person, response: httpx.Response) -> dict[str, Any]:
    if "Allow access?" in response.text:
        response = await person.allow(response)
    tokens = (await app.token("app", **person.exchange(answer(response)["code"]))).json()
    in_both = claims_of(tokens["id_token"]), claims_of(tokens["access_token"])
    assert {name: in_both[0][name] for name in ("acr", "amr", "auth_time")} == {
        name: in_both[1][name] for name in ("acr", "amr", "auth_time")
    }
    return in_both[0]


async def test_it_is_set_up_with_the_password_and_a_code(
    app: Any, person: Person, clock: Any
) -> None:
    await open_account(person)
    page = await person.get("/account/two-step")
    refused = await person.submit(page, password="wrong one")
    assert (refused.status_code, ENGLISH["wrong_old_password"] in refused.text) == (403, True)
    page = await person.submit(page, password=PASSWORD)
    assert "<svg" in page.text
    assert "style=" not in page.text  # the policy would not let it pass
    assert_safe(page)
    (secret,) = re.findall(r"<code>([A-Z2-7 ]+)</code>", page.text)
    again = await person.submit(page, code="000000")
    assert (again.status_code, secret in again.text) == (403, True)
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    stored = await second_factor.unconfirmed(app.server, alice.sub)
    assert stored is not None
    assert totp.text(stored) == secret.replace(" ", "")
    done = await person.submit(again, code=totp.code(stored, int(clock() // 30)))
    codes = re.findall(r"<code>([a-z2-7-]+)</code>", done.text)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert_safe(done)
    dump = str(await app.server.db.fetch("SELECT * FROM second_factors, recovery_codes"))
    assert stored.hex() not in dump
    assert str(stored)[2:-1] not in dump
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)
    assert await second_factors.is_on(app.server.db, alice.sub)
    stale = await person.http.post(
        "/account/two-step/confirm", data=person.form(again)[1], headers=HTML
    )
    assert stale.status_code == 400


async def test_it_is_not_asked_for_before_it_is_confirmed(app: Any, person: Person) -> None:
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    await second_factor.begin(app.server, alice.sub)
    await open_account(person)


async def test_a_log_in_needs_both_and_the_tokens_say_so(
    app: Any, person: Person, phone: Phone
) -> None:
    page = await person.log_in(await person.authorize())
    assert is_asked_for_a_code(page)
    assert_safe(page)
    assert "Log in ·" in (await person.authorize()).text  # the password alone opens nothing
    wrong = await person.submit(page, code="000000")
    assert (wrong.status_code, ENGLISH["wrong_code"] in wrong.text) == (403, True)
    found = await claims(app, person, await person.submit(wrong, code=phone.next()))
    assert (found["amr"], found["acr"]) == (["pwd", "otp", "mfa"], "2")


async def test_it_leads_to_a_page_of_ours_too(person: Person, phone: Phone) -> None:
    page = await person.log_in(await person.get("/account"))
    assert "Your account" in (await person.submit(page, code=phone.next())).text


@pytest.mark.usefixtures("phone")
async def test_a_wrong_password_is_not_followed_by_the_page_for_codes(person: Person) -> None:
    page = await person.log_in(await person.authorize(), password="wrong one")
    assert not is_asked_for_a_code(page)
    assert page.status_code == 403


async def test_a_recovery_code_will_do_once_however_it_is_typed(
    app: Any, person: Person, phone: Phone
) -> None:
    code = f" {phone.recovery_codes[0].upper().replace('-', ' ')} "
    page = await person.log_in(await person.authorize())
    found = await claims(app, person, await person.submit(page, code=code))
    assert (found["amr"], found["acr"]) == (["pwd", "mfa"], "2")
    other = another(person)
    page = await other.log_in(await other.get("/account"))
    assert (await other.submit(page, code=code)).status_code == 403
    events = [entry.event for entry in await audit_log.find(app.server.db)]
    assert {"second factor on", "recovery code used", "log-in failed"} <= set(events)


async def test_a_code_is_taken_once_within_its_time(person: Person, phone: Phone) -> None:
    code = phone.next()
    page = await person.log_in(await person.get("/account"))
    assert "Your account" in (await person.submit(page, code=code)).text
    other = another(person)
    page = await other.log_in(await other.get("/account"))
    assert (await other.submit(page, code=code)).status_code == 403
    assert "Your account" in (await other.submit(page, code=phone.next())).text


async def test_an_earlier_code_is_not_taken_after_a_later_one(person: Person, phone: Phone) -> None:
    earlier, later = phone.next(), phone.next()
    page = await person.log_in(await person.get("/account"))
    assert "Your account" in (await person.submit(page, code=later)).text
    other = another(person)
    page = await other.log_in(await other.get("/account"))
    assert (await other.submit(page, code=earlier)).status_code == 403


@pytest.mark.parametrize("kind", ["one-time", "recovery"])
async def test_of_fifty_at_once_one_gets_in_by_a_code(app: Any, phone: Phone, kind: str) -> None:
    code = phone.next() if kind == "one-time" else phone.recovery_codes[3]

    async def prove() -> bool:
        try:
            await second_factor.prove(app.server, phone.sub, "alice", code, SOMEWHERE)
        except AccessDenied:
            return False
        return True

    assert sum(await asyncio.gather(*(prove() for _ in range(50)))) == 1


async def test_of_two_confirmations_one_counts(app: Any, clock: Any) -> None:
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    code = totp.code(secret, int(clock() // 30))
    done = await asyncio.gather(
        *(second_factor.confirm(app.server, alice.sub, code) for _ in range(20)),
        return_exceptions=True,
    )
    (codes,) = [one for one in done if isinstance(one, list)]
    assert all(isinstance(one, AccessDenied | list) for one in done)
    assert await second_factors.count_recovery_codes(app.server.db, alice.sub) == len(codes)


async def test_codes_cannot_be_guessed(start: Any, app: Any, phone: Phone) -> None:
    async with start(log_in_attempts=3) as strict:
        transport = httpx.ASGITransport(strict.app)
        person = Person(httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000"))
        page = await person.log_in(await person.get("/account"))
        statuses = [(await person.submit(page, code="000000")).status_code for _ in range(5)]
        assert statuses == [403, 403, 403, 429, 429]
        refused = await person.submit(page, code=phone.code())
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert app.server.now() == strict.server.now()


async def test_the_ticket_is_for_this_browser_this_password_and_ten_minutes(
    app: Any, person: Person, phone: Phone, clock: Any
) -> None:
    page = await person.log_in(await person.get("/account"))
    action, hidden = person.form(page)
    thief = another(person)
    _, own = thief.form(await thief.get("/login", {"next": "/account"}))
    for ticket in (hidden["ticket"], "nonsense", "é", hidden["ticket"][:-2] + "AA"):
        form = {**own, "ticket": ticket, "code": phone.next(), "next": "/account"}
        response = await thief.http.post(action, data=form, headers=HTML)
        assert response.status_code == 400
    clock.seconds += second_factor.TICKET_LIFETIME
    assert (await person.submit(page, code=phone.next())).status_code == 400
    page = await person.log_in(await person.get("/account"))
    await app.server.db.execute("UPDATE users SET password_version = 2")
    assert (await person.submit(page, code=phone.next())).status_code == 400


async def test_without_ticket_and_log_in_there_is_no_page(person: Person, phone: Phone) -> None:
    page = await person.get("/login/code", {"next": "/account"})
    assert "Log in ·" in page.text
    _, hidden = person.form(page)
    form = {**hidden, "code": phone.next()}
    assert (await person.http.post("/login/code", data=form, headers=HTML)).status_code == 400


@pytest.mark.parametrize(
    "wish",
    [
        pytest.param({"acr_values": "2 1"}, id="acr_values"),
        pytest.param(
            {"claims": json.dumps({"id_token": {"acr": {"essential": True, "value": "2"}}})},
            id="essential",
        ),
    ],
)
async def test_a_client_that_needs_to_be_surer_has_the_person_asked(
    app: Any, person: Person, clock: Any, wish: dict[str, str]
) -> None:
    await open_account(person)
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    before = await person.authorize(**wish)
    if "claims" in wish:
        assert answer(before)["error"] == "unmet_authentication_requirements"
    else:
        assert (await claims(app, person, before))["acr"] == "1"
    secret = await second_factor.begin(app.server, alice.sub)
    await second_factor.confirm(app.server, alice.sub, totp.code(secret, int(clock() // 30)))
    began = clock.seconds
    clock.seconds += 60
    silent = await person.authorize(prompt="none", **wish)
    assert answer(silent)["error"] == "login_required"
    page = await person.authorize(**wish)
    assert is_asked_for_a_code(page)
    cookie = person.http.cookies["sealgate"]
    done = await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    found = await claims(app, person, done)
    assert (found["acr"], found["amr"]) == ("2", ["pwd", "otp", "mfa"])
    assert found["auth_time"] == int(began)  # the password is no younger
    assert person.http.cookies["sealgate"] != cookie
    assert "code" in answer(await person.authorize(prompt="none", **wish))


async def test_who_needs_less_is_asked_nothing(app: Any, person: Person, clock: Any) -> None:
    await open_account(person)
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    await second_factor.confirm(app.server, alice.sub, totp.code(secret, int(clock() // 30)))
    for acr_values in (None, "1", "1 2", "silver"):
        response = await person.authorize(acr_values=acr_values)
        assert (await claims(app, person, response))["acr"] == "1"


async def test_the_password_alone_gets_no_token(app: Any, phone: Phone) -> None:
    response = await app.token("web", grant_type="password", username="alice", password=PASSWORD)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert phone.recovery_codes


async def test_the_password_alone_changes_no_password(
    app: Any, person: Person, phone: Phone
) -> None:
    body = {"old_password": PASSWORD, "new_password": NEW}
    response = await app.http.put("/users/alice/password", json=body)
    assert (response.status_code, response.json()["error"]) == (403, "access_denied")
    page = await person.log_in(await person.get("/account/password"))
    page = await person.submit(page, code=phone.next())
    assert ENGLISH["done_password"] in (await change(person, PASSWORD, NEW)).text


async def test_whoever_guesses_does_not_learn_that_the_password_is_right(
    start: Any, phone: Phone
) -> None:
    """The right one counts like a wrong one, and clears nothing."""

    async def ask(strict: Any, password: str) -> list[tuple[int, str]]:
        form = {"grant_type": "password", "username": "alice", "password": password}
        body = {"old_password": password, "new_password": NEW}
        answers = [
            await strict.token("web", **form),
            await strict.http.put("/users/alice/password", json=body),
        ]
        return [(answer.status_code, answer.text) for answer in answers]

    async with start(log_in_attempts=4) as strict:
        seen = []
        for password in (PASSWORD, "wrong one"):
            await strict.server.db.execute("DELETE FROM throttles")
            seen.append([await ask(strict, password) for _ in range(5)])
        rows = await audit_log.find(strict.server.db, sub=phone.sub)
    assert seen[0] == seen[1]
    statuses = [[status for status, _ in answers] for answers in seen[0]]
    assert statuses == [[400, 403]] * 4 + [[429, 429]]
    reasons = [entry.detail["reason"] for entry in rows if entry.event == "log-in failed"]
    assert reasons[:8] == ["second factor missing"] * 8


async def test_an_older_log_in_needs_a_code_to_change_the_password(
    app: Any, person: Person, clock: Any
) -> None:
    await open_account(person)
    form = person.form(await person.get("/account/password"))
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    await second_factor.confirm(app.server, alice.sub, totp.code(secret, int(clock() // 30)))
    body = {**form[1], "old_password": PASSWORD, "new_password": NEW}
    sent = await person.http.post(form[0], data=body, headers=HTML)
    assert is_asked_for_a_code(await person.follow(sent))
    page = await person.get("/account/password")
    clock.seconds += 30
    page = await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    assert "Change password ·" in page.text


async def test_it_is_switched_off_and_recovery_codes_renewed_with_a_code(
    app: Any, person: Person, phone: Phone
) -> None:
    page = await person.log_in(await person.get("/account/two-step"))
    page = await person.submit(page, code=phone.next())
    assert "Recovery codes left: 10" in page.text
    refused = await person.submit(page, code="000000", what="off")
    assert (refused.status_code, ENGLISH["wrong_code"] in refused.text) == (403, True)
    renewed = await person.submit(page, code=phone.next(), what="codes")
    codes = re.findall(r"<code>([a-z2-7-]+)</code>", renewed.text)
    assert not set(codes) & set(phone.recovery_codes)
    old = await person.submit(page, code=phone.recovery_codes[0], what="off")
    assert old.status_code == 403
    done = await person.submit(page, code=codes[0], what="off")
    assert ENGLISH["done_two_step_off"] in done.text
    await open_account(another(person))
    assert await app.server.db.fetchval("SELECT count(*) FROM recovery_codes") == 0


async def test_of_many_renewals_at_once_the_codes_of_one_are_left(app: Any, phone: Phone) -> None:
    renewals = [second_factor.renew_recovery_codes(app.server, phone.sub) for _ in range(20)]
    told = await asyncio.gather(*renewals)
    left = await second_factors.count_recovery_codes(app.server.db, phone.sub)
    assert left == second_factor.RECOVERY_CODES
    taken = [
        await second_factors.take_recovery_code(
            app.server.db, phone.sub, second_factor._sha256(codes[0]), app.server.time()
        )
        for codes in told
    ]
    assert sum(taken) == 1


async def test_there_are_no_recovery_codes_for_what_is_off(app: Any, phone: Phone) -> None:
    assert await second_factor.remove(app.server, phone.sub)
    with pytest.raises(AccessDenied):
        await second_factor.renew_recovery_codes(app.server, phone.sub)
    assert await app.server.db.fetchval("SELECT count(*) FROM recovery_codes") == 0


async def test_a_second_one_cannot_be_put_over_the_first(
    app: Any, person: Person, phone: Phone
) -> None:
    page = await person.log_in(await person.get("/account/two-step"))
    page = await person.submit(page, code=phone.next())
    form = {**person.form(page)[1], "password": PASSWORD}
    response = await person.http.post("/account/two-step/begin", data=form, headers=HTML)
    assert response.status_code == 409
    assert await second_factors.is_on(app.server.db, phone.sub)


async def test_a_lost_phone_is_forgotten_by_command(app: Any, run: Any, phone: Phone) -> None:
    assert (await run("users", "forget-second-factor", "nobody"))[0] == 1
    assert (await run("users", "forget-second-factor", "alice"))[0] == 0
    assert not await second_factors.is_on(app.server.db, phone.sub)
    assert (await run("users", "forget-second-factor", "alice"))[0] == 1


async def test_its_secret_moves_to_a_new_key_encryption_key(
    app: Any, tmp_path: Any, phone: Phone
) -> None:
    file = tmp_path / "new"
    file.touch(mode=0o600)
    file.write_text("A" * 43)
    new = KeyEncryptionKey.load(file)
    await rewrap(app.server.db, app.server.key_encryption_key, new, app.server.time())
    factor = await second_factors.find(app.server.db, phone.sub)
    assert factor is not None
    name = second_factor.encryption_name(phone.sub)
    assert totp.code(
        new.decrypt(factor.encrypted_secret, name=name), int(app.server.now() // 30)
    ) == (phone.code())
