"""Notices: whoever has a verified address is told there of what somebody else may have done."""

import json
import re
from email.header import decode_header, make_header
from typing import Any

import pytest

from auth_service import accounts, mails, second_factor, totp, user_claims
from auth_service.mail_texts import MAILS
from auth_service.store import audit_log, users
from auth_service.store.mails import Kind
from shared.errors import AccessDenied
from tests.auth_service.browser_flow.mails.mailing import (
    ADDRESS,
    NEW,
    Relay,
    all_sent,
    ask,
    link,
    text_of,
)
from tests.auth_service.browser_flow.mails.test_email_address import give
from tests.auth_service.browser_flow.person import HTML, Person
from tests.auth_service.browser_flow.test_account import change, open_account
from tests.auth_service.conftest import PASSWORD, SOMEWHERE

NOTICES = [kind for kind in Kind if kind not in mails.LIFETIMES]


async def alice(app: Any) -> Any:
    return (await users.find(app.server.db, "alice")).sub  # type: ignore[union-attr]


async def told(app: Any, relay: Relay) -> list[tuple[str, str]]:
    """To whom a mail went since this was last asked, and its subject."""
    await all_sent(app)
    relay.read, unread = len(relay.mails), relay.mails[relay.read :]
    return sorted((mail["To"], str(make_header(decode_header(mail["Subject"])))) for mail in unread)


