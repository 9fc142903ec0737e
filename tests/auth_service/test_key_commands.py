"""`keys`: what an operator sees, is asked, and is refused."""

import asyncio
import base64
import json
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Copies

SHORT = {"AUTH_JWKS_MAX_AGE": "2"}


@pytest.fixture
def auth_copies(migrated_auth_databases: Copies) -> Copies:
    """With nothing in them, not even keys: their times would be those of another clock."""
    return migrated_auth_databases


async def keys(run: Any, *options: str) -> dict[str, str]:
    """The kid of each state; of several keys the newest."""
    code, output, _ = await run("keys", "list", "--json", *options, **SHORT)
    assert code == 0
    return {key["state"]: key["kid"] for key in json.loads(output)}


async def test_keys_are_listed_and_a_rotation_that_comes_too_early_says_when(run: Any) -> None:
    short = {"AUTH_JWKS_MAX_AGE": "2"}
    code, output, _ = await run("keys", "list", "--json", **short)
    assert (code, [key["state"] for key in json.loads(output)]) == (0, ["active", "published"])
    code, _, errors = await run("keys", "rotate", **short)
    assert code == 1
    assert "verifiers may not know the next key yet; possible from 2" in errors
    await asyncio.sleep(4)
    code, output, _ = await run("keys", "rotate", "--json", **short)
    assert code == 0
    assert [key["state"] for key in json.loads(output)] == ["retired", "active", "published"]


async def test_the_plan_is_printed_for_people_and_for_scripts(run: Any) -> None:
    code, text, _ = await run("keys", "plan")
    assert code == 0
    active, retirement, following, activation, rotate = text.splitlines()
    assert " active since 2" in active
    assert retirement.startswith("    retired at 2")
    assert retirement.endswith(": then the active key has signed for 2592000 s")
    assert " published since 2" in following
    assert activation.startswith("    active at 2")
    assert rotate.startswith("`keys rotate` now: refused: verifiers may not know the next key yet;")
    code, output, _ = await run("keys", "plan", "--json", AUTH_KEY_ROTATION_PERIOD="0")
    plan = json.loads(output)
    assert [(key["state"], key["next_state"], key["at"]) for key in plan["keys"]] == [
        ("active", "retired", None),
        ("published", "active", None),
    ]
    assert not plan["rotate"]["allowed"]
    assert plan["rotate"]["possible_at"].startswith("2")


async def test_removing_a_key_that_is_needed_is_refused_with_the_reason(run: Any) -> None:
    active = (await keys(run))["active"]
    code, output, errors = await run("keys", "remove", active, **SHORT)
    assert (code, output) == (1, "")
    assert errors == "auth_service: it signs: only a retired key can be removed\n"


@pytest.mark.parametrize(
    ("command", "answer", "message"),
    [
        pytest.param(
            ("rotate", "--emergency"),
            "",
            "nobody to ask: nothing was done (--yes does it)",
            id="nobody",
        ),
        pytest.param(("revoke",), "n\n", "nothing was done", id="no"),
    ],
)
async def test_an_emergency_is_asked_about_first(
    run: Any, command: tuple[str, ...], answer: str, message: str
) -> None:
    before = await keys(run)
    which = (before["active"],) if command == ("revoke",) else ()
    code, output, errors = await run("keys", *command, *which, stdin=answer, **SHORT)
    assert (code, output) == (1, "")
    assert message in errors
    assert "takes over" in errors
    assert await keys(run) == before


async def test_an_emergency_says_what_it_breaks_and_does_it_when_agreed(run: Any) -> None:
    before = await keys(run)
    code, output, errors = await run(
        "keys", "rotate", "--emergency", "--revoke", "--json", stdin="y\n", **SHORT
    )
    assert code == 0
    assert "Everything under " + before["active"] + " becomes worthless" in errors
    assert "within 5 s (the JWKS max-age, and 3 s for the issuers to follow)" in errors
    assert "refuse its tokens with 401" in errors
    assert [key["state"] for key in json.loads(output)] == ["active", "published"]
    after = await keys(run, "--all")
    assert after["revoked"] == before["active"]
    assert after["active"] == before["published"]


async def test_a_key_is_revoked_without_asking_when_told_so_and_never_comes_back(run: Any) -> None:
    before = await keys(run)
    code, _, errors = await run("keys", "revoke", before["published"], "--yes", **SHORT)
    assert code == 0
    assert "has signed nothing: no token is refused" in errors
    after = await keys(run)
    assert after["active"] == before["active"]
    assert after["published"] != before["published"]
    code, _, errors = await run("keys", "revoke", before["published"], "--yes", **SHORT)
    assert code == 1
    assert "there is no key" in errors


async def test_a_key_whose_name_begins_with_a_dash_is_no_option(run: Any) -> None:
    for command in ("revoke", "remove"):
        code, _, errors = await run("keys", command, "-abc", **SHORT)
        assert code == 1
        assert "there is no key -abc" in errors


async def test_options_for_an_emergency_are_for_an_emergency(run: Any) -> None:
    code, _, errors = await run("keys", "rotate", "--fresh")
    assert code == 2
    assert "--fresh and --revoke are for an --emergency" in errors


async def test_rewrapping_says_what_to_do_with_the_new_file(
    run: Any, tmp_path: Path, key_encryption_key_file: Path
) -> None:
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_bytes(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    before = await keys(run)
    code, output, _ = await run("keys", "rewrap", "--new-key-file", str(new))
    assert code == 0
    assert output.startswith(f"4 secrets are now encrypted under the key in {new}. Put it in")
    code, _, errors = await run("keys", "list")
    assert code == 1
    assert f"the key-encryption key in {key_encryption_key_file} is not the one" in errors
    await asyncio.to_thread(shutil.copyfile, new, key_encryption_key_file)
    assert await keys(run) == before
    code, _, errors = await run("keys", "rewrap", "--new-key-file", str(tmp_path / "none"))
    assert code == 1
    assert "No such file" in errors
