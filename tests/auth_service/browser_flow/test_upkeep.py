"""What is removed when it is over, and what the audit log keeps of it."""

from typing import Any

from auth_service import authorization
from tests.auth_service.browser_flow.person import Person

TABLES = ("authorization_requests", "authorization_codes", "sessions")


async def counts(app: Any) -> list[int]:
    count = "SELECT count(*) FROM "
    return [await app.server.db.fetchval(count + table) for table in TABLES]


async def test_what_is_over_is_removed(app: Any, person: Person, clock: Any) -> None:
    await person.code()
    assert await counts(app) == [1, 1, 1]
    await authorization.forget(app.server)
    assert await counts(app) == [1, 1, 1]
    clock.seconds += 3600
    await authorization.forget(app.server)
    assert await counts(app) == [0, 1, 1]
    clock.seconds += 12 * 3600
    await authorization.forget(app.server)
    assert await counts(app) == [0, 0, 0]


async def test_the_audit_log_knows_log_in_consent_tokens_and_log_out(
    app: Any, person: Person
) -> None:
    await app.token("app", **person.exchange(await person.code(scope="notes:read")))
    await person.submit(await person.get("/logout"), decision="log_out")
    rows = await app.server.db.fetch("SELECT event, client_id FROM audit_log ORDER BY id")
    events = [tuple(row) for row in rows if row["event"] != "registered"]
    assert [event for event in events if not event[0].startswith(("key", "client"))] == [
        ("logged in", None),
        ("consent given", "app"),
        ("tokens issued", "app"),
        ("logged out", None),
        ("revoked", "app"),
    ]
