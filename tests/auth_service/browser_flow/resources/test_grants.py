"""A grant is for one resource, over every refresh, and a client gets no other out of it."""

import asyncio
import shutil
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from auth_service import audit_story
from auth_service.store import MIGRATIONS, audit_log
from shared.database import migrate
from tests.auth_service.browser_flow.person import Person
from tests.auth_service.browser_flow.resources.resources import (
    FILES,
    MCP,
    NOTES,
    UNKNOWN,
    assert_refused,
    aud,
    state_of_families,
)

AT_ONCE = 50
GOES_WITH = [
    pytest.param("", "", NOTES, id="never named"),
    pytest.param("", NOTES, NOTES, id="the default one, named later"),
    pytest.param(NOTES, "", NOTES, id="the default one, named once"),
    pytest.param(NOTES, NOTES, NOTES, id="the default one, named twice"),
    pytest.param(MCP, "", MCP, id="another one"),
    pytest.param(MCP, MCP, MCP, id="another one, named again"),
]
GOES_NOT_WITH = [
    pytest.param("", MCP, id="none, then another one"),
    pytest.param(NOTES, MCP, id="the default one, then another one"),
    pytest.param(MCP, NOTES, id="another one, then the default one"),
    pytest.param(MCP, FILES, id="another one, then a third"),
    pytest.param(MCP, UNKNOWN, id="another one, then an unknown one"),
]


async def code_for(person: Person, resource: str) -> dict[str, str]:
    """Return a token request with a code that was asked for this resource."""
    code = await person.code(scope="notes:read", resource=resource or None)
    return person.exchange(code)


@pytest.mark.parametrize(("named", "asked", "expected"), GOES_WITH)
async def test_the_tokens_of_a_code_are_for_its_resource_over_every_refresh(
    app: Any, person: Person, named: str, asked: str, expected: str
) -> None:
    response = await app.token("app", resource=asked, **await code_for(person, named))
    assert aud(response) == expected
    for again in ("", asked, ""):
        token = response.json()["refresh_token"]
        response = await app.refresh(token, "app", resource=again)
        assert aud(response) == expected


@pytest.mark.parametrize(("named", "asked"), GOES_NOT_WITH)
async def test_a_code_gives_no_token_for_another_resource_and_is_not_used_up(
    app: Any, person: Person, named: str, asked: str
) -> None:
    exchange = await code_for(person, named)
    assert_refused(await app.token("app", resource=asked, **exchange))
    assert await state_of_families(app) == []
    assert aud(await app.token("app", resource=named, **exchange)) == (named or NOTES)


async def test_only_who_could_redeem_a_code_learns_that_the_resource_is_wrong(
    app: Any, person: Person, clock: Any
) -> None:
    exchange = await code_for(person, MCP)
    wrong = {**exchange, "code_verifier": "x" * 43}
    assert_refused(await app.token("app", resource=NOTES, **wrong), "invalid_grant")
    assert_refused(await app.token("two", resource=NOTES, **exchange), "invalid_grant")
    clock.seconds += 60
    assert_refused(await app.token("app", resource=NOTES, **exchange), "invalid_grant")


async def test_a_replay_for_another_resource_is_a_replay(app: Any, person: Person) -> None:
    exchange = await code_for(person, MCP)
    assert aud(await app.token("app", **exchange)) == MCP
    assert_refused(await app.token("app", resource=NOTES, **exchange), "invalid_grant")
    assert await state_of_families(app) == [(MCP, 1, False)]


