"""`memory`: a session in the replica's own memory, and its id in a cookie.

The replica takes user and password, checks them at the issuer and remembers who it was. No
other process can recognise the cookie, and this one forgets it when it ends.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from fastapi import FastAPI

from lab.client import Headers
from lab.schemes import Person, Places, Scheme, serving, session_app
from lab.schemes.password_check import ClientSettings
from lab.schemes.sessions import Sessions
from resource_service.settings import Settings
from shared.access_token import AccessToken


class MemorySettings(ClientSettings):
    """What a replica is told. `sessions_file`: sessions to begin with, by id; for measuring."""

    sessions_file: Path | None = None


class MemoryStore:
    """`Sessions` as a session store; nothing in it ever waits."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def open(self, user: AccessToken) -> str:
        """Begin a session."""
        return self._sessions.open(user)

    async def read(self, session_id: str) -> AccessToken | None:
        """Return the session's user, if this process knows it."""
        return self._sessions.read(session_id)

    async def close(self, session_id: str) -> None:
        """Forget the session."""
        self._sessions.close(session_id)


def create_app(settings: Settings) -> FastAPI:
    """Build the app; the sessions of `sessions_file`, if there is one, are there at once."""
    own = MemorySettings.load()
    sessions = Sessions()
    if own.sessions_file is not None and own.sessions_file.exists():
        kept = msgspec.json.decode(own.sessions_file.read_bytes(), type=dict[str, AccessToken])
        for session_id, user in kept.items():
            sessions.put(session_id, user)
    return session_app.create_app(settings, own, MemoryStore(sessions))


async def _seed(places: Places, people: Sequence[Person]) -> list[Headers]:
    ids = [secrets.token_urlsafe(32) for _ in people]
    known = {of: person.claims for of, person in zip(ids, people, strict=True)}
    with os.fdopen(
        os.open(places.sessions_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
    ) as file:
        file.write(msgspec.json.encode(known))
    return [session_app.cookie(of) for of in ids]


SCHEME: Final = Scheme(
    name="memory",
    title="session in the server's memory",
    module="lab.schemes.memory",
    log_in=session_app.log_in,
    seed=_seed,
    variables=("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SESSIONS_FILE"),
)

if __name__ == "__main__":
    serving.main(create_app)
