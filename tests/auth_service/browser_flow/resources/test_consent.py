"""What a person agrees to is for one resource, and the pages say which."""

from typing import Any

import pytest

from auth_service.store import audit_log
from tests.auth_service.browser_flow.person import HTML, Person, answer
from tests.auth_service.browser_flow.resources.resources import FILES, MCP, NOTES, aud

ASKS = "Allow access?"
WHERE = "Access is good at"
WANTED = {"scope": "notes:read"}


@pytest.mark.parametrize("resource", [None, NOTES])
async def test_of_the_usual_resource_nothing_is_said(person: Person, resource: str | None) -> None:
    page = await person.log_in(await person.authorize(resource=resource, **WANTED))
    assert ASKS in page.text
    assert WHERE not in page.text


@pytest.mark.parametrize(("language", "where"), [("en", WHERE), ("ko", "접근 대상 서비스:")])
async def test_of_another_one_it_is_said_which(person: Person, language: str, where: str) -> None:
    page = await person.authorize(resource=MCP, ui_locales=language, **WANTED)
    page = await person.log_in(page)
    assert f"<dt>{where}</dt><dd>{MCP}</dd>" in page.text


@pytest.mark.parametrize(
    ("first", "then", "asked"),
    [
        pytest.param(None, None, False, id="none twice"),
        pytest.param(None, NOTES, False, id="the default one, named later"),
        pytest.param(NOTES, None, False, id="the default one, named first"),
        pytest.param(MCP, MCP, False, id="another one twice"),
        pytest.param(None, MCP, True, id="none, then another one"),
        pytest.param(NOTES, MCP, True, id="the default one, then another one"),
        pytest.param(MCP, None, True, id="another one, then none"),
        pytest.param(MCP, NOTES, True, id="another one, then the default one"),
        pytest.param(MCP, FILES, True, id="another one, then a third"),
    ],
)
async def test_consent_for_one_resource_is_none_for_another(
    app: Any, person: Person, first: str | None, then: str | None, asked: bool
) -> None:
    await person.code(resource=first, **WANTED)
    silent = answer(await person.authorize(resource=then, prompt="none", **WANTED))
    assert silent.get("error") == ("consent_required" if asked else None)
    page = await person.authorize(resource=then, **WANTED)
    assert (ASKS in page.text) is asked
    if asked:
        page = await person.allow(page)
    exchange = person.exchange(answer(page)["code"])
    assert aud(await app.token("app", **exchange)) == (then or NOTES)
    # Both are remembered.
    for resource in (first, then):
        again = await person.authorize(resource=resource, prompt="none", **WANTED)
        assert "code" in answer(again)


async def test_scopes_of_two_resources_do_not_add_up(person: Person) -> None:
    await person.code(scope="notes:read", resource=MCP)
    await person.code(scope="notes:write")
    for resource, scope in ((MCP, "notes:write"), (None, "notes:read")):
        page = await person.authorize(scope=scope, resource=resource)
        assert ASKS in page.text


async def test_consent_under_either_name_of_the_default_resource_adds_up(person: Person) -> None:
    await person.code(scope="notes:read", resource=NOTES)
    await person.code(scope="notes:write")
    both = await person.authorize(scope="notes:read notes:write", prompt="none")
    assert "code" in answer(both)


async def test_a_default_resource_of_another_name_is_asked_about_if_the_old_name_was_named(
    start: Any, person: Person
) -> None:
    await person.code(resource=NOTES, **WANTED)
    async with start(audience="https://api.example", resources=(NOTES,)) as later:
        person.http._transport.app = later.app  # type: ignore[attr-defined]
        assert ASKS in (await person.authorize(**WANTED)).text
        assert "code" in answer(await person.authorize(resource=NOTES, **WANTED))


async def test_nobody_agrees_to_access_to_what_is_no_resource_any_more(
    start: Any, person: Person
) -> None:
    page = await person.log_in(await person.authorize(resource=MCP, **WANTED))
    async with start(resources=(FILES,)) as later:
        person.http._transport.app = later.app  # type: ignore[attr-defined]
        assert answer(await person.allow(page))["error"] == "invalid_target"
        assert await later.server.db.fetchval("SELECT count(*) FROM consents") == 0


async def test_the_audit_log_says_where(app: Any, person: Person) -> None:
    await person.code(**WANTED)
    await person.code(resource=MCP, **WANTED)
    rows = await audit_log.find(app.server.db, since=None, most=50)
    assert [dict(row.detail) for row in rows if row.event == "consent given"] == [
        {"scope": "notes:read"},
        {"scope": "notes:read", "resource": MCP},
    ]


async def test_the_account_page_shows_where_and_takes_it_all_away(app: Any, person: Person) -> None:
    code = await person.code(**WANTED)
    assert WHERE not in (await person.get("/account")).text
    await person.code(resource=MCP, **WANTED)
    page = await person.get("/account")
    assert page.text.count("The app</strong>") == 1
    assert f"{WHERE} {NOTES}, {MCP}<" in page.text
    _, hidden = person.form(page)
    form = {"csrf_token": hidden["csrf_token"], "client_id": "app"}
    await person.http.post("/account/apps/remove", data=form, headers=HTML)
    assert await app.server.db.fetchval("SELECT count(*) FROM consents") == 0
    spent = await app.token("app", **person.exchange(code))
    assert (spent.status_code, spent.json()["error"]) == (400, "invalid_grant")
    for resource in (None, MCP):
        assert ASKS in (await person.authorize(resource=resource, **WANTED)).text
