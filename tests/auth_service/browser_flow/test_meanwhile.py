"""What a page is worth when something has changed since it was given out: nothing."""

from typing import Any

import pytest

from auth_service import accounts, second_factor, totp
from auth_service.store import second_factors
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import open_account
from tests.auth_service.conftest import PASSWORD, SOMEWHERE

NEW = "another horse battery"


async def change_password_elsewhere(app: Any) -> None:
    """From now on the cookie of every browser that is logged in is worth nothing."""
    await accounts.change_password(app.server, "alice", PASSWORD, NEW, SOMEWHERE, logged_in=True)


@pytest.fixture
async def secret(app: Any, clock: Any) -> bytes:
    """Alice has a second factor; the secret of its codes."""
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    made = await second_factor.begin(app.server, sub)
    await second_factor.confirm(app.server, sub, totp.code(made, int(clock() // 30)))
    clock.seconds += 30
    return made


async def test_a_yes_of_somebody_who_is_not_logged_in_any_more(app: Any, person: Person) -> None:
    page = await person.log_in(await person.authorize())
    assert "Allow access?" in page.text
    await change_password_elsewhere(app)
    for decision in ("allow", "deny"):
        answer = await person.submit(page, decision=decision)
        assert answer.status_code == 400
        assert "location" not in answer.headers
    given = "SELECT (SELECT count(*) FROM authorization_codes) + (SELECT count(*) FROM consents)"
    assert await app.server.db.fetchval(given) == 0
    # The request still waits for whoever logs in.
    assert "Log in ·" in (await person.authorize()).text


async def test_the_second_step_of_somebody_who_was_disabled(
    app: Any, person: Person, clock: Any, secret: bytes
) -> None:
    page = await person.log_in(await person.get("/account"))
    await accounts.disable(app.server, "alice")
    answer = await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    assert answer.status_code == 403
    assert await app.server.db.fetchval("SELECT count(*) FROM sessions") == 0


async def test_what_was_to_be_switched_off_before_the_password_was_changed(
    app: Any, person: Person, clock: Any, secret: bytes
) -> None:
    page = await person.log_in(await person.get("/account/two-step"))
    page = await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    await change_password_elsewhere(app)
    clock.seconds += 30
    answer = await person.submit(page, code=totp.code(secret, int(clock() // 30)), what="off")
    assert "Log in ·" in answer.text
    sub = await app.server.db.fetchval("SELECT sub FROM users")
    assert await second_factors.is_on(app.server.db, sub)


async def test_a_password_that_is_changed_while_somebody_logs_in_with_it(
    app: Any, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = app.server.passwords.verify

    async def verify_slowly(password: str, password_hash: str | None) -> bool:
        verified: bool = await verify(password, password_hash)
        monkeypatch.undo()
        await change_password_elsewhere(app)
        return verified

    page = await person.get("/login", {"next": "/account"})
    monkeypatch.setattr(app.server.passwords, "verify", verify_slowly)
    answer = await person.log_in(page)
    assert answer.status_code == 403
    assert await app.server.db.fetchval("SELECT count(*) FROM sessions") == 0
    assert "Log in ·" in (await person.get("/account")).text


async def test_the_form_for_a_new_password_from_before_another_one(
    app: Any, person: Person
) -> None:
    await open_account(person)
    form = person.form(await person.get("/account/password"))
    other = {**form[1], "old_password": PASSWORD, "new_password": NEW}
    await change_password_elsewhere(app)
    answer = await person.http.post(form[0], data=other, headers=HTML)
    assert answer.status_code == 303
    assert "/login?" in answer.headers["location"]
    assert await app.server.db.fetchval("SELECT password_version FROM users") == 2
