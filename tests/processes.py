"""Processes in tests: the command of `make run`, and what Linux knows about the others."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from stack.layout import Ports


def run_command(state: Path, ports: Ports) -> list[str]:
    """Return the command that `make run` runs, for a state folder and ports."""
    numbers = (ports.auth, ports.auth_process, ports.resource, *ports.replicas)
    joined = ",".join(map(str, numbers))
    return [sys.executable, "-m", "stack", "--state", str(state), "--ports", joined]


def alive(pid: int) -> bool:
    """A zombie is dead: it only waits to be counted."""
    return _state_and_parent(pid)[0] not in ("", "Z")


def descendants(pid: int) -> set[int]:
    """The children of a process, their children, and so on."""
    parents = {
        int(folder.name): _state_and_parent(int(folder.name))[1]
        for folder in Path("/proc").glob("[0-9]*")
    }
    found: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def wait_until(condition: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return state, int(parent)
