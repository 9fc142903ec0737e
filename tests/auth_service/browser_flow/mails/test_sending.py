"""When a mail is sent, by whom, in which language, and when there is no mail at all."""

import asyncio
from typing import Any

import pytest

from auth_service import mails
from auth_service.pages.texts import ENGLISH
from auth_service.store.mails import Kind
from tests.auth_service.browser_flow.mails.mailing import ADDRESS, Relay, ask, set_password, text_of
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import forms, open_account
from tests.auth_service.conftest import PASSWORD


async def test_a_mail_waits_until_the_relay_takes_it_but_not_for_ever(
    app: Any, person: Person, relay: Relay, clock: Any
) -> None:
    relay.refuses = True
    await ask(person)
    assert await mails.send_due(app.server) == 1
    assert await mails.send_due(app.server) == 0
    clock.seconds += 60
    relay.refuses = False
    assert await mails.send_due(app.server) == 1
    assert ENGLISH["password_is_reset"] in (await set_password(person, relay.links()[0])).text
    relay.refuses = True
    await ask(person)
    clock.seconds += 3600
    await mails.send_due(app.server)
    left = await app.server.db.fetch("SELECT kind FROM mails")
    assert [mail["kind"] for mail in left] == ["password changed"]  # which waits for a day
    assert app.server.metrics.mails == {"failed": 3, "sent": 1}


async def test_of_many_processes_one_sends_it(
    app: Any, person: Person, relay: Relay, auth_owner: Any
) -> None:
    await ask(person)
    async with auth_owner.transaction():
        await auth_owner.execute("SELECT FROM mails FOR UPDATE")
        async with asyncio.timeout(3):
            assert await mails.send_due(app.server) == 0
    assert sum(await asyncio.gather(*(mails.send_due(app.server) for _ in range(20)))) == 1
    assert len(relay.mails) == 1


async def test_mails_speak_korean(app: Any, relay: Relay) -> None:
    await mails.ask(app.server, Kind.RESET, None, ADDRESS, "ko")
    await mails.send_due(app.server)
    assert "안녕하세요" in text_of(relay.mails[0])


@pytest.mark.parametrize("path", ["/password/forgot", "/account/email"])
async def test_without_a_relay_nothing_of_it_is_there(start: Any, register: Any, path: str) -> None:
    async with start() as silent:
        await register(silent.server)
        page = await silent.http.get("/login?next=/account", headers=HTML)
        assert "/password/forgot" not in page.text
        assert (await silent.http.get(path, headers=HTML)).status_code == 404


async def test_a_form_of_another_site_asks_for_nothing(app: Any, person: Person) -> None:
    await open_account(person)
    form = {"csrf_token": "0" * 64, "email": ADDRESS, "password": PASSWORD}
    for path in ("/password/forgot", "/account/email"):
        assert (await person.http.post(path, data=form, headers=HTML)).status_code == 400
    assert await app.server.db.fetchval("SELECT count(*) FROM mails") == 0
    assert forms(await person.get("/account/email"))
