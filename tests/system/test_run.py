"""`make run`: up, down, up again; and what a kill or a second run does."""

import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from stack.layout import Ports
from stack.ports import free_ports
from tests.processes import alive, descendants, run_command, wait_until

StartRun = Callable[..., Any]
LogIn = Callable[[dict[str, str]], str]
REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def state(state_folder: Path, request: pytest.FixtureRequest) -> Path:
    path: Path = state_folder / request.node.name
    return path


def kids(demo: dict[str, str]) -> list[str]:
    document = httpx.get(f"{demo['AUTH_URL']}/.well-known/jwks.json", trust_env=False).json()
    return [key["kid"] for key in document["keys"]]


def users(demo: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in demo.items() if name.startswith("DEMO_")}


def who_am_i(demo: dict[str, str], token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    url = f"{demo['API_URL']}/whoami"
    return httpx.get(url, headers=headers, trust_env=False, timeout=10).status_code


def write_note(demo: dict[str, str], token: str) -> None:
    headers = {"authorization": f"Bearer {token}"}
    note = {"title": "Kept", "body": "by its owner"}
    answer = httpx.post(f"{demo['API_URL']}/notes", json=note, headers=headers, trust_env=False)
    assert answer.status_code == 201, answer.text


def titles(demo: dict[str, str], token: str) -> list[str]:
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.get(f"{demo['API_URL']}/notes", headers=headers, trust_env=False)
    return [note["title"] for note in answer.json()["notes"]]


def test_ctrl_c_ends_every_process_and_a_second_run_has_the_same_users_and_keys(
    state: Path, start_run: StartRun, log_in: LogIn
) -> None:
    run = start_run(state)
    children = descendants(run.process.pid)
    assert len(children) >= 5
    assert run.demo["DEMO_PASSWORD"] in run.screen
    assert f"{run.demo['API_URL']}/docs" in run.screen
    first_kids, token = kids(run.demo), log_in(run.demo)
    assert who_am_i(run.demo, token) == 200
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(20) == 0
    assert not [pid for pid in children if alive(pid)]

    again = start_run(state)
    assert users(again.demo) == users(run.demo)
    assert kids(again.demo) == first_kids
    assert who_am_i(again.demo, log_in(again.demo)) == 200


def test_on_other_ports_the_user_is_the_same_and_the_docs_page_works(
    state: Path, start_run: StartRun, log_in: LogIn
) -> None:
    run = start_run(state)
    write_note(run.demo, log_in(run.demo))
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(20) == 0

    again = start_run(state, Ports.free())
    assert again.demo["API_URL"] != run.demo["API_URL"]
    changed = {name for name, value in users(again.demo).items() if run.demo[name] != value}
    assert changed == {"DEMO_PUBLIC_CLIENT_ID"}
    assert titles(again.demo, log_in(again.demo)) == ["Kept"]
    page = f"{again.demo['API_URL'].replace('127.0.0.1', 'localhost')}/docs/oauth2-redirect"
    asked = {"client_id": again.demo["DEMO_PUBLIC_CLIENT_ID"], "redirect_uri": page}
    answer = httpx.get(f"{again.demo['AUTH_URL']}/authorize", params=asked, trust_env=False)
    assert answer.headers["location"].startswith(page)
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(20) == 0


def test_kill_of_supervisor_and_server_leaves_nothing_running_and_the_next_run_comes_up(
    state: Path, start_run: StartRun, log_in: LogIn
) -> None:
    run = start_run(state)
    children = descendants(run.process.pid)
    server = int((state / "postgres/data/postmaster.pid").read_text().split()[0])
    run.process.kill()
    subprocess.run(["kill", "-9", str(server)], check=True)
    wait_until(lambda: not [pid for pid in children if alive(pid)])

    again = start_run(state)
    assert users(again.demo) == users(run.demo)
    assert who_am_i(again.demo, log_in(again.demo)) == 200


def refusal(*arguments: str) -> str:
    """Run the command, which must refuse with one line."""
    done = subprocess.run(
        arguments, capture_output=True, text=True, cwd=REPOSITORY, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Sealgate cannot run: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_second_run_on_the_same_state_is_told_who_has_it(
    state: Path, start_run: StartRun
) -> None:
    run = start_run(state)
    line = refusal(*run_command(state, Ports.free()))
    assert f"running on {state} already (process {run.process.pid})" in line


def test_a_port_in_use_is_named_with_its_holder(state: Path) -> None:
    ports = Ports.free()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports.resource))
        listener.listen()
        line = refusal(*run_command(state, ports))
    assert f"port {ports.resource} (load balancer, resource service) is in use by " in line


def test_a_given_database_that_does_not_answer_is_named(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = free_ports(1)
    monkeypatch.setenv("AUTH_DATABASE_URL", f"postgresql://u:hush@127.0.0.1:{port}/d")
    line = refusal(*run_command(state, Ports.free()))
    assert "AUTH_DATABASE_URL names a database that does not answer" in line
    assert "hush" not in line


def test_a_setting_that_the_service_refuses_is_shown(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_COLOUR", "blue")
    line = refusal(*run_command(state, Ports.free()))
    assert "unknown setting AUTH_COLOUR" in line
