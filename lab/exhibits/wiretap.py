"""What is said to a store, read from the wire: commands of Redis, statements of PostgreSQL."""

import re
import struct
from typing import Final

_LONGEST: Final = 60  # characters of a word or a statement that are shown


class RedisTap:
    """Reads the client's side of a connection in Redis' protocol (RESP)."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def __call__(self, octets: bytes, from_client: bool) -> None:
        """Take down the commands on sessions, shortened; others are about the connection."""
        if not from_client:
            return
        for command in octets.split(b"*")[1:]:
            words = [
                word.decode(errors="replace")
                for word in re.findall(rb"\$\d+\r\n(.*?)\r\n", command, re.DOTALL)
            ]
            if any(word.startswith(("session:", "denied:")) for word in words):
                self.commands.append(" ".join(map(_short, words)))

    def take(self) -> list[str]:
        """Return what was said since the last time."""
        taken, self.commands = self.commands, []
        return taken


class SqlTap:
    """Reads the client's side of one connection in PostgreSQL's protocol (version 3)."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self._prepared: dict[bytes, str] = {}
        self._begun = False
        self._rest = b""

    def __call__(self, octets: bytes, from_client: bool) -> None:
        """Take down each statement that is executed, not those that are only prepared."""
        if not from_client:
            return
        self._rest += octets
        while len(self._rest) >= 5:
            kind, start = (self._rest[:1], 1) if self._begun else (b"", 0)
            (length,) = struct.unpack_from("!I", self._rest, start)
            if len(self._rest) < start + length:
                return
            payload = self._rest[start + 4 : start + length]
            self._rest = self._rest[start + length :]
            # Before the startup packet there may be a question for TLS (80877103).
            self._begun = self._begun or struct.unpack_from("!I", payload)[0] != 80877103
            self._message(kind, payload)

    def _message(self, kind: bytes, payload: bytes) -> None:
        if kind == b"P":  # Parse: a statement gets a name
            name, sql, _ = payload.split(b"\0", 2)
            self._prepared[name] = sql.decode()
        elif kind == b"B":  # Bind: it is given its values, and executed next
            _, name, _ = payload.split(b"\0", 2)
            statement = " ".join(self._prepared.get(name, "").split())
            if " sessions" in statement:
                self.statements.append(statement)

    def take(self) -> list[str]:
        """Return what was executed since the last time."""
        taken, self.statements = self.statements, []
        return taken


def _short(word: str) -> str:
    if word.startswith(("session:", "denied:")):
        kind, _, name = word.partition(":")
        return f"{kind}:{name[:8]}…"
    return word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…"
