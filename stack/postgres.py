"""A PostgreSQL server of our own, on loopback, with its data under the state folder."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

import asyncpg

from stack import postgres_installation
from stack.errors import StackError
from stack.ports import free_ports
from stack.tether import tethered

SUPERUSER: Final = "postgres"
_READY_WITHIN: Final = 60.0  # seconds; recovery after a crash included
_STOPPED_WITHIN: Final = 10.0  # seconds, for each of the three ways of asking
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})


class EmbeddedPostgres:
    """One server on one state folder; it dies with the process that started it.

    The caller sees to it that no two processes use one state folder at the same time. Start
    it from the main thread: the kernel ends the server when the *thread* that started it ends.
    """

    def __init__(
        self,
        state: Path,
        *,
        port: int | None = None,
        options: Mapping[str, str] = _NO_OPTIONS,
    ) -> None:
        """Take the state folder, a port (None: a free one) and settings for postgresql.conf."""
        self._state = state
        self._port = port
        self._options = options
        self._user = postgres_installation.server_user()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = ""

    @property
    def pid(self) -> int | None:
        """The server's process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def crashed(self) -> bool:
        """Tell whether the server ended without `stop`."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start the server, making its data directory if there is none; return when it is ready.

        A server that outlived its supervisor on the same data is stopped first. Raises
        `StackError`.
        """
        home = self._home()
        data, log = home / "data", home / "postgres.log"
        self.password = self._read_password(data)
        version = data / "PG_VERSION"
        programs = postgres_installation.programs(
            self._user, version.read_text().strip() if version.exists() else None
        )
        if not version.exists():
            self._initialise(programs, data)
        _stop_orphan(data)
        # Chosen once: who was told the address finds the server there again.
        self.port = self._port = self._port or free_ports(1)[0]
        settings = {"log_timezone": "UTC", "timezone": "UTC", **self._options}
        options = [word for pair in settings.items() for word in ("-c", "=".join(pair))]
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-k", ""]
        with log.open("ab") as output:
            self._process = self._spawn([*command, "-p", str(self.port), *options], output.fileno())
        try:
            self._wait_until_ready(data / "postmaster.pid", log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and wait for its end: politely, then fast, then by force."""
        process, self._process = self._process, None
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if process is None or process.poll() is not None:
                return
            process.send_signal(how)
            try:
                process.wait(_STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                continue

    def url(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> str:
        """Return the address of a database; without `password` it is the superuser's."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@127.0.0.1:{self.port}/{database}"

    async def create_database(self, name: str, *, owner: str, password: str) -> str:
        """Make a database and the role that owns it, unless they exist; return its address.

        The role may do anything in its own database and nothing elsewhere. Its password is set
        anew each time.
        """
        connection = await asyncpg.connect(self.url())
        try:
            await _create_role(connection, owner, password)
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await _execute(connection, "CREATE DATABASE %I OWNER %I", name, owner)
            await _execute(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", name)
        finally:
            await connection.close()
        return self.url(name, owner, password)

    async def create_guest(self, database: str, *, role: str, owner: str, password: str) -> str:
        """Make a role that may connect to a database and owns nothing there; return its address.

        What it owned until now, the database itself included, is its `owner`'s from now on.
        """
        connection = await asyncpg.connect(self.url(database))
        try:
            await _create_role(connection, role, password)
            await _execute(connection, "REASSIGN OWNED BY %I TO %I", role, owner)
            await _execute(connection, "GRANT CONNECT ON DATABASE %I TO %I", database, role)
        finally:
            await connection.close()
        return self.url(database, role, password)

    def _home(self) -> Path:
        """Return the server's own folder, where its user can get at it."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        home = self._state / "postgres"
        if self._user is None:
            home.mkdir(mode=0o700, exist_ok=True)
        elif not home.exists():
            self._make_home_for(self._user, home)
        if self._user is not None and home.parent == home.resolve().parent:
            # Through the closed state folder, by the group that is the server's alone.
            os.chown(self._state, -1, self._user.gid)
            self._state.chmod(0o710)
        return home.resolve()

    def _make_home_for(self, user: postgres_installation.ServerUser, home: Path) -> None:
        """Make the folder here, or, if all above is closed to `user`, elsewhere with a link."""
        if user.may_enter(self._state.parent):
            home.mkdir(mode=0o700)
        else:
            elsewhere = postgres_installation.SHARED
            elsewhere.mkdir(mode=0o755, parents=True, exist_ok=True)
            home.unlink(missing_ok=True)
            home.symlink_to(tempfile.mkdtemp(prefix="postgres-", dir=elsewhere))
        os.chown(home, user.uid, user.gid)

    def _read_password(self, data: Path) -> str:
        """Return the superuser's password; a new server gets a new one."""
        file = self._state / "postgres.password"
        if data.exists():
            try:
                return file.read_text()
            except OSError as error:
                raise StackError(f"cannot read {file}, the password of {data}: {error}") from None
        file.unlink(missing_ok=True)
        password = secrets.token_urlsafe(32)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(password)
        return password

    def _initialise(self, programs: Path, data: Path) -> None:
        """Make the data directory under another name first, so that half of one is never used."""
        with tempfile.TemporaryDirectory(dir=data.parent, prefix="initdb-") as name:
            making = Path(name)
            password_file = making / "password"
            password_file.touch(0o600)
            password_file.write_text(self.password)
            if self._user is not None:
                for path in (making, password_file):
                    os.chown(path, self._user.uid, self._user.gid)
            command = [
                *(str(programs / "initdb"), "-D", str(making / "data"), "-U", SUPERUSER),
                *("--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            ]
            with tempfile.TemporaryFile() as output:
                if self._spawn(command, output.fileno()).wait() != 0:
                    output.seek(0)
                    raise StackError(f"initdb failed: {_complaint(output.read())}")
            (making / "data").rename(data)

    def _spawn(self, command: list[str], output: int) -> "subprocess.Popen[bytes]":
        user = "-" if self._user is None else f"{self._user.uid}:{self._user.gid}"
        return subprocess.Popen(
            tethered(command, signal.SIGINT, user),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"LC_ALL": "C", "PATH": os.defpath},
            cwd="/",
            start_new_session=True,
        )

    def _wait_until_ready(self, pid_file: Path, log: Path) -> None:
        """Wait for our own pid and `ready` in postmaster.pid.

        Asking the port would not do: a stranger may answer there.
        """
        assert self._process is not None  # noqa: S101 - start() has set it
        deadline = time.monotonic() + _READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise StackError(f"PostgreSQL stopped: {_complaint(log.read_bytes())} (log: {log})")
            lines = _pid_file_lines(pid_file)
            if len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7] == "ready":
                return
            time.sleep(0.01)
        raise StackError(f"PostgreSQL was not ready within {_READY_WITHIN:.0f} s (log: {log})")


async def _create_role(
    connection: "asyncpg.Connection[asyncpg.Record]", name: str, password: str
) -> None:
    """Make a role unless it exists, and set its password anew."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name):
        await _execute(connection, "CREATE ROLE %I LOGIN", name)
    await _execute(connection, "ALTER ROLE %I PASSWORD %L", name, password)


async def _execute(connection: "asyncpg.Connection[asyncpg.Record]", sql: str, *names: str) -> None:
    """Run a statement that takes no parameters; the server itself quotes the names into it."""
    await connection.execute(
        await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", sql, names)
    )


def _pid_file_lines(pid_file: Path) -> list[str]:
    try:
        return [line.strip() for line in pid_file.read_text().splitlines()]
    except FileNotFoundError:
        return []


def _complaint(output: bytes) -> str:
    """Return the line that says what went wrong, out of all that a program said."""
    lines = output.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    fatal = [line for line in lines if "FATAL" in line or "error:" in line]
    return (fatal or lines)[-1]


def _stop_orphan(data: Path) -> None:
    """End a server that still runs on our data, and forget one that only its lock remembers.

    Its supervisor was killed: the lock on the state folder, which we hold, shows that. Where
    there is no /proc to tell by, PostgreSQL's own lock decides, and says what it found.
    """
    if sys.platform != "linux":
        return
    pid_file = data / "postmaster.pid"
    for how in (signal.SIGINT, signal.SIGQUIT, None):
        lines = _pid_file_lines(pid_file)
        if not lines or not _serves(int(lines[0]), data):
            # The number may be another process's by now, which PostgreSQL would respect.
            pid_file.unlink(missing_ok=True)
            return
        if how is None:
            break
        os.kill(int(lines[0]), how)
        deadline = time.monotonic() + _STOPPED_WITHIN
        while time.monotonic() < deadline and _serves(int(lines[0]), data):
            time.sleep(0.05)
    raise StackError(
        f"another PostgreSQL server (process {lines[0]}) still uses {data}: stop it first"
    )


def _serves(pid: int, data: Path) -> bool:
    """Tell whether this process is a server on `data`; its working directory shows it."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:
        return False
