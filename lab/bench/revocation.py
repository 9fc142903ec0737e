"""How long a revoked token still passes, on two replicas that follow the status list.

A trial is a log-in of its own: its token is revoked, and from the answer of `/revoke` on it is
sent to both replicas again and again until both say 401. Its lag is the time from that answer to
the last 200 of either. Trials begin evenly spread over several polls, so every phase of the poll
has its share, and run side by side, since each lasts up to a poll; what one sees is not
independent of its neighbours, which wait for the same two polls.

The replicas are probed every `_PROBE` seconds, so a lag is known to that, and never too long by
more than an answer takes. They poll as by default, each in its own phase.
"""

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from lab.client import Client, Request
from resource_service.status_list import POLL
from stack.errors import StackError
from stack.stack import Stack

TRIALS: Final = 120
_POLLS: Final = 4  # over which the trials begin
_PROBE: Final = 0.03  # seconds
_GIVE_UP: Final = 4 * POLL


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds from the revocation to the last 200, over all trials."""

    median: float
    most: float
    least: float
    trials: int

    @property
    def bound(self) -> float:
        """A poll, and a second for the fetch and for a machine that is busy with measuring."""
        return POLL + 1.0


async def measure(stack: Stack, replicas: Sequence[int]) -> Lag:
    """Run the trials against the replicas on these ports."""
    async with Client() as http:
        # One after the other: the server hashes one password at a time anyway.
        tokens = [await _log_in(http, stack) for _ in range(TRIALS)]
        urls = [f"http://127.0.0.1:{port}/whoami" for port in replicas]
        for url in urls:
            await _expect(http, Request("GET", url, _bearer(tokens[0])))
        step = _POLLS * POLL / TRIALS
        trials = [_trial(http, stack, urls, token, n * step) for n, token in enumerate(tokens)]
        lags = await asyncio.gather(*trials)
    return Lag(statistics.median(lags), max(lags), min(lags), len(lags))


async def _trial(
    http: Client, stack: Stack, urls: Sequence[str], token: str, begin: float
) -> float:
    now = asyncio.get_running_loop().time
    await asyncio.sleep(begin)
    for url in urls:  # into the cache of verified tokens: it must not shield a revoked one
        await _expect(http, Request("GET", url, _bearer(token)))
    form = [("token", token), ("client_id", stack.demo["DEMO_PUBLIC_CLIENT_ID"])]
    await _expect(http, Request.form(f"{stack.auth_url}/revoke", form))
    revoked_at = now()
    last = await asyncio.gather(*(_last_200(http, url, token, now) for url in urls))
    return max(0.0, max(last) - revoked_at)


async def _last_200(http: Client, url: str, token: str, now: Callable[[], float]) -> float:
    """Send the token until it is refused; return when it was last accepted, 0 for never."""
    last = 0.0
    deadline = now() + _GIVE_UP
    while now() < deadline:
        response = await http.send(Request("GET", url, _bearer(token)))
        if response.status == HTTPStatus.UNAUTHORIZED:
            return last
        if response.status != HTTPStatus.OK:
            raise StackError(f"{url} answered {response.status} while a token was being revoked")
        last = now()
        await asyncio.sleep(_PROBE)
    raise StackError(f"{url} still took a token {_GIVE_UP:.0f} s after it was revoked")


async def _log_in(http: Client, stack: Stack) -> str:
    form = [
        ("grant_type", "password"),
        ("client_id", stack.demo["DEMO_PUBLIC_CLIENT_ID"]),
        ("username", stack.demo["DEMO_USERNAME"]),
        ("password", stack.demo["DEMO_PASSWORD"]),
    ]
    response = await http.send(Request.form(f"{stack.auth_url}/token", form))
    if response.status != HTTPStatus.OK:
        raise StackError(f"a log-in for the bench was refused: {response.status}")
    return str(response.json()["access_token"])


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def _expect(http: Client, request: Request) -> None:
    response = await http.send(request)
    if response.status != HTTPStatus.OK:
        raise StackError(f"{request.method} {request.url} answered {response.status}")
