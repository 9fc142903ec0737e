"""`python -m lab demo`, run as a person would, but in a pipe."""

import asyncio
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent.parent
COMMAND = (sys.executable, "-m", "lab", "demo")


@dataclass(frozen=True)
class Run:
    status: int
    output: str
    seconds: float
    folder: Path


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """An empty temporary folder, where the demo's database user can get at it."""
    with tempfile.TemporaryDirectory(prefix="sealgate-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="session")
async def run(folder: Path) -> Run:
    began = time.monotonic()
    process = await _start(folder)
    assert process.stdout is not None
    output = (await asyncio.wait_for(process.stdout.read(), 240)).decode()
    return Run(await process.wait(), output, time.monotonic() - began, folder)


async def _start(folder: Path) -> asyncio.subprocess.Process:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTH_", "RESOURCE_", "LAB_", "FORCE_COLOR", "TTY_"))
    }
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        cwd=REPOSITORY,
        env={**environment, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def _processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that were told of anything in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def _rows(output: str, pattern: str) -> list[tuple[str, ...]]:
    return [match.groups() for match in re.finditer(pattern, output, re.MULTILINE)]


async def test_it_succeeds(run: Run) -> None:
    assert run.status == 0, run.output


async def test_sessions_lose_what_theory_says_and_tokens_lose_nothing(run: Run) -> None:
    rows = _rows(
        run.output,
        r"^  (session|JWT) +(\d) +(\d+) +(\d+) +(\d+) +([\d.]+) % +([\d.]+) %  ([\d ]+)$",
    )
    assert [(row[0], row[1], row[5], row[6]) for row in rows] == [
        ("session", "1", "0", "0"),
        ("session", "2", "50", "50"),
        ("session", "4", "75", "75"),
        ("JWT", "1", "0", "0"),
        ("JWT", "2", "0", "0"),
        ("JWT", "4", "0", "0"),
    ]
    for _scheme, replicas, ok, refused, other, share, _expected, answered in rows:
        assert int(ok) + int(refused) == 40
        assert other == "0"
        assert int(refused) / 40 == float(share) / 100
        assert len(answered.split()) == int(replicas)
        assert sum(map(int, answered.split())) == 40


async def test_every_request_of_a_volley_has_its_mark(run: Run) -> None:
    marks = _rows(run.output, r"^  (session|JWT) +(\d) replicas? +([ox!]+)$")
    assert [(scheme, size, len(line)) for scheme, size, line in marks] == [
        (scheme, size, 40) for scheme in ("session", "JWT") for size in "124"
    ]
    shares = {(scheme, size): line.count("x") / 40 for scheme, size, line in marks}
    assert shares["session", "4"] == 0.75
    assert shares["JWT", "4"] == 0


async def test_the_outage_ends_the_session_but_not_the_token_until_its_time(run: Run) -> None:
    phases = _rows(run.output, r"^  ( |[A-F])  (.+?) +(\d+) of (\d+) +(\d+) of (\d+)$")
    answered = {
        phase[0]: (int(phase[2]) / int(phase[3]), int(phase[4]) / int(phase[5])) for phase in phases
    }
    assert list(answered) == [" ", "A", "B", "C", "D", "E", "F"]
    session, token = zip(*answered.values(), strict=True)
    assert session[0] == pytest.approx(1 / 4, abs=0.1)
    assert set(session[1:]) == {0}  # from the death of its replica on
    assert token == (1, 1, 1, 1, 1, 1, 0)
    # exp, and the 30 s that the verifier allows for clocks that differ
    [(late,)] = _rows(run.output, r"^  F +[\d.]+ s  first 401 for the JWT, ([\d.]+) s after exp")
    assert float(late) == pytest.approx(30, abs=1)


async def test_nobody_logs_in_while_the_issuer_is_dead(run: Run) -> None:
    tries = _rows(run.output, r"^  [A-F] .*→  (session|JWT): (\d+) (\w+), after")
    assert tries == [
        ("session", "503", "temporarily_unavailable"),
        ("JWT", "503", "temporarily_unavailable"),
    ]


async def test_a_replica_that_comes_back_knows_the_token_but_not_the_session(run: Run) -> None:
    [(session, asked, token, all_)] = _rows(
        " ".join(run.output.split()), r"\(memory-1: (\d+) of (\d+); replica-1: (\d+) of (\d+)\)"
    )
    assert session == "0"
    assert int(asked) > 20
    assert token == all_
    assert int(token) > 20


async def test_the_strip_chart_counts_every_request_once(run: Run) -> None:
    lines = _rows(run.output, r"^  (?:session|JWT|   ) +(?:200|401|5xx|lost) +([\d·]+)$")
    drawn = sum(int(digit) for (line,) in lines for digit in line if digit != "·")
    phases = _rows(run.output, r"^  (?: |[A-F])  .+? +\d+ of (\d+) +\d+ of (\d+)$")
    assert drawn == sum(int(a) + int(b) for a, b in phases)


async def test_a_pipe_gets_plain_text_of_at_most_80_columns(run: Run) -> None:
    controls = {character for character in run.output if character < " "} - {"\n"}
    assert controls == set()
    assert "\x7f" not in run.output
    assert max(map(len, run.output.splitlines())) <= 80
    assert [line for line in run.output.splitlines() if line.endswith(" ")] == []


async def test_no_secret_is_printed_whole(run: Run) -> None:
    printed = set(re.findall(r"[\w-]{22,}", run.output))
    # What is as long as a secret and is none: key thumbprint, jti, and UUIDs.
    known = set(re.findall(r'"?(?:kid|jti)"?[: ]+"([\w-]+)"', run.output))
    others = {word for word in printed - known if not re.fullmatch(r"[0-9a-f-]{36}|[ox\d]+", word)}
    assert others == {"temporarily_unavailable"}
    assert not re.search(r"eyJ[\w-]{20}", run.output)


async def test_it_takes_about_a_minute_and_leaves_nothing(run: Run) -> None:
    assert run.seconds < 120  # on a machine that others use as well
    assert _processes_of(run.folder) == []
    assert os.listdir(run.folder) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
    ],
)
@pytest.mark.parametrize(
    "when", [pytest.param(b"real:", id="starting"), pytest.param(b"kill -9", id="outage")]
)
async def test_stopped_half_way_it_leaves_nothing(
    number: signal.Signals, status: int, when: bytes, folder: Path
) -> None:
    process = await _start(folder)
    assert process.stdout is not None
    async with asyncio.timeout(120):
        while when not in (line := await process.stdout.readline()):
            assert line, "it ended by itself"
        await asyncio.sleep(1)
        assert _processes_of(folder)
        process.send_signal(number)
        output = (await process.stdout.read()).decode()
        assert await process.wait() == status, output
    assert "Traceback" not in output
    assert "Stopped: no process and no file is left behind." in output
    assert _processes_of(folder) == []
    assert os.listdir(folder) == []
