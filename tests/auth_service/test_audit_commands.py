"""`audit list`, `explain` and `retain`, and `migrate`, as a person and a script run them."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from stack.postgres import EmbeddedPostgres
from tests.databases import Copies

REPOSITORY = Path(__file__).parent.parent.parent
OWNER, SERVICE = "AUTH_MIGRATION_DATABASE_URL", "AUTH_DATABASE_URL"


@pytest.fixture
def auth_copies(migrated_auth_databases: Copies) -> Copies:
    """With nothing in them, not even keys: their times would be those of another clock."""
    return migrated_auth_databases


@pytest.fixture
async def urls(postgres: EmbeddedPostgres) -> AsyncIterator[dict[str, str]]:
    """The addresses of an empty database: of its owner, and of a role that owns nothing in it."""
    name = f"two_roles_{secrets.token_hex(4)}"
    owner = await postgres.create_database(name, owner=f"{name}_owner", password="owner")
    service = await postgres.create_guest(
        name, role=name, owner=f"{name}_owner", password="service"
    )
    yield {OWNER: owner, SERVICE: service}
    connection = await asyncpg.connect(postgres.url())
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
def run(key_encryption_key_file: Path) -> Any:
    async def run(*words: str, **environment: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "auth_service", *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
            env={
                "PATH": os.environ["PATH"],
                "AUTH_KEY_ENCRYPTION_KEY_FILE": str(key_encryption_key_file),
                **environment,
            },
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    return run


async def test_migrate_gives_the_service_what_it_needs_and_no_more_and_may_be_run_again(
    run: Any, urls: dict[str, str]
) -> None:
    code, output, errors = await run("migrate", **urls)
    assert (code, errors) == (0, "")
    assert "applied 0001_users_and_clients.sql" in output
    assert "may add to the audit log and read it, and no more" in output
    code, output, _ = await run("migrate", **urls)
    assert (code, output.count("\n")) == (0, 1)
    # The service works with its own address alone.
    assert (await run("users", "create", "alice", **{SERVICE: urls[SERVICE]}))[0] == 0


async def test_before_migrate_the_service_says_who_has_to_run_it(
    run: Any, urls: dict[str, str]
) -> None:
    code, output, errors = await run("users", "list", **{SERVICE: urls[SERVICE]})
    assert (code, output) == (1, "")
    assert "its owner has to run `migrate` first" in errors
    assert errors.count("\n") == 1


async def test_a_service_that_comes_before_migrate_waits_for_it(
    run: Any, start: Any, urls: dict[str, str]
) -> None:
    async with start(database_url=SecretStr(urls[SERVICE])) as issuer:
        assert (await issuer.http.get("/health/ready")).status_code == 503
        assert (await run("migrate", **urls))[0] == 0
        async with asyncio.timeout(30):
            while (await issuer.http.get("/health/ready")).status_code != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.1)


async def test_a_service_that_owns_its_tables_migrates_by_itself_and_warns(
    start: Any, urls: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async with start(database_url=SecretStr(urls[OWNER])) as issuer:
        assert (await issuer.http.get("/health/ready")).status_code == 200
    assert "the audit log is not append-only" in caplog.text


@pytest.mark.parametrize(
    ("environment", "code", "message"),
    [
        pytest.param({OWNER: None}, 2, "AUTH_MIGRATION_DATABASE_URL is not set", id="no owner"),
        pytest.param({SERVICE: OWNER}, 1, "the service needs its own", id="one role for both"),
        pytest.param({OWNER: SERVICE}, 1, "the service needs its own", id="not the owner"),
    ],
)
async def test_migrate_refuses_with_one_line(
    run: Any, urls: dict[str, str], environment: dict[str, str | None], code: int, message: str
) -> None:
    changed = urls | {name: urls[other] for name, other in environment.items() if other}
    given = {name: url for name, url in changed.items() if environment.get(name, "") is not None}
    returned, output, errors = await run("migrate", **given)
    assert (returned, output) == (code, "")
    assert message in errors
    assert errors.count("\n") == 1


async def test_a_superuser_is_no_role_for_the_service(
    run: Any, urls: dict[str, str], postgres: EmbeddedPostgres
) -> None:
    superuser = postgres.url(urls[SERVICE].rpartition("/")[2])
    code, _, errors = await run("migrate", **urls | {SERVICE: superuser})
    assert code == 1
    assert "may still change the audit log" in errors


async def test_old_rows_are_removed_by_the_owner_and_that_is_recorded(
    run: Any, urls: dict[str, str]
) -> None:
    await run("migrate", **urls)
    connection = await asyncpg.connect(urls[OWNER])
    await connection.execute(
        "INSERT INTO audit_log (at, event)"
        " SELECT now() - interval '1 day' * age, 'registered' FROM generate_series(0, 99) AS age"
    )
    code, output, errors = await run("audit", "retain", "--days", "30", **urls)
    assert (code, errors) == (0, "")
    assert output == "removed 70 rows that were older than 30 days\n"
    left = await connection.fetch("SELECT event, at FROM audit_log ORDER BY id")
    await connection.close()
    assert [row["event"] for row in left] == ["registered"] * 30 + ["old rows removed"]
    assert min(row["at"] for row in left) > datetime.now(UTC) - timedelta(days=30)


async def test_the_services_role_removes_nothing(run: Any, urls: dict[str, str]) -> None:
    await run("migrate", **urls)
    for given in ({SERVICE: urls[SERVICE]}, {SERVICE: urls[SERVICE], OWNER: urls[SERVICE]}):
        code, output, errors = await run("audit", "retain", "--days", "30", **given)
        assert (code, output) == (1, "")
        assert "may not remove rows of the audit log" in errors
        assert errors.count("\n") == 1


async def test_the_log_is_listed_for_people_and_for_scripts(
    run: Any, issuer: Any, auth_database_url: str
) -> None:
    body = await issuer.log_in()
    await issuer.refresh(body["refresh_token"])
    url = {SERVICE: auth_database_url}
    _, output, _ = await run("audit", "list", "--user", "alice", "--json", **url)
    entries = json.loads(output)
    assert [entry["event"] for entry in entries] == ["registered", "logged in", "rotated"]
    assert entries[2].keys() == {
        *("at", "event", "sub", "client_id", "family_id", "jti", "kid", "detail"),
    }
    assert entries[2]["detail"] == {"presented": 1, "newest": 2}
    family = entries[2]["family_id"]
    _, output, _ = await run("audit", "list", "--family", family, "--json", **url)
    assert json.loads(output) == entries[1:]
    code, output, _ = await run("audit", "list", "--family", family, "--most", "1", **url)
    assert code == 0
    assert "rotated" in output
    assert "logged in" not in output


async def test_since_is_a_span_or_a_time(run: Any, auth_database_url: str) -> None:
    url = {SERVICE: auth_database_url}
    await run("users", "create", "alice", **url)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    for since, count in (("1h", 1), ("2020-01-01T00:00:00Z", 1), (tomorrow, 0)):
        words = ("audit", "list", "--user", "alice", "--since", since, "--json")
        code, output, _ = await run(*words, **url)
        assert (code, len(json.loads(output))) == (0, count)


async def test_a_log_in_is_explained_by_its_family_its_users_name_and_his_sub(
    run: Any, issuer: Any, clock: Any, auth_database_url: str
) -> None:
    token = (await issuer.log_in())["refresh_token"]
    await issuer.refresh(token)
    clock.seconds += 61
    await issuer.refresh(token)
    family, sub = await issuer.server.db.fetchrow(
        "SELECT family_id, sub FROM refresh_token_families"
    )
    for _ in range(4):
        await issuer.log_in()
    url = {SERVICE: auth_database_url}
    _, told, _ = await run("audit", "explain", str(family), **url)
    assert told.startswith(f"Log-in {family}: alice at the client web\n")
    assert "61 s after it had been replaced" in told
    code, by_name, _ = await run("audit", "explain", "alice", **url)
    assert code == 0
    assert by_name.startswith(f"alice, sub {sub}\n")
    assert by_name.count("Log-in ") == 3
    assert "There are 2 older log-ins." in by_name
    _, by_sub, _ = await run("audit", "explain", str(sub), **url)
    assert by_sub == by_name


async def test_what_is_done_to_clients_by_command_is_recorded(
    run: Any, auth_database_url: str
) -> None:
    url = {SERVICE: auth_database_url}
    grant = ("--grant", "client_credentials", "--scope", "notes:read")
    await run("clients", "create", "batch", "--name", "Batch", *grant, **url)
    for verb in ("disable", "enable"):
        assert (await run("clients", verb, "batch", **url))[0] == 0
    assert (await run("clients", "enable", "nobody", **url))[0] == 1
    _, output, _ = await run("audit", "list", "--json", **url)
    recorded = [(row["event"], row["client_id"]) for row in json.loads(output) if not row["kid"]]
    assert recorded == [
        ("client created", "batch"),
        ("client disabled", "batch"),
        ("client enabled", "batch"),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("explain", "nobody"), "no log-in and no user nobody", id="no user"),
        pytest.param(
            ("explain", "5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11"), "no log-in and no", id="no family"
        ),
        pytest.param(("list", "--user", "nobody"), "no user nobody", id="list of no user"),
        pytest.param(("list", "--since", "soon"), "soon is no time", id="no time"),
    ],
)
async def test_a_refusal_is_one_line(
    run: Any, auth_database_url: str, words: tuple[str, ...], message: str
) -> None:
    code, output, errors = await run("audit", *words, **{SERVICE: auth_database_url})
    assert (code, output) == (1, "")
    assert message in errors
    assert errors.count("\n") == 1
