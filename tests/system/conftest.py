"""Fixtures: `make run` as a person starts it, and somebody who calls the stack."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from stack.layout import Ports
from stack.stack import Stack
from stack.state import State
from tests.processes import run_command

REPOSITORY = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Run:
    """A `python -m stack` that is up."""

    process: "subprocess.Popen[str]"
    screen: str
    demo: dict[str, str]


StartRun = Callable[..., Run]


@pytest.fixture
def start_run() -> Iterator[StartRun]:
    """Run the command in the foreground of nobody, on free ports, until it says that it is up.

    A second run has the ports of the first one, as it has for a person, unless it is given others.
    """
    processes: list[subprocess.Popen[str]] = []
    ports = Ports.free()

    def start(state: Path, ports: Ports = ports) -> Run:
        process = subprocess.Popen(
            run_command(state, ports),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=REPOSITORY,
        )
        processes.append(process)
        assert process.stdout is not None
        screen = ""
        for line in process.stdout:
            screen += line
            if "Ctrl-C" in line:
                return Run(process, screen, State(state).read_variables("demo.env"))
        pytest.fail(f"the stack did not come up: {screen}")

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def token_of(demo: dict[str, str], **also: str) -> str:
    """Log the demo user in; an access token."""
    answer = httpx.post(
        f"{demo['AUTH_URL']}/token",
        data={
            "grant_type": "password",
            "username": demo["DEMO_USERNAME"],
            "password": demo["DEMO_PASSWORD"],
            **also,
        },
        auth=(demo["DEMO_CLIENT_ID"], demo["DEMO_CLIENT_SECRET"]),
        trust_env=False,
    )
    token: str = answer.raise_for_status().json()["access_token"]
    return token


@pytest.fixture
def log_in() -> Callable[[dict[str, str]], str]:
    """Log the demo user in and return an access token."""
    return token_of


@pytest.fixture(scope="session")
def token(system: Stack) -> str:
    """An access token of the shared stack's demo user."""
    return token_of(system.demo)


@pytest.fixture(scope="session")
def openid_token(system: Stack) -> str:
    """The same, for the userinfo endpoint."""
    return token_of(system.demo, scope="openid profile")
