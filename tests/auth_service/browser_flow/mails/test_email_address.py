"""An address that is verified by a link, and what it is then good for."""

from typing import Any

import httpx

from auth_service import accounts, mails, second_factor, totp
from auth_service.pages.texts import ENGLISH
from auth_service.store import audit_log, users
from tests.auth_service.browser_flow.mails.mailing import ADDRESS, NEW, Relay, link
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import another, open_account
from tests.auth_service.browser_flow.test_pages import assert_safe
from tests.auth_service.conftest import PASSWORD, SOMEWHERE


async def give(person: Person, email: str, password: str = PASSWORD) -> httpx.Response:
    page = await person.get("/account/email")
    return await person.submit(page, email=email, password=password)


async def userinfo(app: Any, person: Person) -> Any:
    tokens = (
        await app.token("app", **person.exchange(await person.code(scope="openid email")))
    ).json()
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    return (await app.http.get("/userinfo", headers=bearer)).json()


async def test_an_address_is_verified_by_a_link_and_the_claims_follow(
    app: Any, person: Person, relay: Relay
) -> None:
    await users.set_claims(app.server.db, "alice", {"email": "old@example.org"})
    page = await open_account(person)
    assert "/account/email" in page.text
    shown = await person.get("/account/email")
    assert "old@example.org" in shown.text
    assert ENGLISH["not_verified"] in shown.text
    wrong = await give(person, "new@example.org", "wrong one")
    assert (wrong.status_code, ENGLISH["wrong_old_password"] in wrong.text) == (403, True)
    assert ENGLISH["verify_sent_hint"] in (await give(person, "new@example.org")).text
    before = await userinfo(app, person)
    assert (before["email"], before["email_verified"]) == ("old@example.org", False)
    address = await link(app, relay)
    page = await another(person).get(address)  # opened by whatever looks into mails
    assert_safe(page)
    assert "<strong>alice</strong>" in page.text  # for whom the owner of the mailbox agrees
    assert (await userinfo(app, person))["email"] == "old@example.org"
    phone = another(person)
    page = await phone.get(address)
    done = await phone.submit(page)
    assert ENGLISH["email_verified"] in done.text
    after = await userinfo(app, person)
    assert (after["email"], after["email_verified"]) == ("new@example.org", True)
    assert (await phone.get(address)).status_code == 400
    assert (await phone.submit(page)).status_code == 400
    assert "e-mail verified" in {entry.event for entry in await audit_log.find(app.server.db)}


async def test_a_link_to_verify_is_none_to_reset(app: Any, person: Person, relay: Relay) -> None:
    await open_account(person)
    await give(person, "new@example.org")
    token = (await link(app, relay)).partition("token=")[2]
    assert (await person.get("/password/reset", {"token": token})).status_code == 400
    assert not await accounts.reset_password(app.server, mails.sha256(token), NEW)


async def test_an_older_log_in_needs_a_code_to_change_the_address(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:
    """Whoever has a browser that was left open, and the password, has not the second factor."""
    await open_account(person)
    form = person.form(await person.get("/account/email"))
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    secret = await second_factor.begin(app.server, sub)
    await second_factor.confirm(app.server, sub, totp.code(secret, int(clock() // 30)))
    body = {**form[1], "email": "thief@example.org", "password": PASSWORD}
    sent = await person.http.post(form[0], data=body, headers=HTML)
    assert "Enter a code ·" in (await person.follow(sent)).text
    assert await app.server.db.fetchval("SELECT count(*) FROM mails WHERE kind = 'verify'") == 0
    page = await person.get("/account/email")
    assert "Enter a code ·" in page.text
    clock.seconds += 30
    page = await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    done = await person.submit(page, email="new@example.org", password=PASSWORD)
    assert ENGLISH["verify_sent_hint"] in done.text
    await mails.send_due(app.server)
    assert "new@example.org" in {mail["To"] for mail in relay.mails}


async def test_a_new_password_makes_the_link_to_verify_worthless(
    app: Any, person: Person, relay: Relay
) -> None:
    """Whoever had the account before has named the address, maybe."""
    await open_account(person)
    await give(person, "thief@example.org")
    address = await link(app, relay)
    page = await person.get(address)
    await accounts.change_password(app.server, "alice", PASSWORD, NEW, SOMEWHERE)
    assert (await person.get(address)).status_code == 400
    assert (await person.submit(page)).status_code == 400
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    assert (await users.claims(app.server.db, sub))["email"] == ADDRESS