async def switch_on(app: Any, clock: Any) -> tuple[bytes, list[str]]:
    secret = await second_factor.begin(app.server, await alice(app))
    code = totp.code(secret, int(clock() // 30))
    return secret, await second_factor.confirm(app.server, await alice(app), code)


@pytest.mark.parametrize("language", MAILS)
@pytest.mark.parametrize("kind", NOTICES)
def test_there_is_no_link_in_it_and_nothing_is_left_open(kind: Kind, language: str) -> None:
    subject, text = MAILS[language][kind]
    told = text.format(username="alice", at="2027-01-15 08:00")
    assert "alice" in told
    assert "2027-01-15 08:00 (UTC)" in told
    assert not re.search(r"https?:|www\.|[{}]", subject + told)
    assert max(map(len, told.splitlines())) < 100


async def test_a_new_password_on_the_page(app: Any, person: Person, relay: Relay) -> None:
    await open_account(person)
    page = await change(person, PASSWORD, NEW)
    assert page.status_code == 200
    assert await told(app, relay) == [(ADDRESS, "Your password was changed")]
    text = text_of(relay.mails[-1])
    assert "Hello alice" in text
    assert "When: 2027-01-15 08:00 (UTC)" in text
    assert "http" not in text
    assert relay.mails[-1]["Auto-Submitted"] == "auto-generated"
    *_, last = await audit_log.find(app.server.db)
    assert (last.event, last.detail) == ("mail sent", {"kind": "password changed"})


async def test_a_new_password_over_rest_in_the_language_of_who_asks(app: Any, relay: Relay) -> None:
    body = {"old_password": PASSWORD, "new_password": NEW}
    answer = await app.http.put(
        "/users/alice/password", json=body, headers={"accept-language": "ko"}
    )
    assert answer.status_code == 204
    assert await told(app, relay) == [(ADDRESS, "비밀번호가 변경되었습니다")]


async def test_a_new_password_by_mail(app: Any, person: Person, relay: Relay) -> None:
    await ask(person)
    page = await person.get(await link(app, relay))
    await person.submit(page, new_password=NEW)
    assert await told(app, relay) == [(ADDRESS, "Your password was changed")]


async def test_a_password_that_was_not_changed_is_not_told_of(app: Any, relay: Relay) -> None:
    for old, new in (("wrong one", NEW), (PASSWORD, "password1")):
        with pytest.raises(AccessDenied):
            await accounts.change_password(app.server, "alice", old, new, SOMEWHERE)
    assert await told(app, relay) == []


async def test_the_second_factor(app: Any, person: Person, relay: Relay, clock: Any) -> None:
    secret, codes = await switch_on(app, clock)
    assert await told(app, relay) == [(ADDRESS, "Two-step log-in was switched on")]
    page = await person.log_in(await person.get("/account/two-step"))
    page = await person.submit(page, code=codes[0])
    assert await told(app, relay) == [(ADDRESS, "A recovery code was used")]
    clock.seconds += 30
    code = totp.code(secret, int(clock() // 30))
    codes = re.findall(
        r"<code>([a-z2-7-]+)</code>", (await person.submit(page, code=code, what="codes")).text
    )
    assert await told(app, relay) == [(ADDRESS, "You have new recovery codes")]
    clock.seconds += 30
    code = totp.code(secret, int(clock() // 30))
    await person.submit(page, code=code, what="off")
    assert await told(app, relay) == [(ADDRESS, "Two-step log-in was switched off")]
    assert codes


async def test_one_that_an_administrator_has_forgotten(
    app: Any, relay: Relay, clock: Any, run: Any
) -> None:
    await switch_on(app, clock)
    await told(app, relay)
    assert (await run("users", "forget-second-factor", "alice", AUTH_SMTP_URL=relay.url))[0] == 0
    # The command has the time of the day, and the clock of the test stands later.
    assert await told(app, relay) == [(ADDRESS, "Two-step log-in was switched off")]


async def test_another_address_is_told_at_both(app: Any, person: Person, relay: Relay) -> None:
    await open_account(person)
    await give(person, "new@example.org")
    page = await person.get(await link(app, relay))
    await person.submit(page)
    subject = "Your e-mail address was changed"
    assert await told(app, relay) == [(ADDRESS, subject), ("new@example.org", subject)]


async def test_an_address_that_was_not_verified_gets_nothing(
    app: Any, person: Person, relay: Relay
) -> None:
    await users.set_claims(app.server.db, "alice", {"email": "typo@example.org"})
    await open_account(person)
    await change(person, PASSWORD, NEW)
    assert await told(app, relay) == []
    await give(person, ADDRESS, NEW)
    await person.submit(await person.get(await link(app, relay)))
    assert await told(app, relay) == [(ADDRESS, "Your e-mail address was changed")]


async def test_the_same_address_again_is_no_change(app: Any, person: Person, relay: Relay) -> None:
    await open_account(person)
    await give(person, ADDRESS)
    await person.submit(await person.get(await link(app, relay)))
    assert await told(app, relay) == []


@pytest.mark.parametrize(
    ("claims", "to"),
    [
        pytest.param("{}", [ADDRESS], id="taken away"),
        pytest.param('{"email": "new@example.org"}', [ADDRESS], id="another, not verified"),
        pytest.param(
            '{"email": "new@example.org", "email_verified": true}',
            [ADDRESS, "new@example.org"],
            id="another",
        ),
        pytest.param(f'{{"email": "{ADDRESS}", "email_verified": true}}', [], id="the same"),
        pytest.param(
            '{"email": "not an\\naddress", "email_verified": true}', [ADDRESS], id="no address"
        ),
    ],
)
async def test_an_address_that_an_administrator_changed(
    app: Any, relay: Relay, claims: str, to: list[str]
) -> None:
    assert await user_claims.set_claims(app.server, "alice", json.loads(claims)) is not None
    assert [address for address, _ in await told(app, relay)] == to
    events = [entry.event for entry in await audit_log.find(app.server.db)]
    assert "claims changed" in events


async def test_without_a_relay_none_is_kept_to_be_sent_one_day(start: Any, app: Any) -> None:
    async with start() as silent:
        await accounts.change_password(silent.server, "alice", PASSWORD, NEW, SOMEWHERE)
    assert await app.server.db.fetchval("SELECT count(*) FROM mails") == 0


async def test_it_waits_a_day_for_the_relay_and_is_kept_no_longer_where_there_is_none(
    app: Any, relay: Relay, clock: Any
) -> None:
    relay.refuses = True
    await accounts.change_password(app.server, "alice", PASSWORD, NEW, SOMEWHERE)
    for _ in range(23):
        clock.seconds += 3600
        assert await mails.send_due(app.server) == 1
    await mails.forget(app.server)
    relay.refuses = False
    clock.seconds += 3599
    assert await told(app, relay) == [(ADDRESS, "Your password was changed")]
    await accounts.change_password(app.server, "alice", NEW, PASSWORD, SOMEWHERE)
    count = "SELECT count(*) FROM mails"
    clock.seconds += 86_399
    await mails.forget(app.server)
    assert await app.server.db.fetchval(count) == 1
    clock.seconds += 1
    await mails.forget(app.server)
    assert await app.server.db.fetchval(count) == 0


async def test_the_change_and_its_notice_are_one(app: Any, auth_owner: Any) -> None:
    """What cannot be told of is not done either."""
    await auth_owner.execute("ALTER TABLE mails ADD CHECK (kind = 'reset')")
    response = await app.http.put(
        "/users/alice/password",
        json={"old_password": PASSWORD, "new_password": NEW},
        headers=HTML,
    )
    assert response.status_code == 500
    assert (await app.log_in("web"))["access_token"]
