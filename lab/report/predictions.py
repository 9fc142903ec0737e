"""What the fault matrix was expected to show, written down before it was run."""

from typing import Any, Final, Literal

from lab.report import measured

Json = dict[str, Any]
Outcome = Literal["nothing", "some", "logged out", "accepted for a while", "accepted"]

# What is still let in after a log-out (F10), and with a forgery from a leaked configuration (F12).
_ACCEPTED: Final = {
    "F10": frozenset({"none", "memory", "hs256", "rs256"}),  # in memory: only one replica forgets
    "F12": frozenset({"basic", "postgres", "redis", "hs256"}),
}
_FOR_A_WHILE: Final = {"F10": frozenset({"rs256+status"})}


_PER_PROCESS: Final = frozenset({"memory", "sticky"})
_IN_A_STORE: Final = frozenset({"basic", "postgres", "redis"})
_AT_THE_ISSUER: Final = frozenset({"opaque"})
_LOGGED_OUT: Final = {
    "F1": _PER_PROCESS,
    "P4": _PER_PROCESS,
    "F14": _PER_PROCESS,
    "F4": frozenset({"redis"}),  # it keeps nothing on disk
    "F7": frozenset({"hs256"}),  # one key at a time
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
    if scheme in _ACCEPTED.get(fault, ()):
        return "accepted"
    if scheme in _FOR_A_WHILE.get(fault, ()):
        return "accepted for a while"
    if scheme in _LOGGED_OUT.get(fault, ()):
        return "logged out"
    if scheme in _SOME.get(fault, ()):
        return "some"
    return "some" if front == "plain" and fault in _WITHOUT_A_SECOND_TRY else "nothing"


def outcome(data: Json, one: Json) -> Outcome:
    """Return what a cell showed: who was let in or logged out, more than a little lost, nothing."""
    if one.get("ends"):
        accepted, until = measured.wrongly_accepted(data, one)
        last = len(one["slices"]) * data["slice"] - one["mended"]
        if accepted == 0:
            return "nothing"
        return "accepted" if until > last - 1.0 else "accepted for a while"
    lost = measured.losses(data, one)
    if lost["logged_out"] > 0:
        return "logged out"
    before = 1 - lost["before"].get("200", 0.0)
    after = 1 - lost["after"].get("200", 0.0)
    # What loses half of its requests anyhow loses a little more or less by chance.
    return "some" if after - before > (0.1 if before else 0.01) else "nothing"
