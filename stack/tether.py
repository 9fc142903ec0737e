"""Run a program that dies with its parent: tether.py PARENT SIGNAL USER -- PROGRAM ARGUMENT…

This file is the script that the child runs first, so that none of our code runs between fork
and exec in a parent that may have threads. PARENT is the parent's pid, SIGNAL the number of the
signal that the kernel sends when the parent is gone (Linux only; what it watches is the
*thread* that started the child), USER is `uid:gid`, or `-` to stay who we are.
"""

import ctypes
import os
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tethered(command: Sequence[str], on_death: int, user: str = "-") -> list[str]:
    """Return the command line that runs `command` and has `on_death` sent to it when we die."""
    tether = [__file__, str(os.getpid()), str(int(on_death)), user, "--"]
    return [sys.executable, "-I", "-S", *tether, *command]


def main() -> None:
    """Become the program."""
    parent, signal, user, _, *program = sys.argv[1:]
    if user != "-":
        uid, gid = map(int, user.split(":"))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    # After the change of user, which would clear it again.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent died first")
    os.execv(program[0], program)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
