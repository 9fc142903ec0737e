"""What the audit log has of log-ins, tokens and log-outs in a browser."""

import uuid
from typing import Any

from auth_service import audit_story, second_factor, totp
from auth_service.store import audit_log, refresh_token_families
from auth_service.store.audit_log import Entry
from tests.auth_service.browser_flow.person import Person, claims_of


async def about_alice(app: Any) -> list[Entry]:
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    return (await audit_log.find(app.server.db, sub=sub))[1:]  # the first one registers her


async def story(app: Any, entry: Entry) -> str:
    rows = await audit_log.find(app.server.db, family_id=entry.family_id)
    return "\n".join(audit_story.tell(rows, "alice", app.server.settings, app.server.time()))


async def test_a_log_in_its_tokens_and_the_log_out_that_ends_them(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code(scope="openid notes:read"))
    tokens = (await app.token("app", **exchange)).json()
    await person.get("/logout", {"id_token_hint": tokens["id_token"]})
    logged_in, agreed, issued, logged_out, ended = await about_alice(app)
    claims = claims_of(tokens["access_token"])
    assert (logged_in.event, logged_in.family_id) == ("logged in", None)
    assert (issued.event, issued.client_id, issued.jti) == ("tokens issued", "app", claims["jti"])
    assert (agreed.event, logged_out.event) == ("consent given", "logged out")
    assert (ended.event, ended.detail) == ("revoked", {"reason": "logged out"})
    assert ended.family_id == issued.family_id
    assert "somebody logged out in the browser in which it began" in await story(app, issued)


async def test_the_log_ins_of_a_browser_are_found_by_its_session(app: Any, person: Person) -> None:
    for _ in range(2):
        exchange = person.exchange(await person.code(scope="notes:read"))
        tokens = (await app.token("app", **exchange)).json()
    sid = claims_of(tokens["access_token"])["sid"]
    families = await refresh_token_families.begun_in(app.server.db, uuid.UUID(sid))
    issued = [entry for entry in await about_alice(app) if entry.event == "tokens issued"]
    assert set(families) == {entry.family_id for entry in issued}


async def test_a_wrong_password_on_the_page(app: Any, person: Person) -> None:
    await person.log_in(await person.authorize(), password="wrong")
    assert [(entry.event, entry.client_id) for entry in await about_alice(app)] == [
        ("log-in failed", None)
    ]


async def test_a_replayed_code_ends_the_log_in_and_is_told_so(app: Any, person: Person) -> None:
    exchange = person.exchange(await person.code(scope="notes:read"))
    assert (await app.token("app", **exchange)).status_code == 200
    assert (await app.token("app", **exchange)).status_code == 400
    *_, issued, ended = await about_alice(app)
    assert (ended.event, ended.detail) == ("revoked", {"reason": "authorization code replayed"})
    assert "its authorization code came a second time" in await story(app, issued)


async def test_by_what_somebody_has_logged_in(app: Any, person: Person, clock: Any) -> None:
    await person.log_in(await person.get("/account"))
    sub = await app.server.db.fetchval("SELECT sub FROM users WHERE username = 'alice'")
    secret = await second_factor.begin(app.server, sub)
    await second_factor.confirm(app.server, sub, totp.code(secret, int(clock() // 30)))
    clock.seconds += 30
    page = await person.get("/account/password")  # for which the password alone will not do
    await person.submit(page, code=totp.code(secret, int(clock() // 30)))
    entries = [entry for entry in await about_alice(app) if "amr" in entry.detail]
    assert [(entry.event, entry.detail["amr"]) for entry in entries] == [
        ("logged in", "pwd"),
        ("log-in strengthened", "pwd otp mfa"),
    ]
