"""Supervised processes: what is started again, what is not, and what never stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.ports import free_ports
from stack.processes import Process, Program
from tests.processes import alive, wait_until

StartUpstream = Callable[..., Awaitable[Process]]
SUPERVISOR = """
import asyncio, os, sys
from pathlib import Path
from stack.processes import Process, Program

async def main():
    program = Program("sleep", ["/bin/sleep", "600"], "", {})
    process = Process(program, Path(sys.argv[1]), restart=True, tell=print)
    await process.start()
    print(process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def pid_of(process: Process) -> int:
    assert process.pid is not None
    return process.pid


async def test_a_dead_process_is_started_again_and_that_is_told(
    start_upstream: StartUpstream,
) -> None:
    told: list[str] = []
    process = await start_upstream(restart=True, tell=told.append)
    before = pid_of(process)
    process.signal(signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: process.pid not in (None, before))
    await process.wait_until_ready()
    assert len(told) == 1
    assert told[0].startswith("upstream ended by SIGKILL; starting it again in 0.")


async def test_without_restart_a_dead_process_stays_dead(start_upstream: StartUpstream) -> None:
    process = await start_upstream(restart=False)
    process.signal(signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: process.pid is None)
    await asyncio.sleep(0.5)
    assert process.pid is None


async def test_a_killed_process_comes_back_only_when_it_is_started(
    start_upstream: StartUpstream,
) -> None:
    process = await start_upstream(restart=True)
    await process.kill()
    await asyncio.sleep(0.5)
    assert process.pid is None
    await process.start()
    await process.wait_until_ready()


async def test_stop_ends_a_frozen_process(start_upstream: StartUpstream) -> None:
    process = await start_upstream()
    pid = pid_of(process)
    process.signal(signal.SIGSTOP)
    await process.stop()
    assert not alive(pid)


async def test_a_process_that_fails_at_its_start_is_reported_with_its_last_words(
    tmp_path: Path,
) -> None:
    program = Program("broken", [sys.executable, "-c", "exit('no settings')"], "http://[::1]:1", {})
    process = Process(program, tmp_path, restart=True, tell=lambda _line: None)
    await process.start()
    with pytest.raises(StackError, match=r"^broken did not get ready: no settings \(log: .*\)$"):
        await process.wait_until_ready()
    await process.stop()


async def test_a_process_that_never_gets_ready_is_reported(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    process = Process(
        Program("deaf", ["/bin/sleep", "60"], url, {}),
        tmp_path,
        restart=True,
        tell=lambda _line: None,
    )
    await process.start()
    with pytest.raises(StackError, match=r"^deaf did not get ready: it said nothing"):
        await process.wait_until_ready(within=0.2)
    await process.stop()


def test_nothing_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert os.getsid(pid) == pid  # a session of its own: Ctrl-C is the supervisor's alone
        supervisor.kill()
    wait_until(lambda: not alive(pid))
