"""Sessions in the memory of one process: what a replica knows and its neighbour does not."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.schemes.session_app import IDLE_TIMEOUT, LIFETIME
from shared.access_token import AccessToken


@dataclass(slots=True)
class _Session:
    user: AccessToken
    ends_at: float
    idle_at: float


class Sessions:
    """Who is logged in, by session id; an id is 256 random bits.

    A session ends when it has been idle for `idle_timeout`, and `lifetime` after log-in at the
    latest, both in seconds (NIST SP 800-63B §4.2.3 asks for both limits). Ended sessions make
    room at the next log-in.
    """

    def __init__(
        self,
        *,
        idle_timeout: float = IDLE_TIMEOUT,
        lifetime: float = LIFETIME,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._idle_timeout = idle_timeout
        self._lifetime = lifetime
        self._now = now
        self._sessions: dict[str, _Session] = {}  # the least recently used one first

    def __len__(self) -> int:
        """Count the sessions in memory."""
        return len(self._sessions)

    def open(self, user: AccessToken) -> str:
        """Begin a session and return its id, which is new at every log-in."""
        session_id = secrets.token_urlsafe(32)
        self.put(session_id, user)
        return session_id

    def put(self, session_id: str, user: AccessToken) -> None:
        """Begin a session under an id that was chosen elsewhere."""
        now = self._now()
        self._forget_idle(now)
        self._sessions[session_id] = _Session(user, now + self._lifetime, now + self._idle_timeout)

    def read(self, session_id: str) -> AccessToken | None:
        """Return the session's user and begin its idle time anew; None if there is no session."""
        now = self._now()
        session = self._sessions.pop(session_id, None)
        if session is None or now >= session.ends_at or now >= session.idle_at:
            return None
        session.idle_at = now + self._idle_timeout
        self._sessions[session_id] = session
        return session.user

    def close(self, session_id: str) -> None:
        """End a session now; unknown ids are no error."""
        self._sessions.pop(session_id, None)

    def _forget_idle(self, now: float) -> None:
        while self._sessions:
            longest_idle = next(iter(self._sessions))
            if now < self._sessions[longest_idle].idle_at:
                return  # all that follow were used later
            del self._sessions[longest_idle]