async def test_of_many_who_redeem_a_code_for_several_resources_one_gets_what_was_granted(
    app: Any, person: Person
) -> None:
    for _ in range(3):
        exchange = await code_for(person, MCP)
        asked = [MCP, NOTES] * (AT_ONCE // 2)
        responses = await asyncio.gather(
            *(app.token("app", resource=resource, **exchange) for resource in asked)
        )
        assert Counter(response.status_code for response in responses) == {200: 1, 400: 49}
        by_resource = list(zip(asked, responses, strict=True))
        (won,) = [(named, aud(one)) for named, one in by_resource if one.status_code == 200]
        assert won == (MCP, MCP)


@pytest.mark.parametrize(("named", "asked"), GOES_NOT_WITH)
async def test_a_refresh_token_gives_no_token_for_another_resource_and_is_not_used_up(
    issuer: Any, named: str, asked: str
) -> None:
    token = (await issuer.log_in(resource=named))["refresh_token"]
    for _ in range(2):
        assert_refused(await issuer.refresh(token, resource=asked))
    assert await state_of_families(issuer) == [(named, 1, True)]
    assert aud(await issuer.refresh(token, resource=named)) == (named or NOTES)


async def test_asking_for_another_resource_in_a_repeat_is_no_replay_but_in_a_replay_it_is_one(
    issuer: Any, clock: Any
) -> None:
    token = (await issuer.log_in(resource=MCP))["refresh_token"]
    newest = (await issuer.refresh(token)).json()["refresh_token"]
    assert_refused(await issuer.refresh(token, resource=NOTES))
    assert aud(await issuer.refresh(newest)) == MCP
    clock.seconds += 11
    assert_refused(await issuer.refresh(token, resource=NOTES), "invalid_grant")
    assert await state_of_families(issuer) == [(MCP, 3, False)]


async def test_of_many_who_refresh_for_several_resources_none_gets_another_and_none_forks_it(
    issuer: Any,
) -> None:
    token = (await issuer.log_in(resource=MCP))["refresh_token"]
    asked = [MCP, NOTES, "", FILES, UNKNOWN] * (AT_ONCE // 5)
    responses = await asyncio.gather(*(issuer.refresh(token, resource=one) for one in asked))
    successors = set()
    for resource, response in zip(asked, responses, strict=True):
        if resource in ("", MCP):
            assert aud(response) == MCP
            successors.add(response.json()["refresh_token"])
        else:
            assert_refused(response)
    assert len(successors) == 1
    assert await state_of_families(issuer) == [(MCP, 2, True)]


async def test_the_audit_log_says_for_which_resource_it_was_and_that_another_was_asked_for(
    issuer: Any,
) -> None:
    await issuer.log_in()
    token = (await issuer.log_in(resource=MCP))["refresh_token"]
    await issuer.refresh(token, resource=NOTES)
    assert issuer.server.metrics.refreshes == {"other resource": 1}
    rows = await audit_log.find(issuer.server.db, since=None, most=10)
    said = [(row.event, dict(row.detail)) for row in rows if row.family_id is not None]
    assert said == [
        ("logged in", {}),
        ("logged in", {"resource": MCP}),
        ("other resource", {"newest": 1, "presented": 1}),
    ]
    server, family_id = issuer.server, rows[-1].family_id
    about = [row for row in rows if row.family_id == family_id]
    story = audit_story.tell(about, "alice", server.settings, server.time())
    assert story[:3] == [
        f"Log-in {family_id}: alice at the client web",
        f"  2027-01-15 08:00:00  logged in; for {MCP}",
        "  2027-01-15 08:00:00  refused once, this was the last time: other resource",
    ]


async def test_what_is_no_resource_any_more_gets_no_tokens(
    start: Any, app: Any, person: Person
) -> None:
    log_in = await app.log_in(resource=MCP)
    usual = await app.log_in()
    exchange = await code_for(person, MCP)
    async with start(resources=(FILES,)) as later:
        assert_refused(await later.refresh(log_in["refresh_token"]))
        assert_refused(await later.token("app", **exchange))
        assert aud(await later.refresh(usual["refresh_token"])) == NOTES
        for token in (log_in["access_token"], log_in["refresh_token"]):
            answer = await later.http.post(
                "/introspect", data={"token": token}, auth=("web", "s3cret-of-the-batch-client")
            )
            assert answer.json() == {"active": False}
    # It was not used up.
    assert aud(await app.refresh(log_in["refresh_token"])) == MCP


async def test_what_named_no_resource_follows_the_default_one_and_what_named_it_does_not(
    start: Any, issuer: Any
) -> None:
    unnamed, named = await issuer.log_in(), await issuer.log_in(resource=NOTES)
    renamed = {"audience": "https://api.example", "resources": (NOTES,)}
    async with start(**renamed) as later:
        assert aud(await later.refresh(unnamed["refresh_token"])) == "https://api.example"
        assert aud(await later.refresh(named["refresh_token"])) == NOTES


async def test_what_was_granted_before_there_were_resources_is_for_the_default_one(
    start: Any, auth_owner: Any, auth_database_url: str, tmp_path: Path
) -> None:
    await auth_owner.execute(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC"
    )
    for file in MIGRATIONS.glob("*.sql"):
        if file.name < "0080":
            shutil.copy(file, tmp_path)
    connection = await asyncpg.connect(auth_database_url)
    await migrate(connection, tmp_path)
    sub, family_id, now = uuid.uuid4(), uuid.uuid4(), datetime.fromtimestamp(1_800_000_000, UTC)
    await connection.execute(
        "INSERT INTO users (sub, username, password_hash, created_at) VALUES ($1, 'bob', '', $2)",
        *(sub, now),
    )
    await connection.execute(
        """
        INSERT INTO clients (client_id, name, secret_sha256, grant_types, scope, first_party,
                             created_at)
        VALUES ('old', 'Old', sha256('s3cret-of-the-batch-client'), '{refresh_token}',
                '{notes:read}', false, $1)
        """,
        now,
    )
    await connection.execute(
        """
        INSERT INTO refresh_token_families
            (family_id, sub, client_id, scope, auth_time, amr, created_at, rotated_at)
        VALUES ($1, $2, 'old', '{notes:read}', $3, '{pwd}', $3, $3)
        """,
        *(family_id, sub, now),
    )
    agreed = "INSERT INTO consents (sub, client_id, scope, granted_at) VALUES ($1, 'old', '{}', $2)"
    await connection.execute(agreed, sub, now)
    await connection.close()
    async with start() as issuer:
        token = issuer.server.refresh_tokens.token(family_id, 1)
        assert_refused(await issuer.refresh(token, "old", resource=MCP))
        assert aud(await issuer.refresh(token, "old", resource=NOTES)) == NOTES
        assert await issuer.server.db.fetchval("SELECT resource FROM consents") == ""
