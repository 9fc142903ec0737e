"""The state folder: what a stack keeps from one run to the next."""

import base64
import fcntl
import os
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.errors import StackError

DEFAULT_STATE: Final = Path(__file__).parent.parent / ".sealgate"


class State:
    """One folder, used by one stack at a time; all in it is for its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._lock: int | None = None

    @property
    def logs(self) -> Path:
        """Where each process has its log."""
        return self._folder("logs")

    @property
    def mailbox(self) -> Path:
        """Where mails are kept that have no relay to go to."""
        return self._folder("mailbox")

    @property
    def key_sets(self) -> Path:
        """Where each replica keeps the issuer's keys it saw last."""
        return self._folder("jwks")

    @property
    def caddy(self) -> Path:
        """What Caddy wants to keep."""
        return self._folder("caddy")

    def acquire(self) -> None:
        """Make the folder and lock it, or raise `StackError` if another stack uses it.

        The kernel lets go of the lock when its holder ends, however it ends.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StackError(f"the state folder {self.path} cannot be used: {error}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode().strip()
            os.close(lock)
            raise StackError(
                f"a stack is running on {self.path} already (process {holder}): use that one,"
                " or stop it first"
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock
        # Each run begins new logs; those of the run before stay as *.log.1.
        for log in self.logs.glob("*.log"):
            log.replace(log.with_name(f"{log.name}.1"))

    def release(self) -> None:
        """Let another stack have the folder."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def key_encryption_key_file(self) -> Path:
        """Return the file with the key that signing keys are encrypted under; made once."""
        file = self.path / "key-encryption-key"
        if not file.exists():
            write_private(file, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() + "\n")
        return file

    def write_variables(self, name: str, variables: Mapping[str, str]) -> None:
        """Write a file that a shell can read with `.`."""
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
        write_private(self.path / name, "".join(lines))

    def read_variables(self, name: str) -> dict[str, str]:
        """Read such a file back; empty if there is none."""
        try:
            words = shlex.split((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        return dict(word.split("=", 1) for word in words)

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600 as a whole: nobody ever reads half of it."""
    making = file.with_name(f"{file.name}.{os.getpid()}")
    making.unlink(missing_ok=True)
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)
    making.replace(file)
