"""The device flow for one of several resources (RFC 8707)."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from auth_service.device_authorization import GRANT_TYPE
from auth_service.settings import Settings
from tests.auth_service.browser_flow.device.device import Codes, begin, decide, log_in
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.browser_flow.resources.resources import (
    ISSUER,
    MCP,
    NOTES,
    UNKNOWN,
    assert_refused,
    aud,
    state_of_families,
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"resources": (MCP,)})


async def ask(app: Any, codes: Codes, resource: str = "") -> Any:
    form = {"grant_type": GRANT_TYPE, "client_id": "tv", "device_code": codes["device_code"]}
    return await app.http.post("/token", data={**form, "resource": resource})


@pytest.mark.parametrize(
    ("named", "asked", "expected"),
    [("", "", NOTES), ("", NOTES, NOTES), (NOTES, "", NOTES), (MCP, "", MCP), (MCP, MCP, MCP)],
)
async def test_the_tokens_are_for_the_resource_that_was_named_at_the_beginning(
    app: Any, person: Person, named: str, asked: str, expected: str
) -> None:
    codes = await begin(app, resource=named)
    await log_in(person)
    await decide(person, codes)
    response = await ask(app, codes, asked)
    assert aud(response) == expected
    form = {"grant_type": "refresh_token", "client_id": "tv"}
    form["refresh_token"] = response.json()["refresh_token"]
    assert aud(await app.http.post("/token", data=form)) == expected


@pytest.mark.parametrize("resource", [UNKNOWN, ISSUER, f"{MCP}/"])
async def test_no_device_begins_with_anything_else(app: Any, resource: str) -> None:
    form = {"client_id": "tv", "resource": resource, "grant_type": "client_credentials"}
    assert_refused(await app.http.post("/device_authorization", data=form))
    assert await app.server.db.fetchval("SELECT count(*) FROM device_codes") == 0


@pytest.mark.parametrize(("named", "asked"), [("", MCP), (NOTES, MCP), (MCP, NOTES)])
async def test_a_device_code_gives_no_token_for_another_resource_and_is_not_used_up(
    app: Any, person: Person, clock: Any, named: str, asked: str
) -> None:
    codes = await begin(app, resource=named)
    await log_in(person)
    assert_refused(await ask(app, codes, asked))  # at once, not after the person has said yes
    await decide(person, codes)
    clock.seconds += 5
    assert_refused(await ask(app, codes, asked))
    assert await state_of_families(app) == []
    clock.seconds += 5
    assert aud(await ask(app, codes, named)) == (named or NOTES)


async def test_of_many_who_ask_for_several_resources_one_gets_what_was_granted(
    app: Any, person: Person
) -> None:
    codes = await begin(app, resource=MCP)
    await log_in(person)
    await decide(person, codes)
    asked = [MCP, NOTES] * 25
    responses = await asyncio.gather(*(ask(app, codes, resource) for resource in asked))
    assert Counter(response.status_code for response in responses) == {200: 1, 400: 49}
    assert [aud(one) for one in responses if one.status_code == 200] == [MCP]
    assert await state_of_families(app) == [(MCP, 1, True)]


async def test_the_person_is_told_where_the_device_gets_in(app: Any, person: Person) -> None:
    await log_in(person)
    where = "Access is good at"
    for resource, told in ((MCP, True), (NOTES, False), ("", False)):
        codes = await begin(app, resource=resource)
        page = await person.submit(await person.get("/device"), user_code=codes["user_code"])
        assert "Let this device in?" in page.text
        assert (where in page.text) is told
        assert (f"<dd>{MCP}</dd>" in page.text) is told


async def test_what_was_agreed_for_a_device_is_remembered_for_its_resource_only(
    app: Any, person: Person
) -> None:
    codes = await begin(app, resource=MCP)
    await log_in(person)
    await decide(person, codes)
    rows = await app.server.db.fetch("SELECT client_id, resource FROM consents")
    assert [tuple(row) for row in rows] == [("tv", MCP)]
