"""A new password by a link in a mail: for whom, how often, for how long, and nothing told."""

import asyncio
import re
import statistics
import time
from typing import Any

import pytest

from auth_service import accounts, mails, second_factor, totp
from auth_service.pages.texts import ENGLISH
from auth_service.store import audit_log, users
from tests.auth_service.browser_flow.mails.mailing import (
    ADDRESS,
    NEW,
    Relay,
    ask,
    link,
    set_password,
)
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import another, open_account
from tests.auth_service.browser_flow.test_pages import assert_safe
from tests.auth_service.conftest import PASSWORD


async def test_a_password_is_reset_by_a_link(app: Any, person: Person, relay: Relay) -> None:
    tokens = await app.log_in("web")
    elsewhere = another(person)
    await open_account(elsewhere)
    login = await person.get("/login", {"next": "/account"})
    (forgot,) = re.findall(r'<a href="([^"]*/password/forgot)"', login.text)
    page = await person.submit(await person.get(forgot), email="ALICE@example.org")
    assert ENGLISH["reset_sent_hint"] in page.text
    assert relay.mails == []  # the answer does not wait for the relay
    address = await link(app, relay)
    (mail,) = relay.mails
    assert (mail["To"], mail["From"]) == ("ALICE@example.org", "no-reply@localhost")
    assert (mail["Subject"], mail["Auto-Submitted"]) == ("Set a new password", "auto-generated")
    assert address.startswith("http://127.0.0.1:8000/password/reset?token=")
    page = await person.get(address)
    assert_safe(page)
    weak = await person.submit(page, new_password="password1")
    assert (weak.status_code, ENGLISH["bad_password"] in weak.text) == (403, True)
    done = await person.submit(weak, new_password=NEW)
    assert ENGLISH["password_is_reset"] in done.text
    assert (await app.refresh(tokens["refresh_token"], "web")).status_code == 400
    assert "Log in ·" in (await elsewhere.get("/account")).text
    assert "Log in ·" in (await person.get("/account")).text  # nobody is logged in by a link
    page = await person.log_in(await person.get("/account"), password=NEW)
    assert "Your account" in page.text
    events = [(entry.event, entry.detail) for entry in await audit_log.find(app.server.db)]
    assert ("mail sent", {"kind": "reset"}) in events
    assert ("password changed", {"by": "mail"}) in events


@pytest.mark.parametrize(
    "email", ["nobody@example.org", "bob@example.org", "carol@example.org", "dave@example.org"]
)
async def test_the_answer_is_the_same_for_an_address_that_gets_nothing(
    app: Any, person: Person, relay: Relay, email: str
) -> None:
    """Nobody's, not verified, of a disabled user; and one that is all right."""
    db = app.server.db
    for name in ("bob", "carol", "dave"):
        await accounts.register(app.server, name, PASSWORD)
        claims = {"email": f"{name}@example.org", "email_verified": name != "bob"}
        await users.set_claims(db, name, claims)
    await accounts.disable(app.server, "carol")
    known, asked = await ask(person), await ask(another(person), email)
    strip = re.compile(r'value="[0-9a-f]{64}"')
    assert (asked.status_code, strip.sub("", asked.text)) == (200, strip.sub("", known.text))
    await mails.send_due(app.server)
    assert [mail["To"] for mail in relay.mails] == [ADDRESS] + (
        [email] if email.startswith("dave") else []
    )
    assert await db.fetchval("SELECT count(*) FROM mails") == 0


async def test_the_time_of_the_answer_says_nothing_either(app: Any, person: Person) -> None:
    async def seconds(email: str) -> float:
        await app.server.db.execute("DELETE FROM throttles")
        began = time.perf_counter()
        assert (
            await person.http.post("/password/forgot", data={**form, "email": email}, headers=HTML)
        ).status_code == 200
        return time.perf_counter() - began

    _, form = person.form(await person.get("/password/forgot"))
    pairs = [(await seconds(ADDRESS), await seconds("nobody@example.org")) for _ in range(40)]
    known, unknown = (statistics.median(column) for column in zip(*pairs, strict=True))
    assert 0.6 < known / unknown < 1.7


