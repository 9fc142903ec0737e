"""`tokens explain` and `doctor` against the running stack, through `scripts/resource`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack.stack import Stack

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "resource"


def run(stack: Stack, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env={"PATH": os.environ["PATH"], "SEALGATE_STATE": str(stack.state.path)},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def examined(stack: Stack, url: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = run(stack, "doctor", url, "--json", *arguments)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def unseen(report: dict[str, Any]) -> list[str]:
    return [check["check"] for check in report["checks"] if check["outcome"] == "not reached"]


def test_a_token_of_the_stack_is_explained(system: Stack, token: str) -> None:
    done = run(system, "tokens", "explain", given=token)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nvalid\n")
    assert "in step with ours" in done.stdout
    assert "✗" not in done.stdout
    assert "–" not in done.stdout  # noqa: RUF001 - the sign for a check not reached


def test_a_token_with_one_character_changed_is_explained(system: Stack, token: str) -> None:
    header, payload, signature = token.split(".")
    middle = len(payload) // 2
    other = "B" if payload[middle] == "A" else "A"
    tampered = f"{header}.{payload[:middle]}{other}{payload[middle + 1 :]}.{signature}"
    done = run(system, "tokens", "explain", given=tampered)
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ signature verified" in done.stdout
    assert "refused: 401 invalid_token: the signature is wrong" in done.stdout


@pytest.mark.parametrize("path", ["/notes", "/whoami"])
def test_nothing_is_wrong_with_the_api(system: Stack, path: str) -> None:
    code, report = examined(system, system.api_url + path)
    assert report["wrong"] is None
    assert (code, report["kind"]) == (0, "resource")
    assert unseen(report) == ([] if path == "/notes" else ["without the scope"])


def test_nothing_is_wrong_with_the_issuer(system: Stack) -> None:
    code, report = examined(system, system.auth_url, "--audience", system.api_url)
    assert report["wrong"] is None
    assert (code, report["kind"], unseen(report)) == (0, "issuer", [])


def test_without_a_stack_it_says_so_on_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(SCRIPT), "doctor", "http://127.0.0.1:1"],
        env={"PATH": os.environ["PATH"], "SEALGATE_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"There is no {tmp_path}/resource.env: start the stack first, with: make run\n"
    )
