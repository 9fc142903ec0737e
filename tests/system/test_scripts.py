"""Each script in `scripts/`, against the running stack."""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from stack.stack import Stack

SCRIPTS = Path(__file__).parent.parent.parent / "scripts"
FLOWS = [
    "call-through-load-balancer.sh",
    "get-token-with-client-credentials.sh",
    "get-token-with-password.sh",
    "read-jwks.sh",
    "refresh.sh",
    "register-client.sh",
    "revoke.sh",
    "tamper.sh",
]


def run(name: str, stack: Stack, *arguments: str) -> str:
    """Run a script that must succeed; what it prints."""
    done = start(name, {"DEMO_ENV": str(stack.state.path / "demo.env")}, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def start(
    name: str, environment: dict[str, str], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(SCRIPTS / name), *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_password_gets_a_token_and_a_refresh_token(system: Stack) -> None:
    answer = json.loads(run("get-token-with-password.sh", system))
    assert answer["token_type"] == "Bearer"
    assert answer["scope"] == "notes:read notes:write"
    assert answer["refresh_token"]


def test_client_credentials_get_a_token_without_a_refresh_token(system: Stack) -> None:
    answer = json.loads(run("get-token-with-client-credentials.sh", system))
    assert answer["token_type"] == "Bearer"
    assert answer["scope"] == "notes:read"
    assert "refresh_token" not in answer


def test_a_refresh_token_is_rotated(system: Stack) -> None:
    document, line = run("refresh.sh", system).strip().rsplit("\n", 1)
    assert json.loads(document)["access_token"]
    assert line == "The refresh token was rotated."


def test_the_key_set_is_cacheable_and_public(system: Stack) -> None:
    line, document = run("read-jwks.sh", system).split("\n", 1)
    assert line.strip().lower() == "cache-control: public, max-age=300"
    keys = json.loads(document)["keys"]
    assert keys
    assert all(key.keys() == {"alg", "e", "kid", "kty", "n", "use"} for key in keys)


def test_ten_calls_with_one_token_are_answered_by_both_replicas(system: Stack) -> None:
    lines = run("call-through-load-balancer.sh", system).splitlines()
    calls = [re.fullmatch(r" *\d+  200  answered by (\S+)", line) for line in lines]
    assert Counter(call and call[1] for call in calls) == {"replica-1": 5, "replica-2": 5}


def test_a_token_with_one_character_changed_is_refused(system: Stack) -> None:
    lines = run("tamper.sh", system).splitlines()
    assert lines[1] == "200"
    assert lines[3].startswith("HTTP/1.1 401")
    assert re.fullmatch(r'(?i)www-authenticate: Bearer .*error="invalid_token".*', lines[4])
    assert json.loads(lines[5])["error"] == "invalid_token"


def test_a_revoked_log_in_is_refused_by_both_replicas(system: Stack) -> None:
    before, after = run("revoke.sh", system).splitlines()
    assert before == "Before: 200"
    assert re.match(r"Refused by both replicas after \d+ ms", after)


def test_a_client_registers_itself_and_ends_itself(system: Stack) -> None:
    lines = run("register-client.sh", system).splitlines()
    assert re.fullmatch(r"Registered: c\.[A-Za-z0-9_-]{22}", lines[0])
    assert lines[1:] == ["It may ask for: notes:read openid", "Ended: 204", "And now: 401"]


def test_admin_commands_run_against_the_stack(system: Stack) -> None:
    settings = str(system.state.path / "auth.env")
    done = start("admin", {"ADMIN_ENV": settings}, "users", "list", "--json")
    assert done.returncode == 0, done.stderr
    assert system.demo["DEMO_USERNAME"] in {user["username"] for user in json.loads(done.stdout)}


@pytest.mark.parametrize("name", FLOWS)
def test_without_a_stack_a_script_says_so_on_one_line(name: str, tmp_path: Path) -> None:
    done = start(name, {"DEMO_ENV": str(tmp_path / "demo.env")})
    assert done.returncode == 1
    assert re.fullmatch(r"There is no .*: start the stack first, with: make run\n", done.stderr)


def test_with_a_stack_that_is_down_a_script_says_so_on_one_line(tmp_path: Path) -> None:
    demo = tmp_path / "demo.env"
    demo.write_text("AUTH_URL=http://127.0.0.1:1\nAPI_URL=http://127.0.0.1:1\n")
    done = start("tamper.sh", {"DEMO_ENV": str(demo)})
    assert done.returncode == 1
    assert re.fullmatch(r"Nobody answers at .*: start the stack first, .*\n", done.stderr)


def test_every_flow_is_listed_here() -> None:
    others = {"demo-environment.sh", "install.sh", "install-interop.sh", "venv.sh"}
    assert {path.name for path in SCRIPTS.glob("*.sh")} - others == set(FLOWS)