async def test_of_fifty_at_once_one_resets(app: Any, person: Person, relay: Relay) -> None:
    await ask(person)
    token = (await link(app, relay)).partition("token=")[2]
    done = await asyncio.gather(
        *(
            accounts.reset_password(app.server, mails.sha256(token), f"{NEW} {number}")
            for number in range(50)
        )
    )
    assert sum(done) == 1
    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    assert alice.password_version == 2


async def test_a_link_works_once_and_for_a_quarter_of_an_hour(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:
    await ask(person)
    address = await link(app, relay)
    page = await person.get(address)
    assert ENGLISH["password_is_reset"] in (await person.submit(page, new_password=NEW)).text
    assert (await person.get(address)).status_code == 400
    assert (await person.submit(page, new_password=NEW + "x")).status_code == 400
    await ask(person)
    late = await link(app, relay)
    page = await person.get(late)
    clock.seconds += 900
    assert (await person.get(late)).status_code == 400
    assert (await person.submit(page, new_password=NEW)).status_code == 400
    await mails.forget(app.server)
    assert await app.server.db.fetchval("SELECT count(*) FROM mail_tokens") == 2
    clock.seconds += 3600
    await mails.forget(app.server)
    assert await app.server.db.fetchval("SELECT count(*) FROM mail_tokens") == 0


async def test_a_new_password_makes_older_links_worthless(
    app: Any, person: Person, relay: Relay
) -> None:
    await ask(person)
    await ask(person)
    await mails.send_due(app.server)
    first, second = relay.links()
    assert ENGLISH["password_is_reset"] in (await set_password(person, first)).text
    assert (await person.get(second)).status_code == 400


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é"])
async def test_a_made_up_link_is_refused(app: Any, person: Person, token: str) -> None:
    for path in ("/password/reset", "/email/verify"):
        assert (await person.get(path, {"token": token})).status_code == 400
    _, form = person.form(await person.get("/login", {"next": "/account"}))
    for path, data in (
        ("/password/reset", {"token": token, "new_password": NEW}),
        ("/email/verify", {"token": token}),
    ):
        response = await person.http.post(path, data={**form, **data}, headers=HTML)
        assert response.status_code == 400
    assert (await app.log_in("web"))["access_token"]


async def test_no_token_and_no_link_is_at_rest(app: Any, person: Person, relay: Relay) -> None:
    await ask(person)
    before = str(await app.server.db.fetch("SELECT * FROM mails"))
    token = (await link(app, relay)).partition("token=")[2]
    after = str(await app.server.db.fetch("SELECT * FROM mail_tokens"))
    assert token not in before + after


async def test_whoever_has_the_mailbox_does_not_have_the_second_factor(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:

    alice = await users.find(app.server.db, "alice")
    assert alice is not None
    secret = await second_factor.begin(app.server, alice.sub)
    await second_factor.confirm(app.server, alice.sub, totp.code(secret, int(clock() // 30)))
    await ask(person)
    await set_password(person, await link(app, relay))
    page = await person.log_in(await person.get("/account"), password=NEW)
    assert "Enter a code ·" in page.text


async def test_nobody_fills_somebody_elses_mailbox(app: Any, person: Person, relay: Relay) -> None:
    statuses = [(await ask(person, email)).status_code for email in [ADDRESS] * 4]
    assert statuses == [200, 200, 200, 429]
    unknown = [(await ask(person, "nobody@example.org")).status_code for _ in range(4)]
    assert unknown == statuses  # nor is it said whose it is
    await mails.send_due(app.server)
    await mails.send_due(app.server)
    assert len(relay.mails) == 3


@pytest.mark.parametrize(
    "email",
    ["", "alice", "a@b@c", "a b@c", "alice@example.org\nBcc: x@y", "x" * 65 + "@y.org", "é@y.org"],
)
async def test_what_is_no_address_is_refused(person: Person, relay: Relay, email: str) -> None:
    page = await ask(person, email)
    assert (page.status_code, ENGLISH["bad_email"] in page.text) == (400, True)
    assert relay.mails == []
