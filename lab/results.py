"""Raw results on disk: one JSON file per experiment, with the facts of the machine."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lab.quota import Quotas

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent / "results"  # of the run that the docs are made from


def machine() -> Json:
    """Return what of this machine a reader has to know; nothing that names it."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "cpu_quotas": Quotas.available(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def revision() -> str:
    """Return the commit that ran; empty outside a checkout."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, cwd=Path(__file__).parent, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode().strip() if answer.returncode == 0 else ""


def now() -> str:
    """Return the time, to the second, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(folder: Path, name: str, result: Json) -> None:
    """Write a whole file or none; a later reader never sees half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{name}.{os.getpid()}"
    making.write_text(json.dumps(_rounded(result), indent=1, sort_keys=True) + "\n")
    making.replace(folder / f"{name}.json")


def read(folder: Path) -> dict[str, Json]:
    """Return all results of a folder, by experiment."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))}


def _rounded(value: Any) -> Any:
    """Cut floats to six significant digits, which is more than was measured."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(member) for member in value]
    return value


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
