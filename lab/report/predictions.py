"""What the fault matrix was expected to show, written down before it was run."""

from typing import Any, Final, Literal

from lab.report import measured

Json = dict[str, Any]
Outcome = Literal["nothing", "some", "logged out"]

_PER_PROCESS: Final = frozenset({"memory", "sticky"})
_IN_A_STORE: Final = frozenset({"basic", "postgres", "redis"})
_AT_THE_ISSUER: Final = frozenset({"opaque"})
_LOGGED_OUT: Final = {
    "F1": _PER_PROCESS,
    "P4": _PER_PROCESS,
    "F14": _PER_PROCESS,
    "F4": frozenset({"redis"}),  # it keeps nothing on disk
}
_SOME: Final = {
    "F2": _PER_PROCESS,  # another replica is asked, which knows nobody
    "F3": _AT_THE_ISSUER,
    "P4": _AT_THE_ISSUER,
    "F6": _AT_THE_ISSUER,
    "F4": _IN_A_STORE,
    "F5": _IN_A_STORE,
}
_WITHOUT_A_SECOND_TRY: Final = frozenset({"F1", "P4"})  # lost, whatever the scheme


def predicted(fault: str, scheme: str, front: str) -> Outcome:
    """Return what was expected of a cell; `front` is `retrying` or `plain`."""
    if scheme in _LOGGED_OUT.get(fault, ()):
        return "logged out"
    if scheme in _SOME.get(fault, ()):
        return "some"
    return "some" if front == "plain" and fault in _WITHOUT_A_SECOND_TRY else "nothing"


def outcome(data: Json, one: Json) -> Outcome:
    """Return what a cell showed: somebody logged out, more than a little lost, or nothing."""
    lost = measured.losses(data, one)
    if lost["logged_out"] > 0:
        return "logged out"
    before = 1 - lost["before"].get("200", 0.0)
    after = 1 - lost["after"].get("200", 0.0)
    # What loses half of its requests anyhow loses a little more or less by chance.
    return "some" if after - before > (0.1 if before else 0.01) else "nothing"
