"""A session in memory ends when idle, at its absolute limit, and at log-out."""

from lab.schemes.sessions import Sessions
from shared.access_token import AccessToken

USER = AccessToken(
    iss="http://127.0.0.1:8000",
    sub="a-user",
    aud="http://127.0.0.1:8080",
    exp=300,
    iat=0,
    jti="a-token",
    client_id="a-client",
    scope_value="notes:read",
)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _sessions(clock: Clock) -> Sessions:
    return Sessions(idle_timeout=30, lifetime=100, now=clock)


def test_an_idle_session_ends_at_its_time_and_not_before() -> None:
    clock = Clock()
    sessions = _sessions(clock)
    first, second = sessions.open(USER), sessions.open(USER)
    clock.seconds = 29.9
    assert sessions.read(first) == USER
    clock.seconds = 30
    assert sessions.read(second) is None
    assert sessions.read(first) == USER


def test_a_busy_session_ends_at_its_absolute_limit() -> None:
    clock = Clock()
    sessions = _sessions(clock)
    session_id = sessions.open(USER)
    for clock.seconds in range(0, 100, 10):
        assert sessions.read(session_id) == USER
    clock.seconds = 100
    assert sessions.read(session_id) is None
    assert len(sessions) == 0


def test_an_ended_session_does_not_come_back_when_the_clock_does() -> None:
    clock = Clock()
    sessions = _sessions(clock)
    session_id = sessions.open(USER)
    clock.seconds = 30
    assert sessions.read(session_id) is None
    clock.seconds = 0
    assert sessions.read(session_id) is None


def test_log_out_ends_one_session_and_an_unknown_id_harms_nobody() -> None:
    sessions = _sessions(Clock())
    mine, other = sessions.open(USER), sessions.open(USER)
    sessions.close(mine)
    sessions.close("unknown")
    assert sessions.read(mine) is None
    assert sessions.read(other) == USER


def test_every_log_in_has_a_new_id_of_256_bits() -> None:
    sessions = _sessions(Clock())
    ids = {sessions.open(USER) for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(session_id) for session_id in ids} == {43}  # 32 octets in base64url


def test_memory_is_given_back_at_the_next_log_in() -> None:
    clock = Clock()
    sessions = _sessions(clock)
    busy = sessions.open(USER)
    for _ in range(100):
        sessions.open(USER)
    clock.seconds = 20
    sessions.read(busy)
    clock.seconds = 31
    sessions.open(USER)
    assert len(sessions) == 2
    assert sessions.read(busy) == USER
