"""What the fault matrix was expected to show, written down before it was run."""

from typing import Any, Final, Literal

from lab.report import measured

Json = dict[str, Any]
Outcome = Literal["nothing", "some", "logged out"]

_PER_PROCESS: Final = frozenset({"memory", "sticky"})
_IN_A_STORE: Final = frozenset({"basic", "postgres", "redis"})


def predicted(fault: str, scheme: str, front: str) -> Outcome:
    """Return what was expected of a cell; `front` is `retrying` or `plain`."""
    if fault in ("F1", "P4", "F14") and scheme in _PER_PROCESS:
        return "logged out"
    if fault == "F4" and scheme == "redis":
        return "logged out"  # it keeps nothing on disk
    if fault in ("F4", "F5") and scheme in _IN_A_STORE:
        return "some"
    if fault == "F2" and scheme in _PER_PROCESS:
        return "some"  # asked another replica, which knows nobody
    if fault in ("F1", "P4") and front == "plain":
        return "some"
    return "nothing"


def outcome(data: Json, one: Json) -> Outcome:
    """Return what a cell showed: somebody logged out, more than a little lost, or nothing."""
    lost = measured.losses(data, one)
    if lost["logged_out"] > 0:
        return "logged out"
    before = 1 - lost["before"].get("200", 0.0)
    after = 1 - lost["after"].get("200", 0.0)
    # What loses half of its requests anyhow loses a little more or less by chance.
    return "some" if after - before > (0.1 if before else 0.01) else "nothing"
