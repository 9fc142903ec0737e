"""The admin commands, as a person and a script run them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Copies

CLIENT = ("clients", "create", "batch", "--name", "Batch", "--grant", "client_credentials")
SCOPE = ("--scope", "notes:read notes:write")


@pytest.fixture
def auth_copies(migrated_auth_databases: Copies) -> Copies:
    """With nothing in them, not even keys: their times would be those of another clock."""
    return migrated_auth_databases


async def test_a_client_made_here_gets_a_token_with_the_secret_that_was_shown(
    run: Any, start: Any
) -> None:
    code, output, _ = await run(*CLIENT, *SCOPE, "--json")
    created = json.loads(output)
    assert code == 0
    assert len(created["client_secret"]) == 43
    async with start() as issuer:
        response = await issuer.http.post(
            "/token",
            data={"grant_type": "client_credentials"},
            auth=("batch", created["client_secret"]),
        )
        assert response.status_code == 200
        stored = await issuer.server.db.fetchval("SELECT secret_sha256 FROM clients")
        assert created["client_secret"].encode() not in stored
    _, listed, _ = await run("clients", "list", "--json")
    assert "client_secret" not in json.loads(listed)[0]


async def test_a_user_made_here_logs_in_with_the_password_that_was_shown_or_given(
    run: Any, start: Any
) -> None:
    _, output, _ = await run("users", "create", "alice", "--json")
    given = "seven green apples"
    code, other, _ = await run("users", "create", "bob", "--password-stdin", stdin=given + "\n")
    assert code == 0
    assert given not in other
    public = ("--public", "--first-party", *SCOPE)
    await run("clients", "create", "docs", "--name", "Docs", "--grant", "password", *public)
    async with start() as issuer:
        for username, password in (("alice", json.loads(output)["password"]), ("bob", given)):
            response = await issuer.token(
                "docs", grant_type="password", username=username, password=password
            )
            assert response.status_code == 200


async def test_users_and_clients_are_disabled_and_enabled(run: Any) -> None:
    await run("users", "create", "alice")
    await run(*CLIENT, *SCOPE)
    for noun, name in (("users", "alice"), ("clients", "batch")):
        for verb, disabled in (("disable", True), ("disable", True), ("enable", False)):
            code, output, _ = await run(noun, verb, name, "--json")
            assert (code, json.loads(output)[0]["disabled"]) == (0, disabled)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("users", "disable", "nobody"), "there is no user nobody", id="no user"),
        pytest.param(("clients", "enable", "nobody"), "there is no client nobody", id="no client"),
        pytest.param(("users", "create", "a b"), "the user name must be", id="bad name"),
        pytest.param(
            ("clients", "create", "x y", "--name", "X", "--grant", "password", *SCOPE),
            "the client_id must be",
            id="bad client_id",
        ),
        pytest.param((*CLIENT, "--grant", "implicit", *SCOPE), "unknown grant", id="bad grant"),
        pytest.param((*CLIENT, "--scope", ""), "the scope is malformed", id="no scope"),
        pytest.param((*CLIENT, "--scope", 'a"'), "the scope is malformed", id="bad scope"),
        pytest.param((*CLIENT, *SCOPE, "--public"), "confidential clients", id="public"),
        pytest.param(
            (*CLIENT, *SCOPE, "--grant", "password"), "first-party clients", id="third party"
        ),
        pytest.param(
            (
                *("clients", "create", "5f0e3a52-2a9f-4a5b-9d0c-1d7f0d5a3a11", "--name", "X"),
                *("--grant", "client_credentials", *SCOPE),
            ),
            "must not be a UUID",
            id="client_id like a sub",
        ),
    ],
)
async def test_a_refusal_is_one_line(run: Any, words: tuple[str, ...], message: str) -> None:
    code, output, errors = await run(*words)
    assert (code, output) == (1, "")
    assert message in errors
    assert errors.count("\n") == 1


async def test_a_name_that_is_taken_is_refused(run: Any) -> None:
    for words in (("users", "create", "alice"), (*CLIENT, *SCOPE)):
        assert (await run(*words))[0] == 0
        code, output, errors = await run(*words)
        assert (code, output) == (1, "")
        assert "is taken" in errors


@pytest.mark.parametrize(
    ("environment", "code", "message"),
    [
        pytest.param({"AUTH_ISSUER": "x"}, 2, "AUTH_ISSUER", id="bad setting"),
        pytest.param({"AUTH_TYPO": "x"}, 2, "unknown setting AUTH_TYPO", id="unknown setting"),
        pytest.param(
            {"AUTH_DATABASE_URL": "postgresql://x:s3cret@127.0.0.1:1/x"},
            1,
            "the database does not answer",
            id="no database",
        ),
        pytest.param(
            {"AUTH_KEY_ENCRYPTION_KEY_FILE": "/nowhere/key"}, 1, "/nowhere/key", id="no key file"
        ),
    ],
)
async def test_what_can_be_foreseen_to_fail_is_one_line(
    run: Any, environment: dict[str, str], code: int, message: str
) -> None:
    returned, output, errors = await run("keys", "list", **environment)
    assert (returned, output) == (code, "")
    assert message in errors
    assert errors.count("\n") == 1
    assert "s3cret" not in errors


async def test_with_another_key_encryption_key_the_service_does_not_start(
    run: Any, tmp_path: Path
) -> None:
    await run("keys", "list")
    other = tmp_path / "other"
    other.touch(mode=0o600)
    other.write_text("A" * 43)
    for words in (("keys", "list"), ("serve",)):
        code, output, errors = await run(
            *words, AUTH_KEY_ENCRYPTION_KEY_FILE=str(other), AUTH_PORT="0"
        )
        assert (code, output) == (1, "")
        assert "is not the one that encrypted" in errors
        assert errors.count("\n") == 1
