"""`python -m lab run`, as a person runs it: stopped half-way, gone on with, and its report."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import alive, descendants

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sealgate-test-") as name:
        Path(name).chmod(0o711)
        (Path(name) / "temporary").mkdir(0o711)
        yield Path(name)


async def _start(folder: Path, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lab", "run", "--quick", "--results", str(folder / "results")),
        *words,
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(folder / "temporary")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_ctrl_c_leaves_nothing_but_finished_results_and_resume_goes_on(folder: Path) -> None:
    process = await _start(folder, "--only", "C9,C4")
    results = folder / "results"
    async with asyncio.timeout(90):
        while not (results / "C9.json").exists():
            assert process.returncode is None
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        children = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    assert process.returncode == 130, output.decode()
    assert b"Traceback" not in output
    assert b"no process is left behind" in output
    assert [pid for pid in children if alive(pid)] == []
    assert list((folder / "temporary").iterdir()) == []
    assert {file.stem for file in results.iterdir()} == {"run", "C9"}
    before = (results / "C9.json").read_bytes()

    process = await _start(folder, "--only", "C9,C4", "--resume")
    output, _ = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, output.decode()
    assert (results / "C9.json").read_bytes() == before
    kept = json.loads((results / "C4.json").read_text())
    assert kept["seed"] == json.loads((results / "run.json").read_text())["seed"]
    assert "C4" in (results / "scaling.md").read_text()
    assert (results / "scaling.html").exists()


async def test_an_unknown_experiment_is_refused_with_the_list(folder: Path) -> None:
    process = await _start(folder, "--only", "E99")
    output, _ = await process.communicate()
    assert process.returncode == 2
    assert b"no such experiment" in output
