"""CPU quotas for groups of processes, where the machine lets us set them (cgroups, v1 or v2)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PERIOD: Final = 20_000  # microseconds: short, so that a quota is no long pause
_LEAST: Final = 1_000  # microseconds: the kernel's minimum
_V1: Final = Path("/sys/fs/cgroup/cpu")
_V2: Final = Path("/sys/fs/cgroup")


class Quotas:
    """Groups of processes with a share of a core each; leaving removes the groups."""

    def __init__(self) -> None:
        self._groups: list[Path] = []

    @staticmethod
    def available() -> bool:
        """Tell whether quotas can be set, by setting one."""
        try:
            with Quotas() as quotas:
                quotas.limit("probe", 1.0, ())
        except OSError:
            return False
        return True

    def __enter__(self) -> "Quotas":
        """Return the quotas themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Send the processes back to the group above, and remove ours."""
        for group in self._groups:
            for pid in _members(group):
                with suppress(OSError):
                    (group.parent / "cgroup.procs").write_text(str(pid))
            with suppress(OSError):
                group.rmdir()

    def limit(self, name: str, cores: float, pids: Iterable[int]) -> None:
        """Give these processes, and whatever they start, so much of a core; `OSError` if not."""
        root = _V1 if (_V1 / "cpu.cfs_quota_us").exists() else _V2
        group = root / f"sealgate-lab-{os.getpid()}-{name}"
        group.mkdir(exist_ok=True)
        self._groups.append(group)
        quota = max(_LEAST, round(cores * _PERIOD))
        period = round(quota / cores)
        if root is _V1:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
        else:
            (group / "cpu.max").write_text(f"{quota} {period}")
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))


def _members(group: Path) -> list[int]:
    try:
        return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []
